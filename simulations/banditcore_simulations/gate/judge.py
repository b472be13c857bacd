"""Are these regrets those regrets, up to luck?

Let d_i be the difference of seed i. If before and now are draws of one law, given the seed, then d_i is as likely as
-d_i, and for such signs alone P(sum d_i >= s sqrt(sum d_i^2)) <= 3.178 P(N(0, 1) >= s), whatever the sizes: there is no
assumption on how regret is spread, heavy tails included (Bentkus and Dzindzalieta 2015, Bernoulli 21(2), theorem 1.1:
the constant is 1 / (4 P(N(0, 1) >= sqrt 2))). Of n comparisons each gets the n-th part of the rate (Bonferroni). The
rate counts the luck of the baseline too: one that is kept for long is one draw, not many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from banditcore.types import Floats

RATE = 1e-3
"""Of false alarms, over all comparisons together."""
ROUNDING = 1e-5
"""Relative difference up to which regrets are the same: sums of other rounding."""

Verdict = Literal["identical", "as before", "better", "WORSE"]


@dataclass(frozen=True)
class Finding:
    name: str
    before: float
    """Mean over seeds."""
    now: float
    score: float
    """sum d / sqrt(sum d^2), positive where there is more regret now."""
    verdict: Verdict

    @property
    def more(self) -> float:
        """Share of regret that is new."""
        return self.now / self.before - 1.0 if self.before else math.copysign(math.inf, self.now)


def judged(name: str, before: Sequence[float], now: Sequence[float], comparisons: int, rate: float = RATE) -> Finding:
    """Regrets (seeds,) of the same seeds, one of so many comparisons."""
    old, new = np.asarray(before), np.asarray(now)
    if np.allclose(new, old, rtol=ROUNDING, atol=1e-4):
        return Finding(name, float(old.mean()), float(old.mean()), 0.0, "identical")
    found = score(new - old)
    verdict: Verdict = "as before"
    if chance(abs(found)) * comparisons <= rate:
        verdict = "WORSE" if found > 0.0 else "better"
    return Finding(name, float(old.mean()), float(new.mean()), found, verdict)


def score(differences: Floats) -> float:
    """sum d / sqrt(sum d^2), at most sqrt(n)."""
    return float(differences.sum() / math.sqrt(float(differences @ differences)))


def chance(score: float) -> float:
    """Largest probability of such a score or more, of differences that are as likely as their negatives."""
    return min(1.0, _upper(score) / (4.0 * _upper(math.sqrt(2.0))))


def _upper(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2.0))
