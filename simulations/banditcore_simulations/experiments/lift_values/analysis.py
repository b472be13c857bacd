"""Bars of the lift of revenue."""

from __future__ import annotations

from banditcore_simulations.lab.analysis import Analysis
from banditcore_simulations.lab.bars import Bar, Bars, judged
from banditcore_simulations.lab.results import Results

MOST = 0.061
"""Of 1,500 runs: .05 and two standard errors. False alarm: 2 %."""
BARS: Bars = {
    "same revenue": [
        Bar("planned", "planned .05, capped, larger error, claims", most=MOST, of=1_500, small=0.08),
        Bar("rule", "planned .04 + open .01 claims", most=MOST, of=1_500, small=0.08),
        Bar("peeked", "95 % interval peeked at, uncapped, claims, and fails", least=0.2),
        Bar("differing", "looks at which the real rule says something else", most=0),
    ],
    "cap and error": [
        Bar("raw", "planned .05, uncapped, own error, claims, and fails", least=0.055, of=3_000, small=0.05),
        # Measured .03.
        Bar("gap", "own error, capped or not, claims more often than capped with the larger one by", least=0.01),
    ],
    "unlike spread": [
        Bar("alone", "planned .05, pooled error alone, claims, and fails", least=0.12),
        Bar("maximum", "planned .05, larger error, claims", most=MOST, of=1_500, small=0.08),
    ],
}


def analyse(results: Results) -> Analysis:
    """All bars."""
    found = "Without a lift the cap and the larger of own and pooled error keep the rule's error; neither does alone."
    return judged(results, BARS, found)
