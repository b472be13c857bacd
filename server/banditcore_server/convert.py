"""Between protobuf messages and domain types; past this file nothing knows protobuf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from banditcore.client import definition
from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.types import (
    ArmExplanation,
    Ask,
    Decision,
    DecisionBatch,
    Experiment,
    Explanation,
    Floats,
    Reward,
    RewardResult,
    Value,
)
from banditcore.v1 import decision_pb2, decision_service_pb2, experiment_pb2
from banditcore_server.convert_report import timestamp
from banditcore_server.status import code_of, public_message

_FLOAT64 = np.dtype("<f8")
_INT32 = np.dtype("<i4")


# ---- requests


def attributes(message: Mapping[str, decision_pb2.AttributeValue]) -> dict[str, Value]:
    return {name: _value(value) for name, value in message.items()}


def ask(message: decision_service_pb2.DecideRequest) -> Ask:
    return Ask(
        message.experiment,
        message.unit,
        attributes(message.attributes),
        tuple(message.eligible_variants),
        message.request_id,
    )


def _value(message: decision_pb2.AttributeValue) -> Value:
    kind = message.WhichOneof("kind")
    if kind == "vector":
        return np.array(message.vector.values, dtype=np.float64)
    return getattr(message, kind) if kind else None


def row_eligible(rows: Sequence[decision_service_pb2.DecideRow]) -> list[Sequence[str]]:
    """One filter a row, or none at all when no row has one."""
    filters = [tuple(row.eligible_variants) for row in rows]
    return list(filters) if any(filters) else []


def contexts(message: decision_service_pb2.DecideColumns) -> Floats:
    """(n, d) view of the packed bytes. Raises InvalidInput when they do not divide into n rows."""
    n, size = len(message.units), len(message.contexts)
    if size % (n * _FLOAT64.itemsize):
        raise InvalidInput(
            f"contexts has {size} bytes, which is no whole number of float64 for each of {n} units",
            field="columns.contexts",
        )
    flat = np.frombuffer(message.contexts, dtype=_FLOAT64)
    return flat.reshape(n, size // (n * _FLOAT64.itemsize))


def reward(message: decision_service_pb2.Reward) -> Reward:
    """Raises InvalidInput when the value was left out: proto3 would read that as 0, a real outcome."""
    if not message.HasField("value"):
        raise InvalidInput("value is required, also when it is 0", field="value")
    return Reward(message.decision_id, message.goal, message.value, message.key)


# ---- answers


def decide_response(decision: Decision) -> decision_service_pb2.DecideResponse:
    return decision_service_pb2.DecideResponse(
        decision_id=decision.id,
        variant=decision.variant,
        payload=decision.payload,
        group=int(decision.group),  # type: ignore[arg-type]  # the stub asks for the name
        propensity=decision.propensity,
        model_position=decision.model_position,
        experiment_version=decision.version,
        degraded=decision.degraded,
        duplicate=decision.duplicate,
        decide_time=timestamp(decision.time_us),
    )


def rows_response(batch: DecisionBatch) -> decision_service_pb2.BatchDecideResponse:
    ids = batch.ids.hex()
    decisions = [
        decision_pb2.Decision(
            decision_id=ids[48 * row : 48 * row + 48],
            variant=batch.variants[arm],
            payload=batch.payloads[arm],
            group=group,
            propensity=propensity,
        )
        for row, (arm, group, propensity) in enumerate(
            zip(batch.arms.tolist(), batch.groups.tolist(), batch.propensity.tolist(), strict=True)
        )
    ]
    return _batch_response(batch, rows=decision_service_pb2.DecidedRows(decisions=decisions))


def columns_response(batch: DecisionBatch) -> decision_service_pb2.BatchDecideResponse:
    columns = decision_service_pb2.DecidedColumns(
        variants=batch.variants,
        payloads=batch.payloads,
        decision_ids=batch.ids,
        arms=batch.arms.astype(_INT32, copy=False).tobytes(),
        groups=batch.groups.tobytes(),
        propensities=batch.propensity.astype(_FLOAT64, copy=False).tobytes(),
    )
    return _batch_response(batch, columns=columns)


def _batch_response(
    batch: DecisionBatch,
    *,
    rows: decision_service_pb2.DecidedRows | None = None,
    columns: decision_service_pb2.DecidedColumns | None = None,
) -> decision_service_pb2.BatchDecideResponse:
    return decision_service_pb2.BatchDecideResponse(
        rows=rows,
        columns=columns,
        model_position=batch.model_position,
        experiment_version=batch.version,
        degraded=batch.degraded,
        duplicate=batch.duplicate,
        decide_time=timestamp(batch.time_us),
    )


def reward_result(result: RewardResult) -> decision_service_pb2.RewardResult:
    return decision_service_pb2.RewardResult(
        error=_reward_error(result.error) if result.error else None,
        duplicate=result.duplicate,
        resolved=result.resolved,
    )


def _reward_error(error: BanditcoreError) -> decision_service_pb2.RewardError:
    return decision_service_pb2.RewardError(
        code=code_of(error), reason=error.reason, message=public_message(error), field=error.field
    )


def explanation(value: Explanation) -> decision_pb2.Explanation:
    return decision_pb2.Explanation(
        decision=_logged(value.decision),
        policy=value.policy,
        floor=value.floor,
        holdout_share=value.holdout_share,
        holdout_bucket=value.holdout_bucket,
        draw=value.draw,
        context=value.context.tolist(),
        arms=[_arm_explanation(arm) for arm in value.arms],
        recomputed=value.recomputed,
        method=value.method,
    )


def _logged(decision: Decision) -> decision_pb2.LoggedDecision:
    return decision_pb2.LoggedDecision(
        decision=decision_pb2.Decision(
            decision_id=decision.id,
            variant=decision.variant,
            payload=decision.payload,
            group=int(decision.group),  # type: ignore[arg-type]
            propensity=decision.propensity,
        ),
        experiment=decision.experiment,
        experiment_version=decision.version,
        unit=decision.unit,
        arm=decision.arm,
        propensities=decision.propensities.tolist(),
        model_position=decision.model_position,
        decide_time=timestamp(decision.time_us),
        degraded=decision.degraded,
        certificate=decision.certificate,
    )


def _arm_explanation(arm: ArmExplanation) -> decision_pb2.ArmExplanation:
    return decision_pb2.ArmExplanation(
        variant=arm.variant,
        eligible=arm.eligible,
        score=arm.score,
        propensity=arm.propensity,
        contributions=[
            decision_pb2.FeatureContribution(feature=part.feature, value=part.value, contribution=part.contribution)
            for part in arm.contributions
        ],
    )


def experiment(value: Experiment) -> experiment_pb2.Experiment:
    return experiment_pb2.Experiment(
        definition=definition.to_message(value.spec),
        version=value.version,
        status=definition.STATUSES[value.status],
        arms=[experiment_pb2.Arm(variant=arm.key, payload=arm.payload, active=arm.active) for arm in value.arms],
        stream=value.stream,
        feature_count=value.n_features,
        model_position=value.position,
        create_time=timestamp(value.create_time_us),
        update_time=timestamp(value.update_time_us),
        feature_names=value.feature_names,
    )
