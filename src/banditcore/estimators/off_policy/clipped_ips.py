"""IPS with weights cut at a limit (Ionides, 2008; Bottou et al., 2013, arXiv:1209.2355)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from banditcore.estimators.off_policy.base import Tuned, Tuning
from banditcore.estimators.off_policy.slope import LIMITS
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class ClippedIPS(Tuned):
    """V = mean(min(w, limit) r): too low for rewards above 0 by what the weights lose; the limit is chosen by SLOPE."""

    name: ClassVar[str] = "clipped_ips"
    translates: ClassVar[bool] = False
    grid: ClassVar[tuple[float, ...]] = LIMITS

    def __init__(self, limit: Tuning = "slope") -> None:
        super().__init__(limit, "limit")

    def column(self, weighted: Weighted, parameter: float, out: Floats) -> None:
        np.minimum(weighted.weight, parameter, out=out)
        out *= weighted.reward
