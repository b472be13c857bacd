"""Outcomes of single customers, and the sums that a store would keep of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from banditcore.estimators.lift import Moments

Column = npt.NDArray[np.float64]


@dataclass
class Customers:
    """One group, a row a customer: outcome without cap and up to it, denominator, covariate (NaN where missing)."""

    raw: Column
    y: Column
    d: Column
    x: Column

    def moments(self) -> Moments:
        missing = np.isnan(self.x)
        y, d, x, m = self.y, self.d, np.where(missing, 0.0, self.x), missing.astype(float)
        sums = [
            y.sum(), y @ y, self.raw.sum(), self.raw @ self.raw, d.sum(), d @ d, y @ d,
            x.sum(), x @ x, x @ y, x @ d, m.sum(), m @ y, m @ d,
        ]  # fmt: skip
        return Moments(len(y), int(np.count_nonzero(y)), *(float(value) for value in sums))


def customers(
    seed: int, n: int, *, factor: float = 1.0, binary: bool = False, missing: float = 0.0, covariate: bool = True
) -> Customers:
    """Customers who differ: those who spent more before (x) order more (d) and spend more (y), `factor` times as
    much."""
    g = np.random.default_rng(seed)
    taste = g.gamma(2.0, 0.5, n)
    d = 1.0 + g.poisson(2.0 * taste)
    raw = factor * g.gamma(2.0 * taste + 0.1, 5.0) * (g.random(n) < 0.5)
    if binary:
        raw = (raw > 3.0).astype(float)
    x = 100.0 * taste + 20.0 * g.standard_normal(n) if covariate else np.zeros(n)
    return Customers(raw, np.minimum(raw, 40.0), d, np.where(g.random(n) < missing, np.nan, x))
