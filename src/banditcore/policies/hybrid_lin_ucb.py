"""LinUCB with a part common to all arms (hybrid)."""

from __future__ import annotations

import numpy as np

from banditcore.checks import Mask, Seeds, check_number
from banditcore.kernels import best_vectors
from banditcore.kernels.models import Model
from banditcore.kernels.steppers import BoundStepper, Stepper
from banditcore.policies.base import Policy
from banditcore.posteriors.hybrid import HybridPosterior
from banditcore.types import Floats


class HybridLinUCB(Policy):
    """Plays the arm with the highest z'beta + x'theta_k + alpha * (its standard error); equal ones share equally.

    Features common to all arms (z) and an arm's own (x) as `HybridPosterior` says; alpha as in `LinUCB`.
    Source: Li, Chu, Langford, Schapire (2010), arXiv:1003.0146, algorithm 2 (there l2 = 1). Where the theorem stops:
    there is none for the hybrid in that paper; it is the disjoint model with l2 on the shared part, so the caveats of
    `LinUCB` hold too.
    """

    name = "hybrid_lin_ucb"
    posterior_class = HybridPosterior
    params = ("alpha",)
    serving_params = frozenset({"alpha"})
    deterministic = True

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        alpha: float = 1.0,
        n_shared: float = 0,
        l2: float = 1.0,
        half_life: float = 0.0,
        floor: float = 0.02,
    ) -> None:
        posterior = HybridPosterior(n_arms, n_features, n_shared=n_shared, l2=l2, half_life=half_life)
        super().__init__(posterior, floor=floor)
        self.alpha = check_number(alpha, "alpha", 0.0)

    def _scores_into(self, contexts: Floats, out: Floats) -> None:
        sd = np.empty_like(out)
        self.posterior.moments(contexts, self.alpha, out, sd)
        out += sd

    def _stepper_over(self, model: Model) -> Stepper:
        return BoundStepper(self, model, self.floor, self.alpha)

    def _propensities_into(self, contexts: Floats, eligible: Mask | None, out: Floats, seeds: Seeds | None) -> float:
        index = np.empty_like(out)
        self._scores_into(contexts, index)
        best_vectors(index, eligible, self.floor, out)
        return 0.0
