"""CUPED: what a covariate from before the first decision explains of the outcome is taken out of both means.

Deng, Xu, Kohavi and Walker (WSDM 2013). A unit's outcome y becomes y - theta (z - mean z), with z = (x, m): the
covariate, 0 where it is missing, and the indicator that it is missing. theta is the regression within groups, pooled
over both; mean z is that of both groups together. The means therefore shift, by at most what chance put into the
groups:

    m_T' = m_T - (n_C / N) D        D = theta (mean z of POLICY - mean z of HOLDOUT),  N = n_T + n_C
    m_C' = m_C + (n_T / N) D

D is 0 up to chance because groups are drawn independently of z; so theta need not be right for the lift to be, and
any theta that settles down leaves the sequence valid (Lindon, Ham, Tingley and Bojinov, arXiv:2210.08589). The
variance falls by the factor 1 - R^2 of the regression. What breaks it is a covariate that knows the group: one from
after the first decision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from banditcore.estimators.lift.outcome import Outcome

COLLINEAR = 1e-9
"""Share of a column's spread below which another column, or rounding, explains it all; it is then left out."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """theta: what a unit of the covariate, and its being missing, is worth in units of the outcome."""

    x: float = 0.0
    m: float = 0.0

    @property
    def nothing(self) -> bool:
        return self.x == 0.0 == self.m


NOTHING = Adjustment()


def adjustment(policy: Outcome, holdout: Outcome) -> Adjustment:
    """Pooled theta of two groups, symmetric in them to the last bit; `NOTHING` where there is no usable covariate.

    A column without spread is dropped, and the indicator where x is as good as a copy of it. A covariate that explains
    all of the outcome is dropped as well: it cannot be from before, and would claim an error of 0.
    """
    theta = _solved(
        (policy.xx + holdout.xx, policy.xm + holdout.xm, policy.mm + holdout.mm),
        (policy.ex + holdout.ex, policy.em + holdout.em),
    )
    before = policy.ee + holdout.ee
    after = residual(policy, 1.0, theta, 1.0) + residual(holdout, 1.0, theta, 1.0)
    return theta if COLLINEAR * before < after < math.inf else NOTHING


def _solved(spread: tuple[float, float, float], with_outcome: tuple[float, float]) -> Adjustment:
    """Least squares with two columns, or the one of them that varies. Comparisons are False for NaN, which drops it."""
    (xx, xm, mm), (ex, em) = spread, with_outcome
    determinant = xx * mm - xm * xm
    if determinant > COLLINEAR * xx * mm:
        return Adjustment((ex * mm - em * xm) / determinant, (em * xx - ex * xm) / determinant)
    if xx > 0.0:
        return Adjustment(ex / xx, 0.0)
    return Adjustment(0.0, em / mm) if mm > 0.0 else NOTHING


def residual(group: Outcome, scale: float, theta: Adjustment, weight: float) -> float:
    """Sum of squares of e / scale - weight * theta z about its mean; not below 0."""
    plain = group.ee / scale / scale
    if theta.nothing:
        return plain
    x, m = weight * theta.x, weight * theta.m
    cross = (x * group.ex + m * group.em) / scale
    return max(plain - 2.0 * cross + (x * x * group.xx + 2.0 * x * m * group.xm + m * m * group.mm), 0.0)


def shift(policy: Outcome, holdout: Outcome, theta: Adjustment) -> float:
    """D of the module's head; its sign flips exactly when the groups are swapped."""
    if theta.nothing:
        return 0.0
    return theta.x * (policy.x - holdout.x) + theta.m * (policy.m - holdout.m)
