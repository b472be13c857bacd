"""Sums of columns over rows: what a mean, its error and a merge with other rows need, in memory that does not grow."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.rarity import worth_of_skewness
from banditcore.estimators.off_policy.weighted import CLUSTERS, Clusters
from banditcore.types import Floats

PIECE = 8_192
"""Rows at once: their columns stay in the cache of a core, and sums over so few use one thread whatever the BLAS."""


def pieces(rows: int) -> Iterator[slice]:
    for start in range(0, rows, PIECE):
        yield slice(start, min(start + PIECE, rows))


class Sums:
    """Sums and cross-products of m columns over n rows, and sums by group of units where those are known.

    `groups` is (CLUSTERS, 1 + m): rows, then columns. Errors are taken between groups if `by_unit`, since what happens
    within a unit may be anything, and between rows otherwise. Plain sums: a column whose spread is below 1e-7 of its
    size has an error of rounding only.
    """

    def __init__(self, m: int) -> None:
        self.n = 0
        self.totals = np.zeros(m)
        self.cross = np.zeros((m, m))
        self.groups: Floats | None = None
        self.by_unit = False

    def add(self, columns: Floats, clusters: Clusters | None = None, by_unit: bool = True) -> None:
        """columns: (m, n), n at most `PIECE`; clusters: (n,) group of each row; by_unit: whether those are units."""
        if self.n and (clusters is None) != (self.groups is None):
            raise InvalidInput("clusters must be given for all rows or for none.", field="clusters")
        self.n += columns.shape[1]
        self.totals += columns.sum(axis=1)
        self.cross += columns @ columns.T
        if clusters is not None:
            if self.groups is None:
                self.groups, self.by_unit = np.zeros((CLUSTERS, 1 + len(columns))), by_unit
            self.groups[:, 0] += np.bincount(clusters, minlength=CLUSTERS)
            for at, column in enumerate(columns, 1):
                self.groups[:, at] += np.bincount(clusters, column, minlength=CLUSTERS)

    def __add__(self, other: Sums) -> Sums:
        """The sums of both. Raises InvalidInput where only one knows units."""
        if self.n and other.n and ((self.groups is None) != (other.groups is None) or self.by_unit != other.by_unit):
            raise InvalidInput("clusters must be given for all rows or for none.", field="clusters")
        found = Sums(len(self.totals))
        found.n, found.totals, found.cross = self.n + other.n, self.totals + other.totals, self.cross + other.cross
        for part in (self, other):
            if part.groups is not None:
                found.groups = part.groups.copy() if found.groups is None else found.groups + part.groups
                found.by_unit = part.by_unit
        return found

    def ungroup(self) -> None:
        """Takes rows as units from now on, and those so far too."""
        self.groups, self.by_unit = None, False

    @property
    def mean(self) -> Floats:
        """(m,) NaN without rows."""
        return self.totals / self.n if self.n else np.full(len(self.totals), math.nan)

    @property
    def units(self) -> int:
        """How many independent parts the error is taken between."""
        return int(np.count_nonzero(self.groups[:, 0])) if self.by_unit and self.groups is not None else self.n

    def error(self, gradient: Floats) -> float:
        """Standard error of a function of the means with that gradient (m,), linearised; NaN below two parts."""
        if self.units < 2:
            return math.nan
        spread = self._between_groups(gradient) if self.by_unit else self._between_rows(gradient)
        return math.sqrt(max(spread * self.units / (self.units - 1.0), 0.0)) / self.n

    def _between_rows(self, gradient: Floats) -> float:
        centred = self.cross - self.n * np.outer(self.mean, self.mean)
        # Not BLAS, whose fused products leave a rest where equal columns cancel.
        return float((centred * np.outer(gradient, gradient)).sum())

    def _between_groups(self, gradient: Floats) -> float:
        return float(np.square(self._linear(gradient)).sum())

    def _linear(self, gradient: Floats) -> Floats:
        """(CLUSTERS,) what each group moves the function by."""
        assert self.groups is not None
        centred = self.groups[:, 1:] - self.groups[:, :1] * self.mean
        found: Floats = (centred * gradient).sum(axis=1)
        return found

    def even_units(self, gradient: Floats) -> float:
        """Units over the square of the skewness of what they move it by; NaN where units are not known."""
        if not self.by_unit or self.units < 2:
            return math.nan
        linear = self._linear(gradient)
        squares = np.square(linear)
        return min(worth_of_skewness(float(squares.sum()), float((squares * linear).sum())), float(self.units))

    def resampled(self, repeats: int, seed: int) -> Floats:
        """(repeats, m) means of groups drawn with replacement; InvalidInput where rows were not put into groups."""
        if self.groups is None:
            raise InvalidInput("a bootstrap needs groups: give units, or ask for it before adding rows.", field="units")
        own = self.groups[self.groups[:, 0] > 0.0]
        g, found = np.random.default_rng(seed), np.empty((repeats, len(self.totals)))
        for at in range(repeats):
            drawn = np.bincount(g.integers(0, len(own), len(own)), minlength=len(own)) @ own
            found[at] = drawn[1:] / drawn[0]
        return found
