"""Worlds: where requests come from and what each variant would have earned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from banditcore.types import Floats


class World(Protocol):
    """What a runner needs to know: row by row a context, and what each arm would earn."""

    @property
    def contexts(self) -> Floats: ...

    def reward(self, row: int, arm: int) -> float: ...


@dataclass(frozen=True, slots=True)
class Classification:
    """A labelled data set as a bandit: one request a row, one variant a class, reward 1 for the row's class."""

    contexts: Floats
    """(n, d)"""
    labels: npt.NDArray[np.intp]
    """(n,) in 0..n_arms-1"""

    @property
    def n_arms(self) -> int:
        return int(self.labels.max()) + 1

    @property
    def n_features(self) -> int:
        return int(self.contexts.shape[1])

    def reward(self, row: int, arm: int) -> float:
        return float(self.labels[row] == arm)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A world whose law is known, with every arm's reward drawn in advance: policies can be paired on one seed."""

    contexts: Floats
    """(n, d), or (n, K, d) where each arm has features of its own"""
    means: Floats
    """(n, K) expected rewards"""
    rewards: Floats
    """(n, K) rewards as drawn"""

    @property
    def n_arms(self) -> int:
        return int(self.means.shape[1])

    @property
    def n_features(self) -> int:
        return int(self.contexts.shape[-1])

    def reward(self, row: int, arm: int) -> float:
        return float(self.rewards[row, arm])


def classification(
    features: Floats, labels: npt.ArrayLike, *, scale: float = 1.0, intercept: bool = True
) -> Classification:
    """A world of any labelled matrix: features divided by `scale`, a constant 1 appended last on wish."""
    contexts = np.asarray(features, dtype=np.float64) / scale
    if intercept:
        contexts = np.hstack([contexts, np.ones((len(contexts), 1))])
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    return Classification(contexts, codes.astype(np.intp))


def digits() -> Classification:
    """scikit-learn's 1,797 handwritten digits, 64 pixels of 0..16 scaled to 0..1, in the order of the file."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return classification(data.data, data.target, scale=16.0)


def linear(
    seed: int,
    rows: int,
    *,
    arms: int = 10,
    features: int = 8,
    noise: float = 1.0,
    spread: float = 1.0,
    alike: float = 0.0,
) -> Synthetic:
    """reward = x'theta_k + N(0, noise^2), x ~ N(0, I), theta_k ~ N(0, spread^2 I): the prior of linear models.

    alike: correlation of a weight between arms.
    """
    g = np.random.default_rng(seed)
    x = g.standard_normal((rows, features))
    shared, own = g.standard_normal((1, features)), g.standard_normal((arms, features))
    theta = spread * (np.sqrt(alike) * shared + np.sqrt(1.0 - alike) * own)
    means = x @ theta.T
    return Synthetic(x, means, means + noise * g.standard_normal(means.shape))


def shared_linear(
    seed: int, rows: int, *, arms: int = 50, features: int = 16, noise: float = 0.5, common: float = 0.0
) -> Synthetic:
    """reward = f_k'theta + N(0, noise^2) with fresh features of every arm in every row, theta uniform on the sphere.

    f_k ~ N(0, I), so that expected rewards have variance 1; common: their correlation between the arms of a row.
    """
    g = np.random.default_rng(seed)
    theta = g.standard_normal(features)
    f = np.sqrt(1.0 - common) * g.standard_normal((rows, arms, features))
    f += np.sqrt(common) * g.standard_normal((rows, 1, features))
    means = f @ (theta / np.linalg.norm(theta))
    return Synthetic(f, means, means + noise * g.standard_normal(means.shape))
