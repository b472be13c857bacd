"""Inverse propensity scoring (Horvitz and Thompson, 1952)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class IPS(Estimator):
    """V = mean(w r), with w = pi(a|x) / p(a|x).

    Unbiased wherever every arm that the target plays had a chance. Its variance grows with the square of the weights
    and with the level of the rewards: adding a constant to all of them changes the error. Where the largest weights
    are yet to come, the error is too small with the value: at an effective sample of 80 in 2,000 rows its 95 %
    interval covers less than .8.
    """

    name: ClassVar[str] = "ips"
    translates: ClassVar[bool] = False

    def columns(self, weighted: Weighted, out: Floats) -> None:
        np.multiply(weighted.weight, weighted.reward, out=out[0])
