"""Linear regressions with a part that all arms share."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import Any, Self

import numpy as np

from banditcore.checks import Arms, check_number, check_whole
from banditcore.errors import InvalidInput
from banditcore.kernels import HybridArms
from banditcore.kernels.models import HybridModel, Model
from banditcore.posteriors.base import LEAST_L2, Posterior, State
from banditcore.types import Floats

PER_ARM = ("A", "b", "B", "S", "m", "W", "n", "weight", "sum_r", "sum_r2", "rss", "age")
SHARED = ("Z", "bz", "A0", "b0", "S0", "beta", "age0")


class HybridPosterior(Posterior):
    """reward ~ N(z'beta + x'theta_k, s2), beta and every theta_k ~ N(0, s2 / l2); z is shared, x the arm's own.

    n_shared = 0: every column takes part in both, so an arm is the common model plus what sets it apart, and one that
    was never seen is scored by the common model. Else the first n_shared columns are z and the others are x.
    State: Li et al. (2010), arXiv:1003.0146, algorithm 2, kept by rank-1 steps that never subtract.
    """

    name = "hybrid_linear"
    shares = True
    params = ("n_shared", "l2", "half_life")

    def __init__(
        self, n_arms: int, n_features: int, *, n_shared: float = 0, l2: float = 1.0, half_life: float = 0.0
    ) -> None:
        super().__init__(n_arms, n_features, half_life=half_life)
        self.l2 = check_number(l2, "l2", LEAST_L2)
        self.n_shared = check_whole(n_shared, "n_shared", 0)
        if self.n_shared >= self.n_features:
            raise InvalidInput(
                f"n_shared must leave the arms a column of their own: at most {self.n_features - 1}, found"
                f" {self.n_shared}; 0 gives every column both parts.",
                field="n_shared",
            )
        self.kernel = HybridArms(self.n_arms, self.n_features, self.n_shared, self.l2)

    @classmethod
    def size(cls, n_arms: int, n_features: int, params: Mapping[str, Any]) -> int:
        return 32 * n_arms * n_features * (n_features + 1)

    def model(self, *, per_arm: bool = False) -> Model:
        return HybridModel(self, self.kernel, per_arm=per_arm)

    def means(self, contexts: Floats, out: Floats) -> None:
        self.kernel.moments(contexts, out)

    def moments(self, contexts: Floats, scale: float, mean: Floats, sd: Floats) -> None:
        """Of each score by itself: those of different arms are correlated through beta."""
        self.kernel.moments(contexts, mean, sd)
        sd *= scale

    def noise_variance(self, shape: float = 0.0, scale: float = 0.0) -> float:
        missed, weight = scale + 0.5 * fsum(self.kernel.rss), shape + 0.5 * fsum(self.kernel.weight)
        return missed / weight if missed > 0.0 and weight > 0.0 else 1.0

    def seen(self) -> float:
        return float(self.kernel.weight.sum())

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        self.kernel.learn(contexts, arms, rewards)

    def _fade(self, g: float) -> None:
        self.kernel.decay(g)
        self._settle_residuals()

    def arrays(self) -> State:
        return {key: getattr(self.kernel, key) for key in PER_ARM}

    def common(self) -> State:
        return super().common() | {key: getattr(self.kernel, key) for key in SHARED}

    def _merge(self, other: Self) -> None:
        mine, theirs = self.kernel, other.kernel
        for matrix in ("A", "Z"):
            getattr(mine, matrix)[...] += getattr(theirs, matrix) - self.l2 * np.eye(getattr(theirs, matrix).shape[-1])
        for sums in ("b", "B", "bz", "n", "weight", "sum_r", "sum_r2"):
            getattr(mine, sums)[...] += getattr(theirs, sums)
        mine.refresh()
        mine.rss[:] += theirs.rss
        self._settle_residuals()

    def _settle_residuals(self) -> None:
        """Makes the residual sums add up to sum r^2 - b'm - b0'beta; how it falls to the arms is needed nowhere."""
        kernel = self.kernel
        # fsum rounds once: NumPy's sums add in an order that depends on the machine
        explained = np.concatenate([(kernel.b * kernel.m).ravel(), kernel.b0 * kernel.beta])
        left, apart = fsum(kernel.sum_r2) - fsum(explained), fsum(kernel.rss)
        if apart > 0.0:
            kernel.rss[:] *= max(left, 0.0) / apart

    def contributions(self, context: Any) -> Floats:
        """(K, d) coefficient * value; its row sums are the posterior means of the scores."""
        kernel, own = self.kernel, self.n_shared
        coefficients = np.zeros((self.n_arms, self.n_features))
        coefficients[:, : own or None] += kernel.beta
        coefficients[:, own:] += kernel.m - kernel.W @ kernel.beta
        products: Floats = coefficients * np.asarray(context, dtype=np.float64)
        return products
