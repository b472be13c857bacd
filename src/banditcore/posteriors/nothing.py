"""What a policy believes that learns nothing."""

from __future__ import annotations

from typing import Self

from banditcore.checks import Arms
from banditcore.kernels.models import Model, NoModel
from banditcore.posteriors.base import Posterior, State
from banditcore.types import Floats


class NoPosterior(Posterior):
    """Expects 0 of every arm, whatever was seen."""

    name = "nothing"
    params = ()
    needs_context = False

    def __init__(self, n_arms: int, n_features: int) -> None:
        super().__init__(n_arms, n_features, half_life=0.0)

    def model(self, *, per_arm: bool = False) -> Model:
        return NoModel(self, per_arm=per_arm)

    def means(self, contexts: Floats, out: Floats) -> None:
        out[:] = 0.0

    def moments(self, contexts: Floats, scale: float, mean: Floats, sd: Floats) -> None:
        mean[:] = 0.0
        sd[:] = 0.0

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        """Nothing to learn."""

    def _fade(self, g: float) -> None:
        """Nothing fades."""

    def arrays(self) -> State:
        return {}

    def common(self) -> State:
        return {}

    def _merge(self, other: Self) -> None:
        """Nothing to add."""
