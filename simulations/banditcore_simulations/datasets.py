"""Labelled data, row by row as the file has them: what the demo, traffic and known answers of other libraries take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from banditcore.types import Floats


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
