"""What the rules share that explore over any posterior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from banditcore.errors import InvalidInput
from banditcore.policies.base import Policy, keyword_defaults
from banditcore.posteriors import get_posterior
from banditcore.types import Floats


class OverAny(Policy):
    """`over` names the posterior, whose own parameters stand beside it: `over="logistic", base_rate=0.03`."""

    def __init__(self, n_arms: int, n_features: int, *, over: str, floor: float, params: Mapping[str, Any]) -> None:
        kind: Any = get_posterior(over)
        unknown = sorted(params.keys() - keyword_defaults(kind).keys())
        if unknown:
            takes = ", ".join(keyword_defaults(kind))
            raise InvalidInput(f"{unknown[0]} is unknown; {over} takes {takes}.", field=unknown[0])
        super().__init__(kind(n_arms, n_features, **params), floor=floor)
        self.over = over

    @classmethod
    def example_params(cls, n_arms: int, params: Mapping[str, Any]) -> dict[str, Any]:
        return get_posterior(params.get("over", "linear")).example_params(n_arms)

    @classmethod
    def accepted(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        return keyword_defaults(cls) | keyword_defaults(get_posterior(params.get("over", "linear")))

    @classmethod
    def size(cls, n_arms: int, n_features: int, params: Mapping[str, Any]) -> int:
        return get_posterior(params.get("over", "linear")).size(n_arms, n_features, params)

    def _means(self, contexts: Floats) -> Floats:
        means = np.empty((len(contexts), self.n_arms))
        self.posterior.means(contexts, means)
        return means
