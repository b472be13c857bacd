"""Relative lift on the log scale, from two groups' sums.

The log ratio is taken because it is symmetric (swapping the groups flips its sign) and because its error
stays below nominal with a small holdout, where the plain delta method on m_T/m_C - 1 makes 6-8 % errors
instead of 5 % (`tests/estimators/lift/test_lift_simulation.py` shows both).
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

MINIMUM_CONVERTED = 25
"""Converted units each group must have before the first look."""
MINIMUM_UNCONVERTED = 10
"""For 0/1 outcomes, units each group must also have without a conversion. Where 95 % convert and the holdout
is 10 %, a quarter of the experiments without a lift show one without this, 2 % with it (5 % nominal)."""
LARGEST_RELATIVE_ERROR = 0.5
"""A mean below two of its standard errors has no usable logarithm; 25 conversions give .2."""


@dataclass(frozen=True, slots=True)
class Moments:
    """One group's outcome per unit, as sums; `+` merges disjoint sets of units, `Moments()` is empty.

    Only matured units belong here (their window has closed), each counted once with its total outcome.
    """

    n: int = 0
    """Units."""
    converted: int = 0
    """Units with a non-zero outcome, 0..n."""
    sum: float = 0.0
    """Sum of the outcome, in its unit."""
    sum_squares: float = 0.0
    """Sum of the squared outcome."""

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            self.converted + other.converted,
            self.sum + other.sum,
            self.sum_squares + other.sum_squares,
        )

    @property
    def mean(self) -> float:
        """Mean outcome a unit; NaN when there is none."""
        return self.sum / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """Sample variance, denominator n - 1; NaN below two units.

        Where sum_squares - n mean^2 is below its own rounding error, n * epsilon * sum_squares, it counts as
        0: a constant outcome must not look like a very precise one.
        """
        if self.n < 2:
            return math.nan
        centred = self.sum_squares - self.sum * (self.sum / self.n)
        return centred / (self.n - 1) if centred > self.n * sys.float_info.epsilon * self.sum_squares else 0.0


@dataclass(frozen=True, slots=True)
class LogRatio:
    """log(mean of POLICY / mean of HOLDOUT), with its estimated variance."""

    estimate: float
    variance: float

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.variance)


def log_lift(policy: Moments, holdout: Moments) -> LogRatio:
    """Log lift l = log m_T - log m_C and SE^2 = v_T / (n_T m_T^2) + v_C / (n_C m_C^2).

    m is the mean, v the sample variance (n - 1) and n the units of POLICY (T) and HOLDOUT (C). First-order
    delta method, so the means must be well above their own error (`LARGEST_RELATIVE_ERROR`). For 0/1 outcomes
    it is the textbook log method up to n / (n - 1), because that one uses the binomial variance p (1 - p).
    Swapping the groups negates the estimate exactly and leaves the variance as it is. Needs two units a group
    and means above 0: ask `why_collecting` first.
    """
    return LogRatio(
        math.log(policy.mean) - math.log(holdout.mean),
        _relative_variance(policy) + _relative_variance(holdout),
    )


def why_collecting(policy: Moments, holdout: Moments, minimum_converted: int = MINIMUM_CONVERTED) -> str:
    """Why there is no log ratio to show yet, as a sentence for the page; empty when there is one."""
    for name, group in (("policy", policy), ("holdout", holdout)):
        if reason := _shortfall(group, minimum_converted):
            return f"the {name} group {reason}"
    if log_lift(policy, holdout).variance == 0.0:
        return "the outcome does not vary between units, so its error cannot be estimated"
    return ""


def _shortfall(group: Moments, minimum_converted: int) -> str:
    """What one group lacks, as the end of a sentence; empty when nothing."""
    if group.converted < minimum_converted:
        return f"has {group.converted} converted units of the {minimum_converted} needed"
    if not (0.0 < group.mean < math.inf and _relative_variance(group) <= LARGEST_RELATIVE_ERROR**2):
        return "has a mean that is not clearly above 0, so there is no ratio to show"
    unconverted = group.n - group.converted
    if unconverted < MINIMUM_UNCONVERTED and _one_value(group):
        return f"has {unconverted} units without a conversion of the {MINIMUM_UNCONVERTED} needed"
    return ""


def _one_value(group: Moments) -> bool:
    """Whether every converted unit has the same outcome, as with 0/1 goals."""
    return Moments(group.converted, group.converted, group.sum, group.sum_squares).variance == 0.0


def _relative_variance(group: Moments) -> float:
    """Squared relative standard error of the mean."""
    return group.variance / group.mean / group.mean / group.n
