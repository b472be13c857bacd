"""Doubly robust with optimistic shrinkage (Su, Dimakopoulou, Krishnamurthy and Dudik, ICML 2020, arXiv:1907.09623)."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from banditcore.estimators.off_policy.base import Tuned, Tuning
from banditcore.estimators.off_policy.slope import LIMITS
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class DRos(Tuned):
    """V = mean(sum over arms of pi(a|x) q(x, a) + s w / (w^2 + s) (r - q(x, a))), with the shrinkage s.

    DM at s = 0, DR at infinity; weights above sqrt(s) count less, the larger they are. s is chosen by SLOPE.
    """

    name: ClassVar[str] = "dros"
    needs_model: ClassVar[bool] = True
    grid: ClassVar[tuple[float, ...]] = tuple(limit * limit for limit in LIMITS)

    def __init__(self, shrinkage: Tuning = "slope") -> None:
        super().__init__(shrinkage, "shrinkage")

    def column(self, weighted: Weighted, parameter: float, out: Floats) -> None:
        assert weighted.expected is not None and weighted.residual is not None
        np.multiply(weighted.weight, weighted.residual, out=out)
        if parameter == 0.0:
            out[:] = 0.0
        elif parameter < math.inf:
            out /= 1.0 + np.square(weighted.weight) / parameter
        out += weighted.expected
