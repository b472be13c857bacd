"""What the linear policies share: one ridge regression an arm, carried by the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore.errors import InvalidInput
from banditcore.kernels import LIMIT, LinearArms
from banditcore.policies.base import Policy, State
from banditcore.policies.checks import Arms, check_number
from banditcore.types import Floats

ARRAYS = ("A", "b", "S", "m", "n", "sum_r", "sum_r2", "rss", "age")


class LinearPolicy(Policy):
    """Per arm: A = l2 I + sum x x' (d, d), b = sum r x (d,), counts and sums; m = A^-1 b.

    The regulariser is l2 on every coordinate alike; there is no hidden intercept. State besides: the inverse
    factor S with A^-1 = S S', the prequential residual sum `rss`, and `age`, updates since S was rebuilt; they
    are part of the state so that going on from it gives the bytes of never having stopped.
    """

    def __init__(self, n_arms: int, n_features: int, *, l2: float = 1.0, floor: float = 0.02) -> None:
        super().__init__(n_arms, n_features, floor=floor)
        self.l2 = check_number(l2, "l2", 1.0 / LIMIT)
        self._arms = LinearArms(self.n_arms, self.n_features, self.l2)

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        self._arms.learn(contexts, arms, rewards)

    def _learned(self) -> State:
        return {key: getattr(self._arms, key) for key in ARRAYS}

    def contributions(self, context: Any) -> Floats:
        """(K, d) coefficient * value; its row sums are the posterior means of the scores."""
        row = np.asarray(context, dtype=np.float64)
        if row.shape not in ((self.n_features,), (self.n_arms, self.n_features)):
            expected = f"({self.n_features},) or ({self.n_arms}, {self.n_features})"
            raise InvalidInput(f"context has shape {row.shape}, expected {expected}.", field="context")
        products: Floats = self._arms.m * row
        return products
