"""One Bayesian logistic regression an arm, for clicks and conversions."""

from __future__ import annotations

import numpy as np

from banditcore.checks import Arms, check_number
from banditcore.kernels import squash
from banditcore.kernels.models import LogisticModel, Model
from banditcore.posteriors.base import LEAST_L2, log
from banditcore.posteriors.linear import GaussianArms
from banditcore.types import Floats


class LogisticPosterior(GaussianArms):
    """P(reward = 1) = sigmoid(logit(base_rate) + x'theta_k), theta_k ~ N(m0, I / l2), kept as N(m, A^-1).

    Assumed-density filtering with the full covariance: every row moves mean and covariance by the moments of its
    likelihood under the probit approximation of the sigmoid, kappa = (1 + pi v / 8)^-1/2 (MacKay 1992; Spiegelhalter
    and Lauritzen 1990). One pass, so the order of rows matters a little. At 500 rows its predictor was
    within 3 % of the exact posterior's and its width within 8 % on average, at worst 21 %, at 5 % clicks.

    base_rate: share of rewards to expect before anything is known, in (0, 1); the prior is centred there, for every
    context alike, so a constant column learns the difference to it. Rewards in [0, 1]; a fraction is a likelihood
    raised to it.
    """

    name = "logistic"
    params = ("base_rate", "l2", "half_life", "mature_after")
    reward_kind = "unit_interval"

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        base_rate: float = 0.05,
        l2: float = 1.0,
        half_life: float = 0.0,
        mature_after: float = 0,
    ) -> None:
        start = check_number(l2, "l2", LEAST_L2)
        super().__init__(n_arms, n_features, l2=start, half_life=half_life, mature_after=mature_after, start=start)
        self.base_rate = check_number(base_rate, "base_rate", 1e-9, 1.0 - 1e-9)
        self._offset = log(self.base_rate / (1.0 - self.base_rate))

    def model(self, *, per_arm: bool = False) -> Model:
        return LogisticModel(self, self.kernel, self._offset, per_arm=per_arm)

    def means(self, contexts: Floats, out: Floats) -> None:
        sd = np.empty_like(out)
        self.moments(contexts, 1.0, out, sd)
        squash(out, sd, self._offset)

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        self.kernel.learn_clicks(contexts, arms, rewards, self._offset, self.mature_after)
        self.learned_more()
