"""Guardrails: one-sided evidence that the policy does harm."""

from __future__ import annotations

from collections.abc import Sequence

from banditcore.estimators.lift.asked import check_direction, check_kind, check_target
from banditcore.estimators.lift.confidence_sequence import one_sided_e_value
from banditcore.estimators.lift.rule import INCREASE, clock
from banditcore.estimators.lift.strata import Stratum, combined

HARM_ALPHA = 0.01
"""Error of all harm alarms of an experiment together; with g guardrails each alarms at g / HARM_ALPHA."""


def harm(strata: Sequence[Stratum], kind: str, direction: str, *, target_lift: float) -> float:
    """E-value against "the policy is no worse than the control", worse being below for "increase"; 1 while collecting.

    An alarm at 1 / alpha is false in at most a share alpha of experiments over all looks, for policies that are better
    and not only for those without a lift. Only the current value counts: it may fall again, an alarm does not.
    """
    check_kind(kind)
    check_direction(direction)
    check_target(target_lift)
    found, _ = combined(strata, kind)
    if found is None:
        return 1.0
    z = found.estimate / found.standard_error
    return one_sided_e_value(-z if direction == INCREASE else z, clock(found.variance, target_lift), HARM_ALPHA)
