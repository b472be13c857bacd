"""Lifts from sums by bucket of units: of the last days, and by decision, where units are not added up one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from banditcore.config import GoalSpec
from banditcore.course import Course
from banditcore.estimators.lift import LogRatio, bucket_lift, minimum_converted
from banditcore.estimators.lift.confidence_sequence import design_information
from banditcore.findings import Lift
from banditcore.storage.base import Reader
from banditcore.storage.tallied import EVERYTHING, Day
from banditcore.tally import BUCKETS, DAY_MS, DECISIONS
from banditcore.types import Floats, Group

DAYS = 28
LEVEL = 0.05


def recent(reader: Reader, course: Course, goal: GoalSpec, now_us: int) -> Lift | None:
    """Of a goal that is no ratio, within the epoch there is now: the policy as it is. None before that is as old.

    What the decisions of these days have earned, over all units of the group that ever came; of a binary goal every
    conversion counts.
    """
    epoch = course.epochs[-1]
    today = now_us // 1000 // DAY_MS
    if goal.kind == "ratio" or epoch.start_us // 1000 // DAY_MS > today - DAYS:
        return None
    earned = _by_group(reader.days(course.number, goal.name, epoch.number, today - DAYS + 1))
    units = _by_group(reader.days(course.number, EVERYTHING, epoch.number, 0))
    policy, holdout = ((earned[group], units[group]) for group in (Group.POLICY, Group.HOLDOUT))
    return bucket_lift(
        policy,
        holdout,
        target_lift=course.spec.target_lift,
        alpha=LEVEL,
        minimum_converted=minimum_converted(goal.kind),
    )


def by_decision(reader: Reader, course: Course, goal: GoalSpec, epochs: Sequence[int]) -> LogRatio | None:
    """The primary goal's lift counted by decision, its error by units; epochs are added up by their information."""
    found = [lift for epoch in epochs if (lift := _of_epoch(reader, course, goal, epoch))]
    if not found:
        return None
    weights = [lift.information for lift in found]
    estimate = sum(weight * math.log1p(lift.estimate) for weight, lift in zip(weights, found, strict=True))
    variance = 1.0 / (sum(weights) * design_information(course.spec.target_lift))
    return LogRatio(estimate / sum(weights), variance, math.nan, math.nan, variance, variance)


def _of_epoch(reader: Reader, course: Course, goal: GoalSpec, epoch: int) -> Lift | None:
    days = reader.days(course.number, goal.name, epoch, DECISIONS)
    earned = _by_group(row for row in days if row[0].day != DECISIONS)
    decisions = _by_group(row for row in days if row[0].day == DECISIONS)
    policy, holdout = ((earned[group], decisions[group]) for group in (Group.POLICY, Group.HOLDOUT))
    least, target = minimum_converted(goal.kind), course.spec.target_lift
    return bucket_lift(policy, holdout, target_lift=target, alpha=LEVEL, minimum_converted=least)


def _by_group(rows: Iterable[tuple[Day, bytes]]) -> dict[Group, Floats]:
    sums = {group: np.zeros(BUCKETS) for group in Group}
    for day, packed in rows:
        sums[Group(day.group)] += np.frombuffer(packed, dtype="<f8")
    return sums
