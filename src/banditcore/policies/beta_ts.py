"""Thompson sampling on rates, without context."""

from __future__ import annotations

import numpy as np

from banditcore.checks import Mask
from banditcore.kernels import beta_argmax
from banditcore.kernels.models import Model, RatesModel
from banditcore.kernels.steppers import BetaStepper, Stepper
from banditcore.policies.context_free import ContextFreePolicy
from banditcore.posteriors.rates import RatesPosterior
from banditcore.types import Floats


class BetaTS(ContextFreePolicy):
    """P(arm) = P(its rate is the largest), rates ~ Beta(prior_successes + sum r, prior_failures + sum (1 - r)).

    Rewards lie in [0, 1]; a fraction counts as that much of a success. The vector is exact quadrature
    (error at most 1e-9) and computed once an update and eligible set, not per decision. half_life: see `Posterior`.
    Source: Thompson (1933); Agrawal and Goyal (2012), arXiv:1111.1797. Where the theorem stops: for rewards that
    are not 0 or 1 they flip a coin of that probability; adding the fraction keeps the mean and claims the
    variance of a binary reward, which is never too small. Priors below 0.05 leave the range of the quadrature.
    """

    name = "beta_ts"
    posterior_class = RatesPosterior
    method = "quadrature"
    posterior: RatesPosterior

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        prior_successes: float = 1.0,
        prior_failures: float = 1.0,
        half_life: float = 0.0,
        floor: float = 0.02,
    ) -> None:
        posterior = RatesPosterior(
            n_arms,
            n_features,
            prior_successes=prior_successes,
            prior_failures=prior_failures,
            half_life=half_life,
        )
        super().__init__(posterior, floor=floor)

    def _stepper_over(self, model: Model) -> Stepper:
        assert isinstance(model, RatesModel)
        return BetaStepper(self, model, self.floor)

    def _vector(self, mask: Mask) -> tuple[Floats, float]:
        a, b = self.posterior.shapes()
        vector = np.zeros(self.n_arms)
        vector[mask], error = beta_argmax(a[mask], b[mask])
        return vector, error
