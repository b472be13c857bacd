"""What each variant is worth, and what the propensity log says of the policy as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from banditcore.course import Course
from banditcore.estimators.lift import LogRatio
from banditcore.estimators.lift.rule import interval
from banditcore.estimators.off_policy import (
    OffPolicy,
    VariantValue,
    agreement,
    compare,
    log_lift,
    probability_best,
)
from banditcore.findings import OffPolicyReport, VariantReport
from banditcore.reporting.goals import Tallies
from banditcore.storage.base import Reader
from banditcore.storage.tallied import EVERYTHING
from banditcore.types import Experiment, Group
from banditcore.valuing import to_look_at

Parts = list[tuple[tuple[str, ...], OffPolicy]]
ALPHA = 0.05
NOTHING = VariantValue(math.nan, math.nan, math.nan, "no decision of the policy has been counted yet")


def parts(reader: Reader, course: Course) -> Parts:
    """The off-policy tallies of all streams, oldest first, with the keys of their variants."""
    found: Parts = []
    for stream in course.streams:
        stored = reader.off_policy(stream, course.spec.primary_goal.name)
        if stored:
            fold = to_look_at(*stored, stream)
            found.append((course.keys(stream)[: fold.n_arms], fold))
    return found


def off_policy(
    tallies: Tallies, found: Parts, theirs: LogRatio | None
) -> tuple[OffPolicyReport | None, dict[str, VariantValue]]:
    """The policy against "always the control", and every variant's value; None for a ratio, which has neither.

    `theirs` is the lift over the holdout by decision, with which it must agree.
    """
    spec = tallies.course.spec
    if spec.primary_goal.kind == "ratio" or not found:
        return None, {}
    units = tallies.of(spec.primary_goal.name, [epoch.number for epoch in tallies.course.epochs], Group.POLICY).n
    made, values = compare(found, spec.control, spec.target_lift, units=units)
    if theirs is None:
        return made, values
    seen = interval(theirs, spec.target_lift, ALPHA)
    made = replace(made, by_decision=seen.estimate, by_decision_low=seen.low, by_decision_high=seen.high)
    ours = log_lift(found, spec.control, units)
    if ours is None:
        return made, values
    agrees, words = agreement(
        (theirs.estimate, theirs.standard_error), (ours.estimate, ours.standard_error), spec.target_lift
    )
    return replace(made, agrees=agrees, explanation=words), values


def variants(
    reader: Reader, course: Course, experiment: Experiment, values: dict[str, VariantValue]
) -> tuple[VariantReport, ...]:
    """All there ever were, those on offer first."""
    decided, earned = (_by_key(reader, course, goal) for goal in (EVERYTHING, course.spec.learn))
    keys = list(dict.fromkeys([*(arm.key for arm in experiment.arms), *decided]))
    total = sum(count for count, _ in decided.values())
    active = {arm.key for arm in experiment.arms if arm.active}
    best = _best([values.get(key, NOTHING) for key in keys])
    return tuple(
        VariantReport(
            variant=key,
            control=key == course.spec.control,
            active=key in active,
            decisions=decided.get(key, (0, 0.0))[0],
            share=decided.get(key, (0, 0.0))[0] / total if total else 0.0,
            raw_mean=_mean(*earned.get(key, (0, 0.0))),
            value=(value := values.get(key, NOTHING)).value,
            value_low=value.low,
            value_high=value.high,
            value_reason=value.reason,
            probability_best=chance,
        )
        for key, chance in zip(keys, best, strict=True)
    )


def _mean(count: int, total: float) -> float:
    return total / count if count else math.nan


def _by_key(reader: Reader, course: Course, goal: str) -> dict[str, tuple[int, float]]:
    keys = {stream: course.keys(stream) for stream in course.streams}
    found: dict[str, tuple[int, float]] = {}
    for (stream, arm), (decisions, total) in reader.arm_outcomes(course.streams, goal).items():
        before = found.get(keys[stream][arm], (0, 0.0))
        found[keys[stream][arm]] = (before[0] + decisions, before[1] + total)
    return found


def _best(values: Sequence[VariantValue]) -> list[float]:
    chances = probability_best([each.value for each in values], [each.standard_error for each in values])
    return [float(chance) for chance in chances]
