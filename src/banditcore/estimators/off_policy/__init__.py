"""What a log with propensities says of other policies.

For a running experiment: `OffPolicy` folds one stream of decisions, `compare` makes figures of one or several,
`agreement` holds them against the holdout's. For research on any log: `HealthFold` says whether it can carry an
evaluation, `Suite` evaluates a target with all `ESTIMATORS` and refuses where it must, and `estimate` is one of them on
rows in memory, `weigh`ed by hand.

Where it stops: it counts decisions, not units. Visits count as they came about under the policy, so "always this
variant" means "shown in one such visit", and what a visit does to later ones is not seen. The holdout sees it.
"""

from banditcore.estimators.off_policy.agreement import agreement, probability_best
from banditcore.estimators.off_policy.arm_feature_model import ArmFeatureModel
from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.comparison import LogLift, VariantValue, compare, log_lift
from banditcore.estimators.off_policy.fold import OffPolicy
from banditcore.estimators.off_policy.health import HealthFold
from banditcore.estimators.off_policy.outcome_model import OutcomeModel
from banditcore.estimators.off_policy.progressive import outcome_model, predicted, progressive
from banditcore.estimators.off_policy.registry import ESTIMATORS, estimate, make_estimator
from banditcore.estimators.off_policy.suite import Suite
from banditcore.estimators.off_policy.weighted import Weighted, weigh

__all__ = [
    "ESTIMATORS",
    "ArmFeatureModel",
    "Estimator",
    "HealthFold",
    "LogLift",
    "OffPolicy",
    "OutcomeModel",
    "Suite",
    "VariantValue",
    "Weighted",
    "agreement",
    "compare",
    "estimate",
    "log_lift",
    "make_estimator",
    "outcome_model",
    "predicted",
    "probability_best",
    "progressive",
    "weigh",
]
