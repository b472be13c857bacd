"""Bounds of a target's value that hold whatever the overlap: what is left to say where no estimate can be made.

For rewards in [low, high] and any limit L on the weights

    V >= low + E[min(w, L) (r - low)]            V <= high - E[min(w, L) (high - r)]

since what is cut, and what the target does where the log shows nothing, is at worst worth `low` and at best `high`.
Each expectation is bounded from below by the empirical Bernstein inequality of Maurer and Pontil (2009,
arXiv:0907.3740) for numbers in [0, B], B = L (high - low):

    mean - sqrt(2 V log(2 / delta) / n) - 7 B log(2 / delta) / (3 (n - 1))

with delta = alpha / (2 G) over both sides and the G limits of a fixed grid, of which the best is taken. It needs right
propensities, rows that are independent, and a range that is known rather than seen. Where units are known n is the
number of rows over that of the largest group of units (Janson, 2004, for sums with such dependence; the variance is
still that of rows).
"""

from __future__ import annotations

import math

import numpy as np

from banditcore.estimators.off_policy.bins import EDGES, MOMENTS, Bins

LIMITS = tuple(4.0**power for power in range(7))
"""1 to 4096, each an edge of the bins."""


def bounds(bins: Bins, low: float, high: float, alpha: float = 0.05) -> tuple[float, float]:
    """(lower, upper), both together with probability 1 - alpha; rewards lie in [low, high]. NaN without rows."""
    if not bins.rows:
        return math.nan, math.nan
    return low + _most(bins, low, 1.0, high - low, alpha), high - _most(bins, high, -1.0, high - low, alpha)


def _most(bins: Bins, origin: float, sign: float, width: float, alpha: float) -> float:
    """The best lower bound of E[min(w, L) sign (r - origin)] over the grid; that is within [0, width]."""
    sizes = (_moments(bins, limit, origin, sign) for limit in LIMITS)
    n, level = bins.independent_rows, math.log(4.0 * len(LIMITS) / alpha)
    if n < 2.0:
        return 0.0
    best = max(
        mean - math.sqrt(2.0 * variance * level / n) - 7.0 * limit * width * level / (3.0 * (n - 1.0))
        for limit, (mean, variance) in zip(LIMITS, sizes, strict=True)
    )
    return min(max(best, 0.0), width)


def _moments(bins: Bins, limit: float, origin: float, sign: float) -> tuple[float, float]:
    """Mean and sample variance of min(w, limit) sign (r - origin)."""
    n, cut = bins.rows, 1 + EDGES.index(limit)  # the first bin is that of zeros
    below, above = (dict(zip(MOMENTS, part.sum(axis=1), strict=True)) for part in np.split(bins.sums, [cut], axis=1))
    first = below["wr"] - origin * below["w"] + limit * (above["r"] - origin * above["1"])
    second = below["w2r2"] - origin * (2.0 * below["w2r"] - origin * below["w2"])
    second += limit * limit * (above["r2"] - origin * (2.0 * above["r"] - origin * above["1"]))
    return float(sign * first / n), max(float(second - first * first / n), 0.0) / (n - 1.0)
