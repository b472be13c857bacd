"""LinUCB with one model an arm (disjoint)."""

from __future__ import annotations

from banditcore.policies.checks import Mask, check_number
from banditcore.policies.linear import LinearPolicy
from banditcore.types import Floats


class LinUCB(LinearPolicy):
    """Plays the arm with the highest x'm + alpha * sqrt(x' A^-1 x); arms with exactly equal index share equally.

    alpha: width of the bound in units of the score's standard error at noise variance 1 (so it has the unit of
    the reward); l2: the regulariser, A starts as l2 * I.
    Source: Li, Chu, Langford, Schapire (2010), arXiv:1003.0146, algorithm 1 (there l2 = 1).
    Where the theorem stops: the regret bound is for a variant whose rows are made independent (SupLinUCB), for
    rewards in [0, 1] and alpha growing with log T; this rule with a constant alpha is the one used in practice.
    The rule never randomises, so logs of it are evaluable only through the floor.
    """

    name = "lin_ucb"
    params = ("alpha", "l2")
    serving_params = frozenset({"alpha"})
    deterministic = True

    def __init__(
        self, n_arms: int, n_features: int, *, alpha: float = 1.0, l2: float = 1.0, floor: float = 0.02
    ) -> None:
        super().__init__(n_arms, n_features, l2=l2, floor=floor)
        self.alpha = check_number(alpha, "alpha", 0.0)

    def _scores_into(self, contexts: Floats, out: Floats) -> None:
        self._arms.indices(contexts, self.alpha, out)

    def _propensities_into(self, contexts: Floats, eligible: Mask | None, out: Floats) -> None:
        self._arms.linucb(contexts, eligible, self.alpha, self.floor, out)
