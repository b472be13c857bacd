"""Thompson sampling on rates, without context."""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore.kernels import beta_argmax
from banditcore.policies.base import State
from banditcore.policies.checks import Arms, Mask, check_eligible, check_number
from banditcore.policies.context_free import ContextFreePolicy
from banditcore.types import Floats


class BetaTS(ContextFreePolicy):
    """P(arm) = P(its rate is the largest), rates ~ Beta(prior_successes + sum r, prior_failures + sum (1 - r)).

    Rewards lie in [0, 1]; a fraction counts as that much of a success. The vector is exact quadrature
    (error at most 1e-9) and computed once an update and eligible set, not per decision.
    Source: Thompson (1933); Agrawal and Goyal (2012), arXiv:1111.1797. Where the theorem stops: for rewards that
    are not 0 or 1 they flip a coin of that probability; adding the fraction keeps the mean and claims the
    variance of a binary reward, which is never too small. Priors below 0.05 leave the range of the quadrature.
    """

    name = "beta_ts"
    params = ("prior_successes", "prior_failures")
    serving_params = frozenset({"prior_successes", "prior_failures"})
    reward_kind = "unit_interval"

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        prior_successes: float = 1.0,
        prior_failures: float = 1.0,
        floor: float = 0.02,
    ) -> None:
        super().__init__(n_arms, n_features, floor=floor)
        self.prior_successes = check_number(prior_successes, "prior_successes", 0.05, 1e9)
        self.prior_failures = check_number(prior_failures, "prior_failures", 0.05, 1e9)
        self._successes = np.zeros(self.n_arms)
        self._failures = np.zeros(self.n_arms)

    def _posterior(self) -> tuple[Floats, Floats]:
        return self.prior_successes + self._successes, self.prior_failures + self._failures

    def _vector(self, mask: Mask) -> Floats:
        a, b = self._posterior()
        vector = np.zeros(self.n_arms)
        vector[mask] = beta_argmax(a[mask], b[mask])[0]
        return vector

    def certificate(self, eligible: Any = None) -> float:
        """|sum - 1| of the quadrature behind the vector for one (K,) set of eligible arms."""
        mask = check_eligible(eligible, 1, self.n_arms)
        a, b = self._posterior()
        return beta_argmax(a, b)[1] if mask is None else beta_argmax(a[mask.ravel()], b[mask.ravel()])[1]

    def _scores_into(self, contexts: Floats, out: Floats) -> None:
        a, b = self._posterior()
        out[:] = a / (a + b)

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        # add.at goes row by row; summing first would give other bytes than the same rows one at a time
        np.add.at(self._successes, arms, rewards)
        np.add.at(self._failures, arms, 1.0 - rewards)
        self._reloaded()

    def _learned(self) -> State:
        return {"successes": self._successes, "failures": self._failures}
