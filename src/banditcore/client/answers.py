"""What the server's answers become in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.client import definition
from banditcore.client.errors import from_reward_error
from banditcore.client.reports import micros, power
from banditcore.findings import Power
from banditcore.types import (
    ArmExplanation,
    ArmInfo,
    Decision,
    Experiment,
    Explanation,
    FeatureContribution,
    Floats,
    Group,
    RewardResult,
)
from banditcore.v1 import decision_pb2, decision_service_pb2, experiment_pb2, experiment_service_pb2

_STATUSES = definition.words(definition.STATUSES)


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


@dataclass(frozen=True, slots=True)
class Applied(Experiment):
    """An experiment as it is after `apply`, with what its holdout can show."""

    power: Power | None = None
    """None where the definition says too little about what is expected."""
    planning: str = ""
    """The same in a sentence, or which fields it takes."""


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
        time_us=micros(shared.decide_time),
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
        time_us=micros(message.decide_time),
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
        time_us=micros(message.decide_time),
        degraded=message.degraded,
        certificate=message.certificate,
    )


def _arm(message: decision_pb2.ArmExplanation) -> ArmExplanation:
    parts = (FeatureContribution(part.feature, part.value, part.contribution) for part in message.contributions)
    return ArmExplanation(message.variant, message.eligible, message.score, message.propensity, tuple(parts))


def applied(message: experiment_service_pb2.ApplyResponse) -> Applied:
    return Applied(
        **_experiment_fields(message.experiment),
        power=power(message.power) if message.HasField("power") else None,
        planning=message.planning,
    )


def experiment(message: experiment_pb2.Experiment) -> Experiment:
    return Experiment(**_experiment_fields(message))


def _experiment_fields(message: experiment_pb2.Experiment) -> dict[str, Any]:
    return {
        "spec": definition.from_message(message.definition),
        "version": message.version,
        "status": _STATUSES[message.status],
        "arms": tuple(ArmInfo(arm.variant, arm.payload, arm.active) for arm in message.arms),
        "stream": message.stream,
        "n_features": message.feature_count,
        "feature_names": tuple(message.feature_names),
        "position": message.model_position,
        "create_time_us": micros(message.create_time),
        "update_time_us": micros(message.update_time),
    }
