"""Relative lift on the log scale, from two groups' sums.

The log ratio is taken because it is symmetric (swapping the groups flips its sign) and because its error
stays below nominal with a small holdout, where the plain delta method on m_T/m_C - 1 makes 6-8 % errors
instead of 5 % (the experiment `lift_errors` shows both).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from banditcore.estimators.lift.covariate import NOTHING, Adjustment, adjustment, residual, shift
from banditcore.estimators.lift.moments import Moments
from banditcore.estimators.lift.outcome import BINARY, Outcome, outcome

FEW_CONVERTED = 400
"""Below this many converted units in the smaller group its own spread of values is not trusted alone."""


@dataclass(frozen=True, slots=True)
class LogRatio:
    """log(mean of POLICY / mean of HOLDOUT), and the difference of the same means, with their estimated variances."""

    estimate: float
    variance: float
    difference: float
    difference_variance: float
    plain_variance: float
    """`variance` as it would be without the covariate."""
    pooled_variance: float
    """`variance` if both groups spread alike, relative to their means: knows little of which one is ahead."""

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.variance)


def log_lift(policy: Moments, holdout: Moments, kind: str = BINARY, capped: bool = True) -> LogRatio:
    """Log lift l = log m_T - log m_C and SE^2 = v_T / (n_T m_T^2) + v_C / (n_C m_C^2).

    m is the mean, v the sample variance (n - 1) of the linearised outcome (`Outcome`) and n the units of POLICY (T) and
    HOLDOUT (C). First-order delta method, so the means must be well above their own error. For 0/1 outcomes it is the
    textbook log method up to n / (n - 1), because that one uses the binomial variance p (1 - p).

    With a covariate the means are those of `covariate`, and v / m^2 is the variance of y / m - w theta z with
    w = (n_C / m_T + n_T / m_C) / N: the delta method once more, since what one mean loses the other gains.

    Values and ratios, while the smaller group has under 400 converted units: SE^2 is at least v (1 / n_T + 1 / n_C),
    with v of y / m pooled over both groups. A small group that has missed the tail has a low mean and a low variance at
    once, so its own error is smallest when it is most wrong; and the pooled one alone would be wrong where
    variances differ.

    Swapping the groups negates estimate and difference exactly and leaves the variances as they are. Needs two units a
    group and means above 0: ask `why_collecting` first.
    """
    t, c = outcome(policy, kind, capped), outcome(holdout, kind, capped)
    pooled = kind != BINARY and min(policy.converted, holdout.converted) < FEW_CONVERTED
    return _compared(t, c, _small(t, c, adjustment(t, c)), pooled)


def _small(t: Outcome, c: Outcome, theta: Adjustment) -> Adjustment:
    """theta, or nothing where it would move a mean by half or more: so few units that there is nothing to adjust."""
    m_t, m_c = _means(t, c, theta)
    return theta if m_t > 0.5 * t.mean and m_c > 0.5 * c.mean else NOTHING


def _means(t: Outcome, c: Outcome, theta: Adjustment) -> tuple[float, float]:
    units, moved = t.n + c.n, shift(t, c, theta)
    return t.mean - c.n / units * moved, c.mean + t.n / units * moved


def _compared(t: Outcome, c: Outcome, theta: Adjustment, pooled: bool) -> LogRatio:
    m_t, m_c = _means(t, c, theta)
    weight = (c.n / m_t + t.n / m_c) / (t.n + c.n)
    plain = (t.n, t.ee / t.mean / t.mean), (c.n, c.ee / c.mean / c.mean)
    logs = (t.n, residual(t, m_t, theta, weight)), (c.n, residual(c, m_c, theta, weight))
    means = (t.n, residual(t, 1.0, theta, 1.0)), (c.n, residual(c, 1.0, theta, 1.0))
    return LogRatio(
        estimate=math.log(m_t) - math.log(m_c),
        variance=_squared_error(*logs, pooled),
        difference=m_t - m_c,
        difference_variance=_squared_error(*means, pooled),
        plain_variance=_squared_error(*plain, pooled),
        pooled_variance=_pooled(*logs),
    )


Spread = tuple[int, float]
"""A group's units and sum of squares."""


def _squared_error(t: Spread, c: Spread, pooled: bool) -> float:
    """Of a difference of two means."""
    (n_t, square_t), (n_c, square_c) = t, c
    own = square_t / (n_t - 1) / n_t + square_c / (n_c - 1) / n_c
    return max(own, _pooled(t, c)) if pooled else own


def _pooled(t: Spread, c: Spread) -> float:
    (n_t, square_t), (n_c, square_c) = t, c
    return (square_t + square_c) / (n_t + n_c - 2) * (1.0 / n_t + 1.0 / n_c)
