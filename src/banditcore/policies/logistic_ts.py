"""Thompson sampling on clicks, with the exact probability that each arm is best."""

from __future__ import annotations

from banditcore.checks import check_number
from banditcore.kernels.models import Model
from banditcore.kernels.steppers import GaussianStepper, Stepper
from banditcore.policies.gaussian_ts import GaussianTS
from banditcore.posteriors.logistic import LogisticPosterior


class LogisticTS(GaussianTS):
    """P(arm) = P(its x'theta_k is the largest), x'theta_k ~ N(x'm_k, exploration^2 x' A_k^-1 x), independent.

    The sigmoid is the same for all arms, so the largest predictor is the largest rate of reward.
    base_rate, l2, half_life, mature_after: see `LogisticPosterior`; exploration as in `LinearTS`.
    Source: Chapelle and Li (2011) for Thompson sampling on logistic models, here with the full covariance by
    assumed-density filtering instead of their diagonal Laplace batches. Where it stops: the posterior is Gaussian by
    approximation, which no regret bound covers; Polya-Gamma Thompson sampling (arXiv:1805.07458) samples the exact
    one but has no vector to log.
    """

    name = "logistic_ts"
    posterior_class = LogisticPosterior
    params = ("exploration",)
    serving_params = frozenset({"exploration"})

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        base_rate: float = 0.05,
        l2: float = 1.0,
        exploration: float = 1.0,
        half_life: float = 0.0,
        mature_after: float = 0,
        floor: float = 0.02,
    ) -> None:
        posterior = LogisticPosterior(
            n_arms, n_features, base_rate=base_rate, l2=l2, half_life=half_life, mature_after=mature_after
        )
        super().__init__(posterior, floor=floor)
        self.exploration = check_number(exploration, "exploration", 1e-6, 1e6)

    def _stepper_over(self, model: Model) -> Stepper:
        return GaussianStepper(self, model, self.floor, self.exploration)

    def _width(self) -> float:
        return self.exploration
