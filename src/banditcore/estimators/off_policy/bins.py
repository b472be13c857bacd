"""Sums by the size of the weight: the histogram, the effective sample, and what bounds are made of."""

from __future__ import annotations

import math

import numpy as np

from banditcore.estimators.off_policy.rarity import Rarity
from banditcore.estimators.off_policy.sums import Sums, pieces
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats

LEAST_POWER, MOST_POWER = -10, 20
"""Bins are [2^k, 2^(k+1)) for k between, with one for 0, one for what is smaller and one for what is larger."""
BINS = MOST_POWER - LEAST_POWER + 3
EDGES = (0.0, *(2.0**power for power in range(LEAST_POWER, MOST_POWER + 1)), math.inf)
"""Of the bins but the first, which holds the zeros."""
MOMENTS = ("1", "w", "w2", "r", "r2", "wr", "w2r", "w2r2")
_BIAS = 1023 + LEAST_POWER - 2  # the exponent of a float64 to the number of its bin


def bin_of(weight: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(n,) the bin of each weight >= 0, read off its exponent."""
    found = np.ascontiguousarray(weight, dtype=np.float64).view(np.int64) >> 52
    found -= _BIAS
    np.clip(found, 1, BINS - 1, out=found)
    found *= weight > 0.0
    return found


class Bins:
    """Sums over rows of products of weight and reward, (8, BINS) by `MOMENTS`, and what does not add up."""

    def __init__(self) -> None:
        self.sums = np.zeros((len(MOMENTS), BINS))
        self.largest = 0.0
        self.least_reward, self.most_reward = math.inf, -math.inf
        self.unsupported = np.zeros(2)
        """Sum of what the target gives to arms without a chance, and over how many rows."""
        self.foreseen = np.zeros(2)
        """Sum of the squares of the weights as they were to be expected, and over how many rows."""
        self.by_unit = Sums(1)
        """Of the weights, where units are known."""
        self.rarity = Rarity()

    def add(self, weighted: Weighted, by_unit: bool = True) -> None:
        for part in pieces(len(weighted)):
            self._fold(weighted.take(part), by_unit)

    def _fold(self, piece: Weighted, by_unit: bool) -> None:
        w, r = piece.weight, piece.reward
        at, wr, w2 = bin_of(w), w * r, w * w
        self.sums[0] += np.bincount(at, minlength=BINS)
        for row, values in enumerate((w, w2, r, r * r, wr, w * wr, wr * wr), 1):
            self.sums[row] += np.bincount(at, values, minlength=BINS)
        self.largest = max(self.largest, float(w.max()))
        self.least_reward = min(self.least_reward, float(r.min()))
        self.most_reward = max(self.most_reward, float(r.max()))
        if piece.unsupported is not None:
            self.unsupported += piece.unsupported.sum(), len(piece)
        if piece.foreseen is not None:
            self.foreseen += piece.foreseen.sum(), len(piece)
        self.rarity.add(piece)
        if piece.clusters is not None and by_unit:
            self.by_unit.add(w[None], piece.clusters)

    def __add__(self, other: Bins) -> Bins:
        found = Bins()
        found.sums, found.unsupported = self.sums + other.sums, self.unsupported + other.unsupported
        found.foreseen = self.foreseen + other.foreseen
        found.largest = max(self.largest, other.largest)
        found.least_reward = min(self.least_reward, other.least_reward)
        found.most_reward = max(self.most_reward, other.most_reward)
        found.by_unit = self.by_unit + other.by_unit
        found.rarity = self.rarity + other.rarity
        return found

    @property
    def rows(self) -> int:
        return int(self.sums[0].sum())

    @property
    def independent_rows(self) -> float:
        """Rows, or rows over those of the largest group of units: what deviations shrink by (Janson, 2004)."""
        return self.rows if self.by_unit.groups is None else self.rows / float(self.by_unit.groups[:, 0].max())

    @property
    def foreseen_sample(self) -> float:
        """Rows that the weights were to be worth, before they were drawn; NaN where no row could tell."""
        squares, known = self.foreseen
        return float(self.rows * known / squares) if squares > 0.0 else math.nan

    def total(self, moment: str) -> float:
        return float(self.sums[MOMENTS.index(moment)].sum())
