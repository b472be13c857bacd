"""Takes out of a report what must not be read yet, so that nobody can show it by mistake."""

from __future__ import annotations

import math
from dataclasses import replace

from banditcore.findings import AudienceReport, Check, GoalReport, GroupReport, OffPolicyReport, Report, VariantReport

NAN = math.nan


def withhold(report: Report) -> Report:
    """The report without any figure of a lift that is collecting or blanked: only counts and reasons are left.

    The means of both groups go as well, since one over the other is the lift, and with those of the primary goal the
    variants' values, which come from the same log.
    """
    primary = next((goal for goal in report.goals if goal.role == "primary"), None)
    waits = primary if primary is not None and not is_ready(primary) else None
    ready = {goal.goal for goal in report.goals if is_ready(goal)}
    return replace(
        report,
        goals=tuple(_goal(goal) for goal in report.goals),
        variants=tuple(_variant(item, waits.note) if waits else item for item in report.variants),
        checks=tuple(_check(check, waits) if waits and check.name == "twyman" else check for check in report.checks),
        history=tuple(look for look in report.history if look.goal in ready),
    )


def is_ready(item: GoalReport | AudienceReport) -> bool:
    """Whether its lift may be shown."""
    return item.status == "ready" and item.lift is not None


def _goal(goal: GoalReport) -> GoalReport:
    if is_ready(goal):
        return replace(goal, audiences=tuple(_audience(item) for item in goal.audiences))
    return replace(
        goal,
        policy=_counts(goal.policy),
        holdout=_counts(goal.holdout),
        lift=None,
        outcome="undecided",
        verdict=None,
        uncapped=None,
        recent=None,
        off_policy=None if goal.off_policy is None else _off_policy(goal),
        guardrail=None if goal.guardrail is None else replace(goal.guardrail, e_value=NAN, safe_to_ship=False),
        audiences=tuple(_audience(replace(item, status=goal.status)) for item in goal.audiences),
    )


def _audience(item: AudienceReport) -> AudienceReport:
    if is_ready(item):
        return item
    return replace(item, policy=_counts(item.policy), holdout=_counts(item.holdout), lift=None, discovered=False)


def _check(check: Check, waits: GoalReport) -> Check:
    """What it measures is the lift."""
    return replace(
        check, value=NAN, message=check.message if check.blanks else f"Waits: {waits.goal} is {waits.status}."
    )


def _counts(group: GroupReport) -> GroupReport:
    return replace(group, mean=NAN, variance=NAN, raw_mean=NAN)


def _off_policy(goal: GoalReport) -> OffPolicyReport:
    reason = f"not shown while the lift is {goal.status}"
    return OffPolicyReport("refused", reason, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, None, "")


def _variant(item: VariantReport, reason: str) -> VariantReport:
    return replace(
        item, raw_mean=NAN, value=NAN, value_low=NAN, value_high=NAN, value_reason=reason, probability_best=NAN
    )
