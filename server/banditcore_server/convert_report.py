"""From reports to protobuf messages; `banditcore.client.reports` is the way back."""

from __future__ import annotations

import math

from google.protobuf.timestamp_pb2 import Timestamp

from banditcore.client import definition
from banditcore.client.reports import GOAL_STATUSES, LEVELS, OFF_POLICY_STATUSES, OUTCOMES
from banditcore.findings import (
    Alarm,
    AudienceReport,
    Check,
    Epoch,
    GoalReport,
    GroupReport,
    GuardrailReport,
    Lift,
    Look,
    OffPolicyReport,
    Power,
    Report,
    Traffic,
    VariantReport,
    Verdict,
)
from banditcore.types import Group
from banditcore.v1 import report_pb2 as pb


def timestamp(time_us: int) -> Timestamp:
    seconds, micros = divmod(time_us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


def report(value: Report) -> pb.Report:
    return pb.Report(
        experiment=value.experiment,
        version=value.version,
        status=definition.STATUSES[value.status],
        report_time=timestamp(value.time_us),
        decision_count=value.decisions,
        holdout_share=value.holdout_share,
        target_lift=value.target_lift,
        model_position=value.model_position,
        goals=map(_goal, value.goals),
        variants=map(_variant, value.variants),
        checks=map(_check, value.checks),
        alarms=map(_alarm, value.alarms),
        epochs=map(_epoch, value.epochs),
        advice=pb.Advice(ship=value.advice.ship, message=value.advice.message),
        power=power(value.power) if value.power else None,
        history=map(_look, value.history),
        traffic=map(_traffic, value.traffic),
        recent_days=value.recent_days,
        caveats=value.caveats,
        behind_count=value.behind,
    )


def power(value: Power) -> pb.Power:
    return pb.Power(
        units=value.units,
        smallest_lift=value.smallest_lift,
        days_to_target=value.days_to_target,
        best_share=value.best_share,
        message=value.message,
    )


def _goal(goal: GoalReport) -> pb.GoalReport:
    return pb.GoalReport(
        goal=goal.goal,
        kind=definition.KINDS[goal.kind],
        role=definition.ROLES[goal.role],
        direction=definition.DIRECTIONS[goal.direction],
        learned=goal.learned,
        policy=_group(goal.policy),
        holdout=_group(goal.holdout),
        status=GOAL_STATUSES[goal.status],
        lift=_lift(goal.lift),
        note=goal.note,
        outcome=OUTCOMES[goal.outcome],
        verdict=_verdict(goal.verdict) if goal.verdict else None,
        uncapped=_lift(goal.uncapped),
        recent=_lift(goal.recent),
        off_policy=_off_policy(goal.off_policy) if goal.off_policy else None,
        guardrail=_guardrail(goal.guardrail) if goal.guardrail else None,
        audiences=map(_audience, goal.audiences),
    )


def _group(group: GroupReport) -> pb.GroupReport:
    return pb.GroupReport(
        unit_count=group.units,
        matured_unit_count=group.matured_units,
        converted_unit_count=group.converted_units,
        mean=_known(group.mean),
        variance=_known(group.variance),
        raw_mean=_known(group.raw_mean),
    )


def _lift(lift: Lift | None) -> pb.Lift | None:
    if lift is None:
        return None
    return pb.Lift(
        estimate=lift.estimate,
        low=lift.low,
        high=lift.high,
        alpha=lift.alpha,
        e_value=lift.e_value,
        difference=lift.difference,
        difference_low=_known(lift.difference_low),
        difference_high=_known(lift.difference_high),
        information=_known(lift.information),
        variance_ratio=lift.variance_ratio,
    )


def _verdict(verdict: Verdict) -> pb.Verdict:
    return pb.Verdict(
        outcome=OUTCOMES[verdict.outcome],
        verdict_time=timestamp(verdict.time_us),
        estimate=verdict.estimate,
        low=verdict.low,
        high=verdict.high,
        information=_known(verdict.information),
    )


def _off_policy(found: OffPolicyReport) -> pb.OffPolicyReport:
    return pb.OffPolicyReport(
        status=OFF_POLICY_STATUSES[found.status],
        reason=found.reason,
        policy_value=_known(found.policy_value),
        control_value=_known(found.control_value),
        estimate=_known(found.estimate),
        low=_known(found.low),
        high=_known(found.high),
        effective_sample_size=_known(found.effective_sample_size),
        by_decision=_known(found.by_decision),
        by_decision_low=_known(found.by_decision_low),
        by_decision_high=_known(found.by_decision_high),
        agrees=found.agrees,  # type: ignore[arg-type]  # None leaves it unset, which the stub does not know
        explanation=found.explanation,
    )


def _guardrail(guardrail: GuardrailReport) -> pb.GuardrailReport:
    return pb.GuardrailReport(
        e_value=_known(guardrail.e_value),
        threshold=guardrail.threshold,
        alarmed=guardrail.alarmed,
        margin=guardrail.margin,
        safe_to_ship=guardrail.safe_to_ship,
    )


def _audience(found: AudienceReport) -> pb.AudienceReport:
    return pb.AudienceReport(
        audience=found.audience,
        value=found.value,
        policy=_group(found.policy),
        holdout=_group(found.holdout),
        status=GOAL_STATUSES[found.status],
        lift=_lift(found.lift),
        discovered=found.discovered,
    )


def _variant(variant: VariantReport) -> pb.VariantReport:
    return pb.VariantReport(
        variant=variant.variant,
        control=variant.control,
        active=variant.active,
        decision_count=variant.decisions,
        share=variant.share,
        raw_mean=_known(variant.raw_mean),
        value=_known(variant.value),
        value_low=_known(variant.value_low),
        value_high=_known(variant.value_high),
        value_reason=variant.value_reason,
        probability_best=_known(variant.probability_best),
    )


def _check(check: Check) -> pb.Check:
    return pb.Check(
        name=check.name,
        level=LEVELS[check.level],
        value=_known(check.value),
        message=check.message,
        blanks=check.blanks,
    )


def _alarm(alarm: Alarm) -> pb.Alarm:
    return pb.Alarm(alarm_time=timestamp(alarm.time_us), kind=alarm.kind, subject=alarm.subject, message=alarm.message)


def _epoch(epoch: Epoch) -> pb.Epoch:
    return pb.Epoch(number=epoch.number, holdout=epoch.holdout, start_time=timestamp(epoch.start_us))


def _look(look: Look) -> pb.Look:
    return pb.Look(
        look_time=timestamp(look.time_us),
        goal=look.goal,
        estimate=_known(look.estimate),
        low=_known(look.low),
        high=_known(look.high),
        information=_known(look.information),
        off_policy=_known(look.off_policy),
        off_policy_low=_known(look.off_policy_low),
        off_policy_high=_known(look.off_policy_high),
    )


def _traffic(traffic: Traffic) -> pb.Traffic:
    return pb.Traffic(
        start_time=timestamp(traffic.time_us),
        width_seconds=traffic.width_s,
        audience=traffic.audience,
        value=traffic.value,
        group=int(Group[traffic.group]),  # type: ignore[arg-type]  # the stub asks for the name
        variant=traffic.variant,
        decision_count=traffic.decisions,
    )


def _known(number: float) -> float | None:
    """NaN means "nothing to compute it from"; on the wire that is an absent field."""
    return None if math.isnan(number) else number
