"""One group's outcome per unit, linearised, so that one formula serves rates, values and ratios."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from banditcore.estimators.lift.moments import Moments, centred_product, centred_square

RATIO = "ratio"
BINARY = "binary"
KINDS = (BINARY, "value", RATIO)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A group's mean m and what its units' deviations e add up to; unit i counts as m + e_i, and the e add up to 0.

    Rates and values: m = sum y / n, e = y - m. Ratios: m = sum y / sum d, e = (y - m d) / mean(d), which is the delta
    method for a ratio of means (Deng, Knoblich and Lu, arXiv:1803.06336): its variance is that of customers, however
    many orders each of them has. x and m in the other sums are the covariate and the indicator that it is missing.
    """

    n: int
    mean: float
    ee: float
    """Sum of e^2; 0 where only rounding is left."""
    ex: float
    em: float
    xx: float
    """Centred, like xm and mm."""
    xm: float
    mm: float
    x: float
    """Mean of the covariate, 0 counted where it is missing."""
    m: float
    """Share of units without the covariate."""

    @property
    def relative_variance(self) -> float:
        """Squared relative standard error of the mean, which must not be 0; NaN below two units."""
        return self.ee / self.mean / self.mean / (self.n - 1) / self.n if self.n > 1 else math.nan


def outcome(group: Moments, kind: str, capped: bool = True) -> Outcome:
    """The group's outcome on a goal of this kind; mean NaN where there is none.

    `capped` False takes a value without its cap, and then without its covariate, which has no sums for that. Ratios
    have no cap of their own and are the same either way.
    """
    if kind == RATIO:
        return _ratio(group)
    total, squares = (group.y, group.yy) if capped else (group.raw, group.raw_raw)
    if not group.n:
        return _bare(0, math.nan, math.nan)
    ee = centred_square(group.n, total, squares)
    if not capped:
        return _bare(group.n, total / group.n, ee)
    ex = centred_product(group.n, group.x, group.y, group.xy)
    em = centred_product(group.n, group.m, group.y, group.my)
    return _with_covariate(group, group.mean, ee, ex, em)


def _ratio(group: Moments) -> Outcome:
    if not (group.n and group.d > 0.0):
        return _bare(group.n, math.nan, math.nan)
    n, mean, size = group.n, group.y / group.d, group.d / group.n
    # The deviations add up to 0 as they are, so nothing has to be centred.
    parts = group.yy, mean * mean * group.dd
    ee = parts[0] - 2.0 * mean * group.yd + parts[1]
    ee = ee if ee > n * sys.float_info.epsilon * (parts[0] + parts[1]) else 0.0
    ex = centred_product(n, group.x, group.y, group.xy) - mean * centred_product(n, group.x, group.d, group.xd)
    em = centred_product(n, group.m, group.y, group.my) - mean * centred_product(n, group.m, group.d, group.md)
    return _with_covariate(group, mean, ee / size / size, ex / size, em / size)


def _with_covariate(group: Moments, mean: float, ee: float, ex: float, em: float) -> Outcome:
    n = group.n
    return Outcome(
        n=n,
        mean=mean,
        ee=ee,
        ex=ex,
        em=em,
        xx=centred_square(n, group.x, group.xx),
        xm=-group.x * (group.m / n),  # x is 0 where m is 1
        mm=centred_square(n, group.m, group.m),
        x=group.x / n,
        m=group.m / n,
    )


def _bare(n: int, mean: float, ee: float) -> Outcome:
    return Outcome(n, mean, ee, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
