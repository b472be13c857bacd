"""The interval, its evidence and the frozen answer: two boundaries at once on one information clock."""

from __future__ import annotations

import math
import sys

from banditcore.estimators.lift.confidence_sequence import LOG_MAX, boundary, design_information, e_value
from banditcore.estimators.lift.log_ratio import LogRatio
from banditcore.estimators.lift.planned import planned_boundary
from banditcore.findings import Lift, Outcome, Verdict

INCREASE = "increase"


def clock(variance: float, target_lift: float) -> float:
    """r: information so far, 1 / variance of the log lift, over that planned for `target_lift`."""
    return 1.0 / (variance * design_information(target_lift))


def multiplier(r: float, open_alpha: float, planned_alpha: float) -> float:
    """Half the interval's width in standard errors: the smaller of both boundaries, after the horizon the open one."""
    k = boundary(r, open_alpha)
    return min(k, planned_boundary(planned_alpha) / math.sqrt(r)) if planned_alpha and r < 1.0 else k


def interval(found: LogRatio, target_lift: float, open_alpha: float, planned_alpha: float = 0.0) -> Lift:
    """The lift as it is shown. Its error over all looks is at most open_alpha + planned_alpha, by the union bound."""
    r, alpha, error = clock(found.variance, target_lift), open_alpha + planned_alpha, found.standard_error
    k = multiplier(r, open_alpha, planned_alpha)
    around = k * math.sqrt(found.difference_variance)
    return Lift(
        estimate=relative(found.estimate),
        low=relative(found.estimate - k * error),
        high=relative(found.estimate + k * error),
        alpha=alpha,
        e_value=e_value(found.estimate / error, r, alpha),
        difference=found.difference,
        difference_low=max(found.difference - around, -sys.float_info.max),
        difference_high=min(found.difference + around, sys.float_info.max),
        information=r,
        variance_ratio=found.variance / found.plain_variance,
    )


def relative(log_value: float) -> float:
    """Ratio - 1 of a log ratio, finite."""
    return math.expm1(min(log_value, LOG_MAX))


def verdict(lift: Lift, direction: str, now_us: int, planned_alpha: float) -> Verdict | None:
    """The answer, at the first look that has one; None before. Ask no more once there is one: it is frozen.

    `lift` as `interval` made it with the same `planned_alpha`. Before the planned horizon (information < 1) there is
    an answer as soon as the interval excludes 0. The first look at or past it answers in any case, by the planned
    boundary there, |z| >= b, or the open one if that is closer: the interval is then the narrower of both, which
    `lift` itself, being open-ended, no longer is. `direction` "increase" calls a lift above 0 better, "decrease"
    worse.
    """
    low, high = (lift.low, lift.high) if lift.information < 1.0 else _at_horizon(lift, planned_alpha)
    if lift.information < 1.0 and low <= 0.0 <= high:
        return None
    return Verdict(_outcome(low, high, direction), now_us, lift.estimate, low, high, lift.information)


def _at_horizon(lift: Lift, planned_alpha: float) -> tuple[float, float]:
    """The planned interval estimate +- b SE; SE from the open interval's upper half, which is k(r) of them."""
    if not planned_alpha:
        return lift.low, lift.high
    k, estimate = boundary(lift.information, lift.alpha - planned_alpha), math.log1p(lift.estimate)
    margin = (math.log1p(lift.high) - estimate) * min(planned_boundary(planned_alpha) / k, 1.0)
    return relative(estimate - margin), relative(estimate + margin)


def _outcome(low: float, high: float, direction: str) -> Outcome:
    if low <= 0.0 <= high:
        return "undecided"
    return "better" if (low > 0.0) == (direction == INCREASE) else "worse"
