"""One Bayesian linear regression for all arms, told apart by their features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from banditcore.checks import Arms, check_matrix, check_number
from banditcore.errors import InvalidInput
from banditcore.kernels import LinearArms
from banditcore.kernels.models import Model, SharedModel
from banditcore.posteriors.base import LEAST_L2, Posterior, State
from banditcore.posteriors.linear import ARRAYS, merge_linear
from banditcore.types import Floats


class SharedPosterior(Posterior):
    """reward ~ N(f_k'theta, s2), theta ~ N(0, s2 / l2): what one arm teaches tells about all, known or new.

    f_k are the contexts themselves where each arm brings its own, (n, K, d). With arm_features (K, p) they are the
    d * p products of a context and an arm's features; give both a constant 1 to keep the parts by themselves.
    """

    name = "shared_linear"
    shares = True
    params = ("arm_features", "l2", "half_life")
    per_arm_params = frozenset({"arm_features"})

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        arm_features: npt.ArrayLike = (),
        l2: float = 1.0,
        half_life: float = 0.0,
    ) -> None:
        super().__init__(n_arms, n_features, half_life=half_life)
        self.l2 = check_number(l2, "l2", LEAST_L2)
        given = np.asarray(arm_features, dtype=object).size > 0
        self.arm_features = check_matrix(arm_features, "arm_features", self.n_arms) if given else np.empty((0, 0))
        self.own_features_only = not given
        self.dimension = self.n_features * max(1, self.arm_features.shape[1])
        self.kernel = LinearArms(1, self.dimension, self.l2)

    @classmethod
    def size(cls, n_arms: int, n_features: int, params: Mapping[str, Any]) -> int:
        features = params.get("arm_features") or [[1.0]]
        width = len(features[0]) if isinstance(features[0], list | tuple | np.ndarray) else 1
        return 16 * (n_features * width) ** 2

    @classmethod
    def example_params(cls, n_arms: int) -> dict[str, Any]:
        turns = 2.4 * np.arange(n_arms)
        return {"arm_features": np.column_stack([np.cos(turns), np.sin(turns)])}

    def features(self, contexts: Floats) -> Floats:
        """(n, K, D) f of every arm."""
        if contexts.ndim == 2:
            self._need_features()
            contexts = contexts[:, None, :]
        if self.own_features_only:
            return contexts
        products = contexts[:, :, :, None] * self.arm_features[None, :, None, :]
        return products.reshape(len(contexts), self.n_arms, self.dimension)

    def _need_features(self) -> None:
        if self.own_features_only:
            raise InvalidInput(
                f"contexts must be (n, {self.n_arms}, {self.n_features}): one context for all arms cannot tell them"
                " apart without arm_features.",
                field="contexts",
            )

    def _check(self, contexts: Floats) -> None:
        if contexts.ndim == 2:
            self._need_features()

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        rows = contexts if contexts.ndim == 2 else contexts[np.arange(len(arms)), arms]
        if not self.own_features_only:
            rows = (rows[:, :, None] * self.arm_features[arms][:, None, :]).reshape(len(arms), self.dimension)
        self.kernel.learn(np.ascontiguousarray(rows), np.zeros(len(arms), dtype=np.int64), rewards)

    def model(self, *, per_arm: bool = False) -> Model | None:
        if self.own_features_only and not per_arm:
            return None  # `features` says why
        return SharedModel(self, self.kernel, self.arm_features, per_arm=per_arm)

    def means(self, contexts: Floats, out: Floats) -> None:
        rows = self.features(contexts).reshape(-1, self.dimension)
        self.kernel.moments(rows, 1.0, out.reshape(-1, 1), None)

    def moments(self, contexts: Floats, scale: float, mean: Floats, sd: Floats) -> None:
        """Of each score by itself: those of different arms are correlated through theta."""
        rows = self.features(contexts).reshape(-1, self.dimension)
        self.kernel.moments(rows, scale, mean.reshape(-1, 1), sd.reshape(-1, 1))

    def noise_variance(self, shape: float = 0.0, scale: float = 0.0) -> float:
        return self.kernel.noise_variance(shape, scale)

    def seen(self) -> float:
        return float(self.kernel.weight.sum())

    def _fade(self, g: float) -> None:
        self.kernel.reprior(g, self.l2)

    def arrays(self) -> State:
        return {}

    def common(self) -> State:
        return super().common() | {key: getattr(self.kernel, key) for key in ARRAYS}

    def _merge(self, other: Self) -> None:
        merge_linear(self.kernel, other.kernel)

    def contributions(self, context: Any) -> Floats:
        """(K, d) share of each column of the context, arm features included."""
        row = np.asarray(context, dtype=np.float64)
        parts = self.features(row[None])[0] * self.kernel.m[0]
        summed: Floats = parts.reshape(self.n_arms, self.n_features, -1).sum(axis=2)
        return summed
