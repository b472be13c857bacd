"""SWITCH (Wang, Agarwal and Dudik, 2017, arXiv:1612.01205) with the doubly robust correction."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from banditcore.estimators.off_policy.base import Tuned, Tuning
from banditcore.estimators.off_policy.slope import LIMITS
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class SwitchDR(Tuned):
    """V = mean(sum over arms of pi(a|x) q(x, a) + 1[w <= threshold] w (r - q(x, a))).

    DR where the weights are small, the model where they are not; the threshold is chosen by SLOPE.
    """

    name: ClassVar[str] = "switch_dr"
    needs_model: ClassVar[bool] = True
    grid: ClassVar[tuple[float, ...]] = LIMITS

    def __init__(self, threshold: Tuning = "slope") -> None:
        super().__init__(threshold, "threshold")

    def column(self, weighted: Weighted, parameter: float, out: Floats) -> None:
        assert weighted.expected is not None and weighted.residual is not None
        np.multiply(weighted.weight, weighted.residual, out=out)
        out *= weighted.weight <= parameter
        out += weighted.expected
