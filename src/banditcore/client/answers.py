"""What the server's answers become in Python."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.timestamp_pb2 import Timestamp

from banditcore.client import definition
from banditcore.client.errors import from_reward_error
from banditcore.types import (
    ArmExplanation,
    ArmInfo,
    Decision,
    Experiment,
    Explanation,
    FeatureContribution,
    Floats,
    GoalReport,
    Group,
    GroupReport,
    Lift,
    Report,
    RewardResult,
    VariantReport,
)
from banditcore.v1 import decision_pb2, decision_service_pb2, experiment_pb2

_STATUSES = {
    experiment_pb2.EXPERIMENT_STATUS_RUNNING: "running",
    experiment_pb2.EXPERIMENT_STATUS_PAUSED: "paused",
    experiment_pb2.EXPERIMENT_STATUS_ARCHIVED: "archived",
}
_GOAL_STATUSES = {
    experiment_pb2.GOAL_REPORT_STATUS_COLLECTING: "collecting",
    experiment_pb2.GOAL_REPORT_STATUS_READY: "ready",
}
_KINDS = {number: kind for kind, number in definition.KINDS.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """Which variant to show; the fields mean what they mean in `banditcore.types.Decision`."""

    id: str
    variant: str
    payload: str
    group: Group
    propensity: float
    model_position: int
    version: int
    time_us: int
    degraded: bool
    duplicate: bool


@dataclass(frozen=True, slots=True)
class AnswerColumns:
    """n answers of one call, in columns and in the caller's order, as in `banditcore.types.DecisionBatch`."""

    variants: tuple[str, ...]
    """Keys by arm; `arms` index into it."""
    payloads: tuple[str, ...]
    ids: bytes
    """24 bytes a decision, one after the other."""
    arms: npt.NDArray[np.int32]
    groups: npt.NDArray[np.uint8]
    propensity: Floats
    """(n,) of the drawn variant."""
    model_position: int
    version: int
    time_us: int
    degraded: bool
    duplicate: bool

    def __len__(self) -> int:
        return len(self.arms)

    def decision_ids(self) -> list[str]:
        """The ids in the form the other calls take, 48 hexadecimal digits each."""
        text = self.ids.hex()
        return [text[start : start + 48] for start in range(0, len(text), 48)]


def decided(message: decision_service_pb2.DecideResponse) -> Answer:
    return _answer(message, message, message.decision_id)


def rows(message: decision_service_pb2.BatchDecideResponse) -> list[Answer]:
    return [_answer(row, message, row.decision_id) for row in message.rows.decisions]


def _answer(own: Any, shared: Any, decision_id: str) -> Answer:
    return Answer(
        id=decision_id,
        variant=own.variant,
        payload=own.payload,
        group=Group(own.group),
        propensity=own.propensity,
        model_position=shared.model_position,
        version=shared.experiment_version,
        time_us=_micros(shared.decide_time),
        degraded=shared.degraded,
        duplicate=shared.duplicate,
    )


def columns(message: decision_service_pb2.BatchDecideResponse) -> AnswerColumns:
    packed = message.columns
    return AnswerColumns(
        variants=tuple(packed.variants),
        payloads=tuple(packed.payloads),
        ids=packed.decision_ids,
        arms=np.frombuffer(packed.arms, dtype="<i4"),
        groups=np.frombuffer(packed.groups, dtype=np.uint8),
        propensity=np.frombuffer(packed.propensities, dtype="<f8"),
        model_position=message.model_position,
        version=message.experiment_version,
        time_us=_micros(message.decide_time),
        degraded=message.degraded,
        duplicate=message.duplicate,
    )


def exposed(message: decision_service_pb2.RecordExposureResponse) -> bool:
    return message.duplicate


def rewarded(message: decision_service_pb2.RecordRewardsResponse) -> list[RewardResult]:
    return [
        RewardResult(
            error=from_reward_error(result.error) if result.HasField("error") else None,
            duplicate=result.duplicate,
            resolved=result.resolved,
        )
        for result in message.results
    ]


