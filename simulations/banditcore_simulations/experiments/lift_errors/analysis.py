"""Bars of the lift's parts."""

from __future__ import annotations

from banditcore_simulations.lab.analysis import Analysis
from banditcore_simulations.lab.bars import Bar, Bars, judged
from banditcore_simulations.lab.results import Results

BARS: Bars = {
    # False alarm 1e-2.
    "scale": [
        Bar("plain", "m_T/m_C - 1 by the delta method claims without a lift, and fails", least=0.06),
        Bar("log", "its logarithm claims without a lift", most=0.035, of=3_000, small=0.05),
    ],
    # 1e-3.
    "power": [
        Bar("both", "found at the planned size, planned .04 + open .01", least=0.72, of=20_000, small=0.70),
        Bar("open", "found at the planned size, open .05", least=0.50, of=20_000, small=0.48),
        Bar("open", "found at the planned size, open .05", most=0.58, of=20_000, small=0.60),
        Bar("open, later", "found at twice the planned size, open .05", least=0.85, of=20_000, small=0.83),
    ],
    # 1e-2: .04 becomes .047.
    "late last look": [
        Bar("wrong", "dense looks to r < 1 and one at 1.3, planned .04, claim", most=0.05, of=20_000, small=0.058)
    ],
    # 1e-3: .01 and two standard errors, of which the sequence spends about half.
    "harm": [Bar("alarmed", "alarms of harm at .01", most=0.0136, of=3_000, small=0.02)],
}


def analyse(results: Results) -> Analysis:
    """All bars."""
    found = "The logarithm of the ratio keeps its error where the ratio itself does not, and both boundaries find more."
    return judged(results, BARS, found)
