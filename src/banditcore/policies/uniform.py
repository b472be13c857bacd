"""The policy that knows nothing, for logging and as a yardstick."""

from __future__ import annotations

from banditcore.policies.base import State
from banditcore.policies.checks import Arms, Mask
from banditcore.policies.context_free import ContextFreePolicy
from banditcore.types import Floats


class Uniform(ContextFreePolicy):
    """Every eligible arm has probability 1 / (eligible arms); scores are 0, nothing is learned."""

    name = "uniform"

    def _vector(self, mask: Mask) -> Floats:
        vector: Floats = mask / mask.sum()
        return vector

    def _scores_into(self, contexts: Floats, out: Floats) -> None:
        out[:] = 0.0

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        """Nothing to learn."""

    def _learned(self) -> State:
        return {}
