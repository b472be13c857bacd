"""LinUCB with one model an arm (disjoint)."""

from __future__ import annotations

import numpy as np

from banditcore.checks import Mask, Seeds, check_number
from banditcore.kernels import linucb
from banditcore.kernels.models import LinearModel, Model
from banditcore.kernels.steppers import LinUCBStepper, Stepper
from banditcore.policies.base import Policy
from banditcore.posteriors.linear import LinearPosterior
from banditcore.types import Floats


class LinUCB(Policy):
    """Plays the arm with the highest x'm + alpha * sqrt(x' A^-1 x); arms with exactly equal index share equally.

    alpha: width of the bound in units of the score's standard error at noise variance 1 (so it has the unit of
    the reward); l2: the regulariser, A starts as l2 * I, or "auto"; half_life, mature_after: see `LinearPosterior`.
    From 24 arms on an index is computed only where an upper bound says that it could be the highest; the vector is
    the same.
    Source: Li, Chu, Langford, Schapire (2010), arXiv:1003.0146, algorithm 1 (there l2 = 1).
    Where the theorem stops: the regret bound is for a variant whose rows are made independent (SupLinUCB), for
    rewards in [0, 1] and alpha growing with log T; this rule with a constant alpha is the one used in practice.
    With a half_life, D-LinUCB (Russac et al. 2019, arXiv:1909.09146) bounds by A^-1 A2 A^-1, A2 weighted by squares;
    A2 <= A makes the bound used here, A^-1, the wider of the two (up to sqrt(2) in the long run), so it still holds.
    The rule never randomises, so logs of it are evaluable only through the floor.
    """

    name = "lin_ucb"
    posterior_class = LinearPosterior
    params = ("alpha",)
    serving_params = frozenset({"alpha"})
    deterministic = True

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        alpha: float = 1.0,
        l2: float | str = 1.0,
        half_life: float = 0.0,
        mature_after: float = 0,
        floor: float = 0.02,
    ) -> None:
        posterior = LinearPosterior(n_arms, n_features, l2=l2, half_life=half_life, mature_after=mature_after)
        super().__init__(posterior, floor=floor)
        self._linear, self._kernel = posterior, posterior.kernel
        self.alpha = check_number(alpha, "alpha", 0.0)

    def _stepper_over(self, model: Model) -> Stepper:
        assert isinstance(model, LinearModel)
        return LinUCBStepper(self, model, self.floor, self.alpha)

    def _scores_into(self, contexts: Floats, out: Floats) -> None:
        sd = np.empty_like(out)
        self.posterior.moments(contexts, self.alpha, out, sd)
        out += sd

    def _propensities_into(self, contexts: Floats, eligible: Mask | None, out: Floats, seeds: Seeds | None) -> float:
        if not self._linear.lent:
            self._linear.lend()
        linucb(self._kernel, contexts, eligible, self.alpha, self.floor, out)
        return 0.0
