"""The best so far, and with a fixed probability anything."""

from __future__ import annotations

from typing import Any

from banditcore.checks import Mask, Seeds, check_number
from banditcore.kernels import best_vectors
from banditcore.kernels.models import Model
from banditcore.kernels.steppers import GreedyStepper, Stepper
from banditcore.policies.over_any import OverAny
from banditcore.types import Floats


class EpsilonGreedy(OverAny):
    """p = 1 - epsilon on the highest mean (exactly equal ones share it), and epsilon spread over all eligible arms.

    epsilon = 0 is the greedy policy. The floor comes on top, so a floor of 0 leaves exactly epsilon to chance.
    over: the posterior whose means are compared, with its parameters.
    Source: Langford and Zhang (2007), epoch-greedy, for why; Bietti, Agarwal, Langford (2021), arXiv:1802.04064, who
    found greedy among the best on classification data. Where the theorem stops: a constant epsilon has regret linear
    in T; greedy alone can stick with a wrong arm for good.
    """

    name = "epsilon_greedy"
    params = ("epsilon", "over")
    serving_params = frozenset({"epsilon"})

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        epsilon: float = 0.1,
        over: str = "linear",
        floor: float = 0.02,
        **params: Any,
    ) -> None:
        super().__init__(n_arms, n_features, over=over, floor=floor, params=params)
        self.epsilon = check_number(epsilon, "epsilon", 0.0, 1.0)
        self.deterministic = self.epsilon == 0.0

    @property
    def _chance(self) -> float:
        """Two layers of uniform exploration are one."""
        return 1.0 - (1.0 - self.floor) * (1.0 - self.epsilon)

    def _stepper_over(self, model: Model) -> Stepper:
        return GreedyStepper(self, model, self._chance)

    def _propensities_into(self, contexts: Floats, eligible: Mask | None, out: Floats, seeds: Seeds | None) -> float:
        best_vectors(self._means(contexts), eligible, self._chance, out)
        return 0.0
