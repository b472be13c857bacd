"""A click model without covariances, to show what they are worth."""

import numpy as np
from scipy.special import expit

from banditcore.posteriors import LogisticPosterior


class DiagonalPosterior(LogisticPosterior):
    """`LogisticPosterior` with variances only, as in AdPredictor (Graepel et al. 2010)."""

    def __init__(self, n_arms, n_features, *, base_rate=0.05):
        super().__init__(n_arms, n_features, base_rate=base_rate)
        self.mean, self.variance = np.zeros((n_arms, n_features)), np.ones((n_arms, n_features))

    def moments(self, contexts, scale, mean, sd):
        mean[:], sd[:] = contexts @ self.mean.T, scale * np.sqrt(contexts**2 @ self.variance.T)

    def _learn(self, contexts, arms, rewards):
        for x, k, r in zip(contexts, arms, rewards, strict=True):
            spread = self.variance[k] * x
            v = x @ spread
            kappa = 1.0 / np.sqrt(1.0 + np.pi / 8.0 * v)
            p = expit(kappa * (self._offset + x @ self.mean[k]))
            self.mean[k] += kappa * (r - p) * spread
            self.variance[k] -= kappa**2 * p * (1.0 - p) * spread**2
