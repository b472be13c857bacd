"""Bars of hashes and of group sizes."""

from __future__ import annotations

from banditcore_simulations.lab.analysis import Analysis
from banditcore_simulations.lab.bars import Bar, Bars, judged
from banditcore_simulations.lab.results import Results

BARS: Bars = {
    # 4 salts over 1,000 buckets, 10 x 10 tables of each pair. False alarm: 1 % of one seed.
    "hashes, keyed BLAKE2b": [
        Bar("even", "least p of 1,000 buckets, 4 salts", least=1e-3, strict=True, each=True),
        Bar("least apart", "least p of independence, 6 pairs of salts", least=1e-3, strict=True, each=True),
    ],
    "hashes, CRC32": [
        Bar("most apart", "largest p of independence, 6 pairs of salts, and fails", most=1e-3, each=True)
    ],
    # 1e-3.
    "groups as set": [
        Bar("usual", "alarms at .05, 500 looks", most=0.065, of=1_500, small=0.09),
        Bar("strict", "alarms at .001, 500 looks", most=0.004, of=1_500, small=0.01),
        Bar("peeked", "chi-square at .05, looked at as often, alarms, and fails", least=0.25),
    ],
    # 1e-3: measured .885.
    "9.5 % held out for 10 %": [Bar("strict", "found by 100,000 units at .001", least=0.85, of=1_500, small=0.8)],
    # Leaves 9.55 %.
    "5 % of the holdout lost": [Bar("strict", "found by 100,000 units at .001", least=0.5)],
}


def analyse(results: Results) -> Analysis:
    """All bars."""
    units = results.where(kind="9.5 % held out for 10 %").column("units").mean()
    found = f"Sizes alarm where they are wrong: 9.5 % for 10 % after {units:,.0f} units at the median, and seldom else."
    return judged(results, BARS, found)
