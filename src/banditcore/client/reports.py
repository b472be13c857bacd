"""What the server's reports become in Python. An absent number is NaN."""

from __future__ import annotations

import math
from typing import Any, Literal

from google.protobuf.timestamp_pb2 import Timestamp

from banditcore.client import definition
from banditcore.client.definition import words
from banditcore.findings import (
    Advice,
    Alarm,
    AudienceReport,
    Check,
    Epoch,
    GoalReport,
    GoalStatus,
    GroupReport,
    GuardrailReport,
    Level,
    Lift,
    Look,
    OffPolicyReport,
    Outcome,
    Power,
    Report,
    Traffic,
    VariantReport,
    Verdict,
)
from banditcore.types import Group
from banditcore.v1 import report_pb2 as pb

OffPolicyStatus = Literal["ok", "amber", "refused"]
GOAL_STATUSES: dict[GoalStatus, pb.GoalReportStatus] = {
    "collecting": pb.GOAL_REPORT_STATUS_COLLECTING,
    "ready": pb.GOAL_REPORT_STATUS_READY,
    "blanked": pb.GOAL_REPORT_STATUS_BLANKED,
}
OUTCOMES: dict[Outcome, pb.Outcome] = {
    "better": pb.OUTCOME_BETTER,
    "worse": pb.OUTCOME_WORSE,
    "undecided": pb.OUTCOME_UNDECIDED,
}
LEVELS: dict[Level, pb.CheckLevel] = {
    "ok": pb.CHECK_LEVEL_OK,
    "warning": pb.CHECK_LEVEL_WARNING,
    "alarm": pb.CHECK_LEVEL_ALARM,
}
OFF_POLICY_STATUSES: dict[OffPolicyStatus, pb.OffPolicyStatus] = {
    "ok": pb.OFF_POLICY_STATUS_OK,
    "amber": pb.OFF_POLICY_STATUS_AMBER,
    "refused": pb.OFF_POLICY_STATUS_REFUSED,
}
_STATUSES, _KINDS = words(definition.STATUSES), words(definition.KINDS)
_ROLES, _DIRECTIONS = words(definition.ROLES), words(definition.DIRECTIONS)
_GOAL_STATUSES, _OUTCOMES = words(GOAL_STATUSES), words(OUTCOMES)
_LEVELS, _OFF_POLICY_STATUSES = words(LEVELS), words(OFF_POLICY_STATUSES)


def report(message: pb.Report) -> Report:
    return Report(
        experiment=message.experiment,
        version=message.version,
        status=_STATUSES[message.status],
        time_us=micros(message.report_time),
        decisions=message.decision_count,
        holdout_share=message.holdout_share,
        target_lift=message.target_lift,
        model_position=message.model_position,
        goals=tuple(map(_goal, message.goals)),
        variants=tuple(map(_variant, message.variants)),
        checks=tuple(map(_check, message.checks)),
        alarms=tuple(map(_alarm, message.alarms)),
        epochs=tuple(Epoch(epoch.number, epoch.holdout, micros(epoch.start_time)) for epoch in message.epochs),
        advice=Advice(message.advice.ship, message.advice.message),
        power=power(message.power) if message.HasField("power") else None,
        history=tuple(map(_look, message.history)),
        traffic=tuple(map(_traffic, message.traffic)),
        recent_days=message.recent_days,
        caveats=tuple(message.caveats),
        behind=message.behind_count,
    )


def power(message: pb.Power) -> Power:
    return Power(
        units=message.units,
        smallest_lift=message.smallest_lift,
        days_to_target=message.days_to_target,
        best_share=message.best_share,
        message=message.message,
    )


def micros(time: Timestamp) -> int:
    """Microseconds since the Unix epoch."""
    return time.seconds * 1_000_000 + time.nanos // 1_000


def _goal(message: pb.GoalReport) -> GoalReport:
    return GoalReport(
        goal=message.goal,
        kind=_KINDS[message.kind],
        role=_ROLES[message.role],
        direction=_DIRECTIONS[message.direction],
        learned=message.learned,
        policy=_group(message.policy),
        holdout=_group(message.holdout),
        status=_GOAL_STATUSES[message.status],
        lift=_lift(message.lift) if message.HasField("lift") else None,
        note=message.note,
        outcome=_OUTCOMES[message.outcome],
        verdict=_verdict(message.verdict) if message.HasField("verdict") else None,
        uncapped=_lift(message.uncapped) if message.HasField("uncapped") else None,
        recent=_lift(message.recent) if message.HasField("recent") else None,
        off_policy=_off_policy(message.off_policy) if message.HasField("off_policy") else None,
        guardrail=_guardrail(message.guardrail) if message.HasField("guardrail") else None,
        audiences=tuple(map(_audience, message.audiences)),
    )


