"""The doubly robust estimator (Dudik, Langford and Li, 2011, arXiv:1103.4601)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np

from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats


class DR(Estimator):
    """V = mean(sum over arms of pi(a|x) q(x, a) + w (r - q(x, a))).

    Unbiased with right propensities whatever the model, as long as q of a row was fitted without that row and, where
    the log's policy learned along the way, on earlier rows only: `progressive` (Bibaut et al., 2021, arXiv:2106.00418).
    With a finite `limit` the weights are cut there, as some libraries do, and it is biased.
    """

    name: ClassVar[str] = "dr"
    role: ClassVar[Literal["main", "sensitivity"]] = "main"
    needs_model: ClassVar[bool] = True

    def __init__(self, limit: float = math.inf) -> None:
        if not limit > 0.0:
            raise InvalidInput(f"limit must be above 0, found {limit}.", field="limit")
        self.limit = limit
        super().__init__()

    @property
    def parameter(self) -> float:
        return self.limit if math.isfinite(self.limit) else math.nan

    def columns(self, weighted: Weighted, out: Floats) -> None:
        assert weighted.expected is not None and weighted.residual is not None
        weight = weighted.weight if self.limit == math.inf else np.minimum(weighted.weight, self.limit)
        np.multiply(weight, weighted.residual, out=out[0])
        out[0] += weighted.expected

    def _settings(self) -> Any:
        return self.limit
