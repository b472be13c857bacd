"""A success rate an arm, whatever the context."""

from __future__ import annotations

from typing import Self

import numpy as np

from banditcore.checks import Arms, check_number
from banditcore.kernels.models import Model, RatesModel
from banditcore.posteriors.base import Posterior, State
from banditcore.types import Floats


class RatesPosterior(Posterior):
    """rate_k ~ Beta(prior_successes + sum r, prior_failures + sum (1 - r)); rewards in [0, 1].

    A fraction counts as that much of a success. Priors below 0.05 leave the range of the quadrature.
    """

    name = "rates"
    params = ("prior_successes", "prior_failures", "half_life")
    serving_params = frozenset({"prior_successes", "prior_failures"})
    reward_kind = "unit_interval"
    needs_context = False

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        prior_successes: float = 1.0,
        prior_failures: float = 1.0,
        half_life: float = 0.0,
    ) -> None:
        super().__init__(n_arms, n_features, half_life=half_life)
        self.prior_successes = check_number(prior_successes, "prior_successes", 0.05, 1e9)
        self.prior_failures = check_number(prior_failures, "prior_failures", 0.05, 1e9)
        self._successes, self._failures = np.zeros(n_arms), np.zeros(n_arms)

    def shapes(self) -> tuple[Floats, Floats]:
        """(K,) each: the two parameters of every arm's Beta."""
        return self.prior_successes + self._successes, self.prior_failures + self._failures

    def model(self, *, per_arm: bool = False) -> Model:
        return RatesModel(self, self._successes, self._failures, per_arm=per_arm)

    def means(self, contexts: Floats, out: Floats) -> None:
        a, b = self.shapes()
        out[:] = a / (a + b)

    def moments(self, contexts: Floats, scale: float, mean: Floats, sd: Floats) -> None:
        a, b = self.shapes()
        mean[:] = a / (a + b)
        sd[:] = scale * np.sqrt(a * b / (a + b + 1.0)) / (a + b)

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        # add.at goes row by row; summing first would give other bytes than the same rows one at a time
        np.add.at(self._successes, arms, rewards)
        np.add.at(self._failures, arms, 1.0 - rewards)

    def _fade(self, g: float) -> None:
        self._successes *= g
        self._failures *= g

    def arrays(self) -> State:
        return {"successes": self._successes, "failures": self._failures}

    def seen(self) -> float:
        return float(self._successes.sum() + self._failures.sum())

    def _merge(self, other: Self) -> None:
        self._successes += other._successes
        self._failures += other._failures
