"""A law fixed in advance: one arm, or given shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.checks import Mask, check_vector, check_whole
from banditcore.errors import InvalidInput
from banditcore.policies.context_free import ContextFreePolicy
from banditcore.posteriors.nothing import NoPosterior
from banditcore.types import Floats


class Fixed(ContextFreePolicy):
    """Plays `arm` always, or `probabilities` (K,) as given; give exactly one of the two.

    Among eligible arms the shares are renormalised; where none of the mass is eligible, eligible arms share
    equally. Scores are the probabilities, nothing is learned. A state with fewer arms resumes under the own shares.
    """

    name = "fixed"
    params = ("probabilities",)
    serving_params = frozenset({"probabilities"})
    per_arm_params = frozenset({"arm", "probabilities"})

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        arm: float | None = None,
        probabilities: npt.ArrayLike | None = None,
        floor: float = 0.02,
    ) -> None:
        super().__init__(NoPosterior(n_arms, n_features), floor=floor)
        if (arm is None) == (probabilities is None):
            raise InvalidInput("fixed needs either arm or probabilities.", field="arm")
        if probabilities is None:
            self.probabilities = _one_hot(check_whole(arm, "arm", 0), self.n_arms)
        else:
            self.probabilities = _shares(probabilities, self.n_arms)

    @classmethod
    def example_params(cls, n_arms: int, params: Mapping[str, Any]) -> dict[str, Any]:
        return {"arm": 0}

    def _vector(self, mask: Mask) -> tuple[Floats, float]:
        shares: Floats = np.where(mask, self.probabilities, 0.0)
        total = shares.sum()
        if total == 0.0:
            shares, total = mask.astype(np.float64), mask.sum()
        return shares / total, 0.0

    def _scores_into(self, contexts: Floats, out: Floats) -> None:
        out[:] = self.probabilities


def _one_hot(arm: int, n_arms: int) -> Floats:
    if arm >= n_arms:
        raise InvalidInput(f"arm must lie in 0..{n_arms - 1}, found {arm}.", field="arm")
    one_hot = np.zeros(n_arms)
    one_hot[arm] = 1.0
    return one_hot


def _shares(probabilities: npt.ArrayLike, n_arms: int) -> Floats:
    shares = check_vector(probabilities, "probabilities", n_arms, 0.0, 1.0)
    total = math.fsum(shares)
    if abs(total - 1.0) > 1e-6:
        raise InvalidInput(f"probabilities must sum to 1, found {total:g}.", field="probabilities")
    normalised: Floats = shares / total
    return normalised
