"""Logged rows as a target sees them: what every estimator adds up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from banditcore.bandit_log import LEAST, Rows, Units
from banditcore.types import Floats

CLUSTERS = 4_096
"""Groups that units fall into by their hash; the standard error of a clustered error is 1 % of it."""
HEAVIEST = 1e4
"""Weights beyond are too rare to be foreseen: what the target gives to such arms is next to unsupported."""
_NUMBERS = 16_384
Clusters = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """n rows for one target pi and an outcome model q, if there is one."""

    weight: Floats
    """(n,) w = pi(a|x) / p(a|x) of the arm a that was shown."""
    reward: Floats
    """(n,)"""
    expected: Floats | None = None
    """(n,) sum over arms of pi(a|x) q(x, a); None without a model."""
    residual: Floats | None = None
    """(n,) reward - q(x, a) of the arm that was shown."""
    unsupported: Floats | None = None
    """(n,) what pi gives to arms that had no chance: by the vectors, or else by what was eligible; None where the log
    tells neither."""
    clusters: Clusters | None = None
    """(n,) group of the unit, below `CLUSTERS`; None where each row stands for itself."""
    foreseen: Floats | None = None
    """(n,) what w^2 was to be on average before the draw, sum over arms of pi min(pi / p, `HEAVIEST`); None likewise
    where the log has no vectors."""

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, part: slice) -> Weighted:
        """Some of the rows; nothing is copied."""
        arrays = (
            self.weight,
            self.reward,
            self.expected,
            self.residual,
            self.unsupported,
            self.clusters,
            self.foreseen,
        )
        return Weighted(*(None if array is None else array[part] for array in arrays))  # type: ignore[arg-type]


def cluster_of(units: Units) -> Clusters:
    """(n,) group of each unit, below `CLUSTERS`."""
    found: Clusters = (units % np.uint64(CLUSTERS)).astype(np.int64)
    return found


def weigh(rows: Rows, target: Floats, q: Floats | None = None) -> Weighted:
    """rows without fallbacks; target: (n, K) vectors, or (n,) its probability of the arm shown; q: (n, K) or None.

    Without whole vectors of the target there is no expectation over arms, so q is of no use then.
    """
    at = np.arange(len(rows))
    own = target if target.ndim == 1 else target[at, rows.arms]
    whole = target if target.ndim == 2 else None
    expected = residual = unsupported = foreseen = None
    if q is not None and whole is not None:
        # Rounded probabilities are no reason for a model that always says the same not to.
        same = len(q) > 0 and q[0, 0] == q[-1, -1] and bool((q == q[0, 0]).all())
        expected = np.full(len(rows), q[0, 0]) if same else np.einsum("nk,nk->n", whole, q)
        residual = rows.rewards - q[at, rows.arms]
    if whole is not None and rows.propensities is not None:
        unsupported, foreseen = _support(whole, rows.propensities)
    elif whole is not None and rows.eligible is not None:
        unsupported = np.einsum("nk,nk->n", whole, (~rows.eligible).astype(np.float64))
    clusters = None if rows.units is None else cluster_of(rows.units)
    with np.errstate(over="ignore"):
        weight = own / rows.propensity
    return Weighted(weight, rows.rewards, expected, residual, unsupported, clusters, foreseen)


def _support(whole: Floats, p: Floats) -> tuple[Floats, Floats]:
    """`unsupported` and `foreseen` of vectors (n, K) each, in pieces that stay in the cache."""
    unsupported, foreseen = np.zeros(len(p)), np.empty(len(p))
    step = max(_NUMBERS // p.shape[1], 1)
    for start in range(0, len(p), step):
        part = slice(start, start + step)
        pi, chance = whole[part], p[part]
        possible = chance >= LEAST
        if not possible.all():
            unsupported[part] = np.einsum("nk,nk->n", pi, (~possible).astype(np.float64))
            chance = np.where(possible, chance, math.inf)
        ratio = pi / chance
        np.minimum(ratio, HEAVIEST, out=ratio)
        foreseen[part] = np.einsum("nk,nk->n", pi, ratio)
    return unsupported, foreseen
