"""Self-normalised inverse propensity scoring (Swaminathan and Joachims, NeurIPS 2015)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class SNIPS(Estimator):
    """V = sum(w r) / sum(w), with the variance of its linearisation w (r - V) / mean(w).

    Within the range of the rewards, and the same when a constant is added to all of them: with r = 1 it is 1 and
    certain. Its bias is of order 1/n. Bootstrapping w r over a fixed mean(w) is not its error: that misses how both
    vary together.
    """

    name: ClassVar[str] = "snips"
    role: ClassVar[Literal["main", "sensitivity"]] = "main"

    def __init__(self) -> None:
        super().__init__(2)

    def columns(self, weighted: Weighted, out: Floats) -> None:
        np.multiply(weighted.weight, weighted.reward, out=out[0])
        out[1] = weighted.weight

    def combine(self, mean: Floats) -> float:
        return float(mean[0] / mean[1]) if mean[1] > 0.0 else float("nan")

    def gradient(self, mean: Floats) -> Floats:
        return np.array([1.0, -self.combine(mean)]) / mean[1] if mean[1] > 0.0 else np.full(2, np.nan)
