"""Thompson sampling with one model for all arms, told apart by their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.checks import Mask, Seeds, check_number, check_whole, context_seeds
from banditcore.errors import InvalidInput
from banditcore.kernels import gaussian_vectors, joint_vectors
from banditcore.kernels.models import Model, SharedModel
from banditcore.kernels.steppers import JointStepper, MarginalStepper, Stepper
from banditcore.policies.base import Policy
from banditcore.policies.linear_ts import check_noise
from banditcore.posteriors.shared import SharedPosterior
from banditcore.types import Floats

MOST_DRAWS = 65_536
AT_ONCE = 2**21
"""Numbers that the features of rows decided together may take."""


class SharedLinearTS(Policy):
    """P(arm) = P(its f_k'theta is the largest), theta ~ N(m, exploration^2 s2 A^-1), one theta for all arms.

    The scores are correlated, so there is no integral in one dimension. vector = "joint" (default): the shares of
    `draws` joint samples (mirrored pairs) in which each arm wins, seeded by `seeds`, so a logged vector can be made
    again; it is what is drawn from, and `certificate` states its standard error against ideal Thompson sampling. Arms
    that won no sample live on the floor alone. vector = "marginal": the exact integral of scores taken as
    independent, another lawful policy, without chance. It also explores what all scores share, which decides nothing:
    in simulations its regret was 5 % higher where features of different arms were independent, 15 % where they
    correlated by .3, and more than twice as high at .8.
    s2, exploration, noise_shape, noise_scale: as in `LinearTS`; arm_features, l2, half_life: see `SharedPosterior`.
    Source: Agrawal and Goyal (2013), arXiv:1209.3352, where the theorem wants a posterior wider by a factor of
    order sqrt(d log T) than this.
    """

    name = "shared_linear_ts"
    posterior_class = SharedPosterior
    posterior: SharedPosterior
    params = ("vector", "draws", "exploration", "noise_shape", "noise_scale")
    serving_params = frozenset(params)

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        arm_features: npt.ArrayLike = (),
        vector: str = "joint",
        draws: float = 256,
        l2: float = 1.0,
        exploration: float = 1.0,
        noise_shape: float = 0.0,
        noise_scale: float = 0.0,
        half_life: float = 0.0,
        floor: float = 0.02,
    ) -> None:
        posterior = SharedPosterior(n_arms, n_features, arm_features=arm_features, l2=l2, half_life=half_life)
        super().__init__(posterior, floor=floor)
        if vector not in ("joint", "marginal"):
            raise InvalidInput(f"vector must be 'joint' or 'marginal', found {vector!r}.", field="vector")
        self.vector = vector
        self.draws = check_whole(draws, "draws", 2)
        if self.draws > MOST_DRAWS:
            raise InvalidInput(f"draws must be at most {MOST_DRAWS}, found {self.draws}.", field="draws")
        self.exploration = check_number(exploration, "exploration", 1e-6, 1e6)
        self.noise_shape, self.noise_scale = check_noise(noise_shape, noise_scale)
        self.monte_carlo = vector == "joint"
        self.method = "monte carlo" if self.monte_carlo else "quadrature"

    @classmethod
    def example_params(cls, n_arms: int, params: Mapping[str, Any]) -> dict[str, Any]:
        return SharedPosterior.example_params(n_arms)

    def _stepper_over(self, model: Model) -> Stepper:
        assert isinstance(model, SharedModel)
        noise = self.exploration, self.noise_shape, self.noise_scale
        if self.monte_carlo:
            return JointStepper(self, model, self.floor, *noise, self.draws)
        return MarginalStepper(self, model, self.floor, *noise)

    def _propensities_into(self, contexts: Floats, eligible: Mask | None, out: Floats, seeds: Seeds | None) -> Floats:
        noise = self.posterior.noise_variance(self.noise_shape, self.noise_scale)
        variance = self.exploration * self.exploration * noise  # the power of a maths library may be rounded otherwise
        errors = np.empty(len(out))
        for some in self._parts(len(out)):
            mask = eligible if eligible is None or eligible.ndim == 1 else eligible[some]
            if self.monte_carlo:
                given = context_seeds(contexts[some]) if seeds is None else seeds[some]
                self._joint(contexts[some], variance, mask, given, out[some], errors[some])
            else:
                self._marginal(contexts[some], variance, mask, out[some], errors[some])
        return errors

    def _parts(self, rows: int) -> Iterator[slice]:
        step = max(1, AT_ONCE // (self.n_arms * self.posterior.dimension))
        return (slice(start, start + step) for start in range(0, rows, step))

    def _joint(
        self, contexts: Floats, variance: float, mask: Mask | None, seeds: Seeds, out: Floats, errors: Floats
    ) -> None:
        kernel, features = self.posterior.kernel, self.posterior.features(contexts)
        joint_vectors(features, kernel.m[0], kernel.S[0], variance, mask, seeds, self.draws, self.floor, out, errors)

    def _marginal(self, contexts: Floats, variance: float, mask: Mask | None, out: Floats, errors: Floats) -> None:
        mean, sd = np.empty_like(out), np.empty_like(out)
        self.posterior.moments(contexts, sqrt(variance), mean, sd)
        gaussian_vectors(mean, sd, mask, self.floor, out, errors)