def explained(message: decision_service_pb2.ExplainDecisionResponse) -> Explanation:
    value = message.explanation
    return Explanation(
        decision=_logged(value.decision),
        policy=value.policy,
        floor=value.floor,
        holdout_share=value.holdout_share,
        holdout_bucket=value.holdout_bucket,
        draw=value.draw,
        context=np.array(value.context, dtype=np.float64),
        arms=tuple(_arm(arm) for arm in value.arms),
        recomputed=value.recomputed,
        method=value.method,
    )


def _logged(message: decision_pb2.LoggedDecision) -> Decision:
    return Decision(
        id=message.decision.decision_id,
        experiment=message.experiment,
        version=message.experiment_version,
        unit=message.unit,
        group=Group(message.decision.group),
        arm=message.arm,
        variant=message.decision.variant,
        payload=message.decision.payload,
        propensity=message.decision.propensity,
        propensities=np.array(message.propensities, dtype=np.float64),
        model_position=message.model_position,
        time_us=_micros(message.decide_time),
        degraded=message.degraded,
        certificate=message.certificate,
    )


def _arm(message: decision_pb2.ArmExplanation) -> ArmExplanation:
    parts = (FeatureContribution(part.feature, part.value, part.contribution) for part in message.contributions)
    return ArmExplanation(message.variant, message.eligible, message.score, message.propensity, tuple(parts))


def experiment(message: experiment_pb2.Experiment) -> Experiment:
    return Experiment(
        spec=definition.from_message(message.definition),
        version=message.version,
        status=_STATUSES[message.status],
        arms=tuple(ArmInfo(arm.variant, arm.payload, arm.active) for arm in message.arms),
        stream=message.stream,
        n_features=message.feature_count,
        feature_names=tuple(message.feature_names),
        position=message.model_position,
        create_time_us=_micros(message.create_time),
        update_time_us=_micros(message.update_time),
    )


def report(value: experiment_pb2.Report) -> Report:
    return Report(
        experiment=value.experiment,
        version=value.version,
        status=_STATUSES[value.status],
        time_us=_micros(value.report_time),
        decisions=value.decision_count,
        holdout_share=value.holdout_share,
        model_position=value.model_position,
        goals=tuple(_goal(goal) for goal in value.goals),
        variants=tuple(_variant(variant) for variant in value.variants),
    )


def _goal(message: experiment_pb2.GoalReport) -> GoalReport:
    return GoalReport(
        goal=message.goal,
        kind=_KINDS[message.kind],
        learned=message.learned,
        policy=_group(message.policy),
        holdout=_group(message.holdout),
        status=_GOAL_STATUSES[message.status],
        lift=_lift(message.lift) if message.HasField("lift") else None,
        note=message.note,
    )


def _group(message: experiment_pb2.GroupReport) -> GroupReport:
    return GroupReport(
        units=message.unit_count,
        matured_units=message.matured_unit_count,
        converted_units=message.converted_unit_count,
        mean=message.mean if message.HasField("mean") else math.nan,
        variance=message.variance if message.HasField("variance") else math.nan,
    )


def _lift(message: experiment_pb2.Lift) -> Lift:
    return Lift(
        estimate=message.estimate,
        low=message.low,
        high=message.high,
        alpha=message.alpha,
        e_value=message.e_value,
        difference=message.difference,
    )


def _variant(message: experiment_pb2.VariantReport) -> VariantReport:
    return VariantReport(
        variant=message.variant,
        control=message.control,
        active=message.active,
        decisions=message.decision_count,
        share=message.share,
        raw_mean=message.raw_mean if message.HasField("raw_mean") else math.nan,
    )


def _micros(time: Timestamp) -> int:
    return time.seconds * 1_000_000 + time.nanos // 1_000
