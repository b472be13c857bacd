"""Self-normalised doubly robust estimator (Thomas and Brunskill, 2016, arXiv:1604.00923, as for one step)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class SNDR(Estimator):
    """V = mean(sum over arms of pi(a|x) q(x, a)) + sum(w (r - q(x, a))) / sum(w), linearised.

    Tamer than DR where the mean of the weights is far from 1; its bias is of order 1/n.
    """

    name: ClassVar[str] = "sndr"
    needs_model: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(3)

    def columns(self, weighted: Weighted, out: Floats) -> None:
        assert weighted.residual is not None
        out[0] = weighted.expected
        np.multiply(weighted.weight, weighted.residual, out=out[1])
        out[2] = weighted.weight

    def combine(self, mean: Floats) -> float:
        return float(mean[0] + mean[1] / mean[2]) if mean[2] > 0.0 else float("nan")

    def gradient(self, mean: Floats) -> Floats:
        if not mean[2] > 0.0:
            return np.full(3, np.nan)
        return np.array([1.0, 1.0 / mean[2], -mean[1] / mean[2] ** 2])
