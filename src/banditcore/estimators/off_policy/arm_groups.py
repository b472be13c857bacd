"""How much more the weights of each variant vary since units come back: a variant that a customer keeps is one draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from banditcore.checks import Mask
from banditcore.estimators.off_policy.weighted import CLUSTERS, Clusters
from banditcore.types import Floats

_NUMBERS = 2**18
"""Groups times variants, 2 MiB an array; with many variants there are fewer groups, at least `_LEAST`."""
_LEAST = 128


class ArmGroups:
    """Sums by group of units and variant: 1/p of the rows in which it was shown, and the rows in which it could be."""

    def __init__(self, n_arms: int) -> None:
        groups = CLUSTERS
        while groups > _LEAST and groups * n_arms > _NUMBERS:
            groups //= 2
        self.weight = np.zeros((groups, n_arms))
        self.rows = np.zeros(groups)
        self.missing: Floats | None = None
        """(groups, K) rows in which it could not be shown; None for none."""

    def add(self, clusters: Clusters, arms: npt.NDArray[np.int64], weight: Floats) -> None:
        """Folds n rows; clusters: (n,) groups of units as `cluster_of` makes them."""
        groups, n_arms = self.weight.shape
        own = clusters % groups
        self.rows += np.bincount(own, minlength=groups)
        np.add.at(self.weight.reshape(-1), own * n_arms + arms, weight)

    def miss(self, clusters: Clusters, possible: Mask) -> None:
        """Counts where some of K variants could not be shown; possible: (n, K)."""
        some = np.flatnonzero(~possible.all(axis=1))
        if len(some):
            self.missing = np.zeros_like(self.weight) if self.missing is None else self.missing
            np.add.at(self.missing, clusters[some] % len(self.rows), ~possible[some])

    def __add__(self, other: ArmGroups) -> ArmGroups:
        found = ArmGroups(self.weight.shape[1])
        found.weight, found.rows = self.weight + other.weight, self.rows + other.rows
        known = [each.missing for each in (self, other) if each.missing is not None]
        found.missing = np.sum(known, axis=0) if known else None
        return found

    def spread(self) -> tuple[Floats, Floats, Floats]:
        """(K,) each of the sum of 1[shown] / p - mean: its variance, |skewness|, and how many groups carry it."""
        possible = self.rows[:, None] - (np.zeros_like(self.weight) if self.missing is None else self.missing)
        rows = possible.sum(axis=0)
        mean = np.divide(self.weight.sum(axis=0), rows, out=np.zeros_like(rows), where=rows > 0.0)
        off = self.weight - possible * mean
        used = max(int(np.count_nonzero(self.rows)), 2)
        off2 = off * off
        squares, some = off2.sum(axis=0), off2.any(axis=0)
        cubes = np.abs((off2 * off).sum(axis=0))
        skewness = np.divide(cubes, squares**1.5, out=np.zeros_like(cubes), where=some)
        carrying = np.divide(squares * squares, (off2 * off2).sum(axis=0), out=np.zeros_like(cubes), where=some)
        return squares * (used / (used - 1.0)), skewness, carrying
