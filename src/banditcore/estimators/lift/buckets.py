"""The lift of what happened lately, where units are too many or too old to be added up one by one.

Units are hashed into some hundred buckets; of each bucket only the sum of outcomes and the number of units are kept,
for any span of days. Buckets are independent because units are, so their spread gives the error, whatever a unit does
within a bucket: the grouped-data variance of a ratio of sums.
"""

from __future__ import annotations

import math

import numpy as np

from banditcore.estimators.lift.asked import check_alphas, check_target
from banditcore.estimators.lift.enough import LARGEST_RELATIVE_ERROR, MINIMUM_CONVERTED
from banditcore.estimators.lift.log_ratio import LogRatio
from banditcore.estimators.lift.rule import interval
from banditcore.findings import Lift
from banditcore.types import Floats

MINIMUM_BUCKETS = 25
"""Buckets with units that each group needs, for a variance that is worth the name."""


def bucket_lift(
    policy: tuple[Floats, Floats],
    holdout: tuple[Floats, Floats],
    *,
    target_lift: float,
    alpha: float,
    converted: tuple[int, int] | None = None,
    minimum_converted: int = MINIMUM_CONVERTED,
) -> Lift | None:
    """Lift of sum of outcomes over units, open-ended at level 1 - `alpha`; None while there is too little.

    Each group: sums of outcomes (B,) and units (B,) by bucket. `converted`: units with an outcome in POLICY and
    HOLDOUT; without it the buckets that have an outcome are counted in their place, which are never more. A moving
    span of days is no growing sample, so its looks have no theorem: the interval is right at each look, and about
    right over few of them.
    """
    check_target(target_lift)
    check_alphas(alpha, 0.0)
    found = [_ratio(*group) for group in (policy, holdout)]
    counts = converted or [int(np.count_nonzero(sums)) for sums, _ in (policy, holdout)]
    if min(counts) < minimum_converted or not all(_usable(*one) for one in found):
        return None
    (m_t, v_t), (m_c, v_c) = found
    variance = v_t / m_t / m_t + v_c / m_c / m_c
    if not variance > 0.0:
        return None
    ratio = LogRatio(math.log(m_t) - math.log(m_c), variance, m_t - m_c, v_t + v_c, variance, variance)
    return interval(ratio, target_lift, alpha)


def _ratio(sums: Floats, units: Floats) -> tuple[float, float]:
    """Mean a unit and its variance, from the spread of sums - mean * units between buckets; NaN when too few."""
    used, total = int(np.count_nonzero(units)), float(np.sum(units))
    if used < MINIMUM_BUCKETS:
        return math.nan, math.nan
    mean = float(np.sum(sums)) / total
    squares = float(np.sum(np.square(np.asarray(sums) - mean * np.asarray(units))))
    return mean, used / (used - 1) * squares / total / total


def _usable(mean: float, variance: float) -> bool:
    return 0.0 < mean < math.inf and variance / mean / mean <= LARGEST_RELATIVE_ERROR**2
