"""What outcome to expect of an arm by its own features: one regression for all arms."""

from __future__ import annotations

import numpy as np

from banditcore.checks import Arms
from banditcore.types import Floats

L2 = 1.0


class ArmFeatureModel:
    """A ridge regression on the features of the arm that was shown and a constant, shared by all arms.

    Predictions lie within the outcomes seen so far; before the first they are 0, and where the regression gives no
    finite number they are the mean outcome. Outcomes are counted from the first, so that a constant added to all of
    them is added to all predictions after it.
    """

    def __init__(self, n_arms: int, n_features: int) -> None:
        self.n_features = n_features
        self.shown = np.zeros(n_arms)
        """(K,) rows learned of each arm."""
        self.total = 0.0
        self.range = np.zeros(2)
        self.origin = 0.0
        self._squares = L2 * np.eye(n_features + 1)
        self._products = np.zeros(n_features + 1)
        self._weights: Floats | None = None

    def predict(self, contexts: Floats) -> Floats:
        """(n, K) expected outcomes of contexts (n, K, d)."""
        if self._weights is None:
            self._weights = np.asarray(np.linalg.solve(self._squares, self._products), dtype=np.float64)
        weights = self._weights
        with np.errstate(over="ignore", invalid="ignore"):
            found: Floats = contexts @ weights[:-1] + (weights[-1] + self.origin)
        rows = self.shown.sum()
        found[~np.isfinite(found)] = self.total / rows if rows else 0.0
        return np.clip(found, *self.range, out=found)

    def learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        """Folds n > 0 rows: contexts (n, K, d), arms (n,) that were shown, and their outcomes (n,)."""
        low, high = rewards.min(), rewards.max()
        self.range[:] = (min(self.range[0], low), max(self.range[1], high)) if self.shown.any() else (low, high)
        if not self.shown.any():
            self.origin = float(rewards[0])
        own = np.column_stack([contexts[np.arange(len(arms)), arms], np.ones(len(arms))])
        self._squares += own.T @ own
        self._products += own.T @ (rewards - self.origin)
        self.shown += np.bincount(arms, minlength=len(self.shown))
        self.total += float(rewards.sum())
        self._weights = None
