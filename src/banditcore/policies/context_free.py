"""What the policies that ignore the context share: one vector for each set of eligible arms."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from banditcore.kernels import add_floor
from banditcore.policies.base import Policy
from banditcore.policies.checks import Mask
from banditcore.types import Floats

REMEMBERED = 256
"""Eligible sets whose vectors are kept between updates."""


class ContextFreePolicy(Policy):
    """Writes `_vector(mask)`, the rule's (K,) vector before the floor; it is computed once a set and update."""

    needs_context = False

    def __init__(self, n_arms: int, n_features: int, *, floor: float = 0.02) -> None:
        super().__init__(n_arms, n_features, floor=floor)
        self._floored: dict[bytes, Floats] = {}

    @abstractmethod
    def _vector(self, mask: Mask) -> Floats: ...

    def _reloaded(self) -> None:
        self._floored = {}  # not clear(): a reader in another thread may hold the old one

    def _row(self, mask: Mask) -> Floats:
        key = mask.tobytes()
        row = self._floored.get(key)
        if row is None:
            row = np.empty((1, self.n_arms))
            add_floor(self._vector(mask)[None, :], mask[None, :].view(np.uint8), self.floor, row)
            if len(self._floored) >= REMEMBERED:
                self._floored = {}
            self._floored[key] = row
        return row

    def _propensities_into(self, contexts: Floats, eligible: Mask | None, out: Floats) -> None:
        if eligible is None or eligible.ndim == 1:
            out[:] = self._row(np.ones(self.n_arms, dtype=np.bool_) if eligible is None else eligible)
            return
        for row, mask in zip(out, eligible, strict=True):
            row[:] = self._row(mask)[0]
