"""What the propensity log says: the policy against "always the control", and "always this variant" for each.

`OffPolicy` folds one stream of decisions, `compare` makes figures of one or several, `agreement` holds them against
the holdout's. Doubly robust: right if the propensities are, whatever the outcome model is worth.

Where it stops: it counts decisions, not units. Visits count as they came about under the policy, so "always this
variant" means "shown in one such visit", and what a visit does to later ones is not seen. The holdout sees it.
"""

from banditcore.estimators.off_policy.agreement import agreement, probability_best
from banditcore.estimators.off_policy.comparison import LogLift, VariantValue, compare, log_lift
from banditcore.estimators.off_policy.fold import OffPolicy

__all__ = ["LogLift", "OffPolicy", "VariantValue", "agreement", "compare", "log_lift", "probability_best"]
