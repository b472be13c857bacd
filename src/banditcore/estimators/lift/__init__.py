"""Lift: the POLICY group against the HOLDOUT group on one goal, valid at every look.

Units are customers whose windows have closed, analysed in the group they were drawn for. Given the draw, the
difference of the groups at each unit is a martingale difference about the lift of the policy as it then was, so that
the policy may learn all the while and needs no correction: what is estimated is the lift of the policy as deployed,
its learning phase included.
"""

from __future__ import annotations

from collections.abc import Sequence

from banditcore.estimators.lift.asked import check_alphas, check_kind, check_target
from banditcore.estimators.lift.buckets import bucket_lift
from banditcore.estimators.lift.enough import MINIMUM_CONVERTED, minimum_converted, why_collecting
from banditcore.estimators.lift.fieller import FiellerSet, fieller
from banditcore.estimators.lift.harm import HARM_ALPHA, harm
from banditcore.estimators.lift.log_ratio import LogRatio, log_lift
from banditcore.estimators.lift.moments import Moments
from banditcore.estimators.lift.planned import planned_boundary
from banditcore.estimators.lift.rule import interval, verdict
from banditcore.estimators.lift.strata import Stratum, combined
from banditcore.findings import GoalStatus, Lift

__all__ = [
    "COLLECTING",
    "HARM_ALPHA",
    "MINIMUM_CONVERTED",
    "OPEN_ALPHA",
    "PLANNED_ALPHA",
    "READY",
    "FiellerSet",
    "LogRatio",
    "Moments",
    "Stratum",
    "bucket_lift",
    "combined",
    "fieller",
    "harm",
    "lift",
    "log_lift",
    "minimum_converted",
    "planned_boundary",
    "verdict",
    "why_collecting",
]

COLLECTING: GoalStatus = "collecting"
READY: GoalStatus = "ready"
PLANNED_ALPHA = 0.04
"""Of the primary goal's error, what the planned boundary may spend. Power where a fixed-size test has .80: .74 with
.04 + .01, .77 with the planned boundary alone, .54 with the open one alone."""
OPEN_ALPHA = 0.01
"""What is left for the open boundary, which goes on after the horizon."""


def lift(
    strata: Sequence[Stratum],
    kind: str,
    *,
    target_lift: float,
    open_alpha: float,
    planned_alpha: float = 0.0,
    capped: bool = True,
) -> tuple[GoalStatus, str, Lift | None]:
    """Status, what is missing or left out (a sentence or ""), and once "ready" the lift with its always-valid interval.

    `strata`: POLICY and HOLDOUT of each epoch, in any order; `kind` binary, value or ratio. `target_lift` is the
    relative lift the experiment was set up to find and must not depend on the data: it sets the planned information
    and where the interval is narrowest. `open_alpha` in (0, 1) is for looks without end; `planned_alpha`, 0 for none,
    for looks before the planned information. Until then the interval is the intersection of both, afterwards the open
    one alone, and its error over all looks at most their sum, which is `Lift.alpha`. `e_value` is the open sequence's
    at that sum. `capped` False: values without their cap, and without covariate.

    `estimate`, `low` and `high` are exp(.) - 1 of the log ratio: finite, from -1. With a covariate, lift and
    difference are of the adjusted means (`covariate`), which are not those of the groups as counted. Minimum counts:
    25 converted units in each group (100 for values and ratios) and 10 unconverted ones for 0/1 outcomes, in the
    epochs that count. Raises InvalidInput.
    """
    check_kind(kind)
    check_alphas(open_alpha, planned_alpha)
    check_target(target_lift)
    found, note = combined(strata, kind, capped)
    if found is None:
        return COLLECTING, note, None
    return READY, note, interval(found, target_lift, open_alpha, planned_alpha)
