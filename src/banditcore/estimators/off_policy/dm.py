"""The direct method: what the outcome model says of the target."""

from __future__ import annotations

from typing import ClassVar

from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class DM(Estimator):
    """V = mean over rows of sum over arms of pi(a|x) q(x, a).

    As wrong as the model, and blind to it: its error only knows how the model's answers vary, so that its 95 %
    intervals cover a quarter of the time. It is there to be held against DR.
    """

    name: ClassVar[str] = "dm"
    needs_model: ClassVar[bool] = True
    biased: ClassVar[bool] = True

    def columns(self, weighted: Weighted, out: Floats) -> None:
        assert weighted.expected is not None
        out[0] = weighted.expected
