"""A click model without covariances, to show what they are worth."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from banditcore.checks import Arms
from banditcore.kernels.steppers import PolicyStepper, Stepper
from banditcore.policies import LogisticTS
from banditcore.posteriors import LogisticPosterior
from banditcore.types import Floats


class DiagonalPosterior(LogisticPosterior):
    """`LogisticPosterior` with variances only, as in AdPredictor (Graepel et al. 2010)."""

    def __init__(self, n_arms: int, n_features: int, *, base_rate: float = 0.05) -> None:
        super().__init__(n_arms, n_features, base_rate=base_rate)
        self.mean, self.variance = np.zeros((n_arms, n_features)), np.ones((n_arms, n_features))

    def moments(self, contexts: Floats, scale: float, mean: Floats, sd: Floats) -> None:
        mean[:], sd[:] = contexts @ self.mean.T, scale * np.sqrt(contexts**2 @ self.variance.T)

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        for x, k, r in zip(contexts, arms, rewards, strict=True):
            spread = self.variance[k] * x
            v = x @ spread
            kappa = 1.0 / np.sqrt(1.0 + np.pi / 8.0 * v)
            p = expit(kappa * (self._offset + x @ self.mean[k]))
            self.mean[k] += kappa * (r - p) * spread
            self.variance[k] -= kappa**2 * p * (1.0 - p) * spread**2


class DiagonalTS(LogisticTS):
    """`logistic_ts` over that posterior."""

    def __init__(self, n_arms: int, n_features: int) -> None:
        super().__init__(n_arms, n_features, floor=0.0)
        self.posterior = DiagonalPosterior(n_arms, n_features)

    def stepper(self, *, per_arm: bool = False) -> Stepper:
        """Through Python: kernels know no such posterior."""
        return PolicyStepper(self, per_arm=per_arm)