def _group(message: pb.GroupReport) -> GroupReport:
    return GroupReport(
        units=message.unit_count,
        matured_units=message.matured_unit_count,
        converted_units=message.converted_unit_count,
        mean=_number(message, "mean"),
        variance=_number(message, "variance"),
        raw_mean=_number(message, "raw_mean"),
    )


def _lift(message: pb.Lift) -> Lift:
    return Lift(
        estimate=message.estimate,
        low=message.low,
        high=message.high,
        alpha=message.alpha,
        e_value=message.e_value,
        difference=message.difference,
        difference_low=_number(message, "difference_low"),
        difference_high=_number(message, "difference_high"),
        information=_number(message, "information"),
        variance_ratio=message.variance_ratio,
    )


def _verdict(message: pb.Verdict) -> Verdict:
    return Verdict(
        outcome=_OUTCOMES[message.outcome],
        time_us=micros(message.verdict_time),
        estimate=message.estimate,
        low=message.low,
        high=message.high,
        information=_number(message, "information"),
    )


def _off_policy(message: pb.OffPolicyReport) -> OffPolicyReport:
    return OffPolicyReport(
        status=_OFF_POLICY_STATUSES[message.status],
        reason=message.reason,
        policy_value=_number(message, "policy_value"),
        control_value=_number(message, "control_value"),
        estimate=_number(message, "estimate"),
        low=_number(message, "low"),
        high=_number(message, "high"),
        effective_sample_size=_number(message, "effective_sample_size"),
        by_decision=_number(message, "by_decision"),
        by_decision_low=_number(message, "by_decision_low"),
        by_decision_high=_number(message, "by_decision_high"),
        agrees=message.agrees if message.HasField("agrees") else None,
        explanation=message.explanation,
    )


def _guardrail(message: pb.GuardrailReport) -> GuardrailReport:
    return GuardrailReport(
        e_value=_number(message, "e_value"),
        threshold=message.threshold,
        alarmed=message.alarmed,
        margin=message.margin,
        safe_to_ship=message.safe_to_ship,
    )


def _audience(message: pb.AudienceReport) -> AudienceReport:
    return AudienceReport(
        audience=message.audience,
        value=message.value,
        policy=_group(message.policy),
        holdout=_group(message.holdout),
        status=_GOAL_STATUSES[message.status],
        lift=_lift(message.lift) if message.HasField("lift") else None,
        discovered=message.discovered,
    )


def _variant(message: pb.VariantReport) -> VariantReport:
    return VariantReport(
        variant=message.variant,
        control=message.control,
        active=message.active,
        decisions=message.decision_count,
        share=message.share,
        raw_mean=_number(message, "raw_mean"),
        value=_number(message, "value"),
        value_low=_number(message, "value_low"),
        value_high=_number(message, "value_high"),
        value_reason=message.value_reason,
        probability_best=_number(message, "probability_best"),
    )


def _check(message: pb.Check) -> Check:
    return Check(
        name=message.name,
        level=_LEVELS[message.level],
        value=_number(message, "value"),
        message=message.message,
        blanks=message.blanks,
    )


def _alarm(message: pb.Alarm) -> Alarm:
    return Alarm(micros(message.alarm_time), message.kind, message.subject, message.message)


def _look(message: pb.Look) -> Look:
    return Look(
        time_us=micros(message.look_time),
        goal=message.goal,
        estimate=_number(message, "estimate"),
        low=_number(message, "low"),
        high=_number(message, "high"),
        information=_number(message, "information"),
        off_policy=_number(message, "off_policy"),
        off_policy_low=_number(message, "off_policy_low"),
        off_policy_high=_number(message, "off_policy_high"),
    )


def _traffic(message: pb.Traffic) -> Traffic:
    return Traffic(
        time_us=micros(message.start_time),
        width_s=message.width_seconds,
        audience=message.audience,
        value=message.value,
        group=Group(message.group).name,
        variant=message.variant,
        decisions=message.decision_count,
    )


def _number(message: Any, field: str) -> float:
    """The number, or NaN where the message has none."""
    value: float = getattr(message, field)
    return value if message.HasField(field) else math.nan
