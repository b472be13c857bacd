"""The policy that knows nothing, for logging and as a yardstick."""

from __future__ import annotations

from banditcore.checks import Mask
from banditcore.policies.context_free import ContextFreePolicy
from banditcore.posteriors.nothing import NoPosterior
from banditcore.types import Floats


class Uniform(ContextFreePolicy):
    """Every eligible arm has probability 1 / (eligible arms); scores are 0, nothing is learned."""

    name = "uniform"

    def __init__(self, n_arms: int, n_features: int, *, floor: float = 0.02) -> None:
        super().__init__(NoPosterior(n_arms, n_features), floor=floor)

    def _vector(self, mask: Mask) -> tuple[Floats, float]:
        return mask / mask.sum(), 0.0
