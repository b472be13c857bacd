"""What a group's units add up to: all that a lift is computed from."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Moments:
    """One group's outcome per unit, as sums; `+` merges disjoint sets of units, `Moments()` is empty.

    Only matured units belong here (their windows have closed), each counted once with its total outcome. `y` is the
    outcome up to the goal's cap, or the numerator of a ratio; `d` the denominator of a ratio, else the number of
    decisions; `x` the covariate, 0 where it is missing; `m` is 1 where it is missing.
    """

    n: int = 0
    """Units."""
    converted: int = 0
    """Units with a non-zero outcome, 0..n."""
    y: float = 0.0
    yy: float = 0.0
    raw: float = 0.0
    """The outcome without the cap."""
    raw_raw: float = 0.0
    d: float = 0.0
    dd: float = 0.0
    yd: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    xd: float = 0.0
    m: float = 0.0
    my: float = 0.0
    md: float = 0.0

    def __add__(self, other: Moments) -> Moments:
        return Moments(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    @property
    def mean(self) -> float:
        """Mean outcome a unit; NaN when there is none."""
        return self.y / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """Sample variance, denominator n - 1; NaN below two units.

        Where yy - n mean^2 is below its own rounding error, n * epsilon * yy, it counts as 0: a constant
        outcome must not look like a very precise one.
        """
        return centred_square(self.n, self.y, self.yy) / (self.n - 1) if self.n > 1 else math.nan


def centred_square(n: int, total: float, squares: float) -> float:
    """Sum of squared deviations from the mean of n >= 1 values; 0 where only rounding is left, see
    `Moments.variance`."""
    found = squares - total * (total / n)
    return found if found > n * sys.float_info.epsilon * squares else 0.0


def centred_product(n: int, a: float, b: float, ab: float) -> float:
    """Sum of products of deviations from the means of n >= 1 pairs."""
    return ab - a * (b / n)


NAMES = tuple(field.name for field in fields(Moments))
