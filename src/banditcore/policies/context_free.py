"""What the policies that ignore the context share: one vector for each set of eligible arms."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from banditcore.checks import Mask, Seeds
from banditcore.kernels import add_floor
from banditcore.kernels.models import Model
from banditcore.kernels.steppers import FreeStepper, Stepper
from banditcore.policies.base import Policy
from banditcore.posteriors.base import Posterior
from banditcore.types import Floats

REMEMBERED = 256
"""Eligible sets whose vectors are kept between updates."""


class ContextFreePolicy(Policy):
    """Writes `_vector(mask)`, the rule's (K,) vector and its error before the floor; computed once a set and update."""

    def __init__(self, posterior: Posterior, *, floor: float = 0.02) -> None:
        super().__init__(posterior, floor=floor)
        self._floored: dict[bytes, tuple[Floats, float]] = {}

    def _changed(self) -> None:
        self._floored = {}  # not clear(): a reader in another thread may hold the old one

    @abstractmethod
    def _vector(self, mask: Mask) -> tuple[Floats, float]: ...

    def _row(self, mask: Mask) -> tuple[Floats, float]:
        key = mask.tobytes()
        found = self._floored.get(key)
        if found is None:
            vector, error = self._vector(mask)
            row = np.empty((1, self.n_arms))
            add_floor(vector[None, :], mask[None, :].view(np.uint8), self.floor, row)
            found = row, error
            if len(self._floored) >= REMEMBERED:
                self._changed()
            self._floored[key] = found
        return found

    def _stepper_over(self, model: Model) -> Stepper:
        return FreeStepper(self, model, self.floor)

    def _propensities_into(
        self, contexts: Floats, eligible: Mask | None, out: Floats, seeds: Seeds | None
    ) -> float | Floats:
        if eligible is None or eligible.ndim == 1:
            out[:], error = self._row(np.ones(self.n_arms, dtype=np.bool_) if eligible is None else eligible)
            return error
        errors = np.empty(len(out))
        for index, mask in enumerate(eligible):
            row, errors[index] = self._row(mask)
            out[index] = row[0]
        return errors
