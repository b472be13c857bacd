"""Every call as data: method, request, how to read the answer. Both clients run these and add nothing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from google.protobuf.message import Message

from banditcore.client import answers, reports
from banditcore.client.answers import Answer, AnswerColumns, Applied
from banditcore.client.definition import to_message
from banditcore.config import ExperimentSpec, load_toml, parse_experiment
from banditcore.errors import InvalidInput
from banditcore.findings import Report
from banditcore.types import Experiment, Explanation, Floats, Reward, RewardResult, Value
from banditcore.v1 import decision_pb2
from banditcore.v1 import decision_service_pb2 as decision_pb
from banditcore.v1 import experiment_service_pb2 as experiment_pb

T = TypeVar("T")
Attributes = Mapping[str, Value]
Definition = ExperimentSpec | Mapping[str, Any] | Path | str


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call to make."""

    method: str
    request: Message
    parse: Callable[[Any], T]
    slow: bool = False
    """True for calls that move much or compute long; they get the longer deadline."""


def decide(
    experiment: str, unit: str, attributes: Attributes, eligible: Sequence[str], request_id: str
) -> Call[Answer]:
    request = decision_pb.DecideRequest(
        experiment=experiment, unit=unit, eligible_variants=eligible, request_id=request_id or _new_id()
    )
    _set_attributes(request.attributes, attributes)
    return Call("Decide", request, answers.decided)


def batch_decide(
    experiment: str,
    units: Sequence[str],
    contexts: Sequence[Attributes],
    eligible: Sequence[Sequence[str]],
    request_id: str,
) -> Call[list[Answer]]:
    if len(contexts) != len(units):
        raise InvalidInput(f"contexts has {len(contexts)} entries for {len(units)} units", field="contexts")
    if len(eligible) not in (0, 1, len(units)):
        raise InvalidInput(f"eligible has {len(eligible)} entries for {len(units)} units", field="eligible")
    filters = [eligible[0]] * len(units) if len(eligible) == 1 else (eligible or [()] * len(units))
    request = decision_pb.BatchDecideRequest(experiment=experiment, request_id=request_id or _new_id())
    request.rows.SetInParent()
    for unit, context, allowed in zip(units, contexts, filters, strict=True):
        row = request.rows.items.add(unit=unit, eligible_variants=allowed)
        _set_attributes(row.attributes, context)
    return Call("BatchDecide", request, answers.rows, slow=True)


def batch_decide_columns(
    experiment: str, units: Sequence[str], vectors: Floats, eligible: Sequence[str], request_id: str
) -> Call[AnswerColumns]:
    packed = np.ascontiguousarray(vectors, dtype="<f8")
    if packed.ndim != 2 or len(packed) != len(units):
        raise InvalidInput(f"vectors must be ({len(units)}, d), found {packed.shape}", field="vectors")
    columns = decision_pb.DecideColumns(units=units, contexts=packed.tobytes(), eligible_variants=eligible)
    request = decision_pb.BatchDecideRequest(experiment=experiment, request_id=request_id or _new_id(), columns=columns)
    return Call("BatchDecide", request, answers.columns, slow=True)


def record_exposure(decision_id: str) -> Call[bool]:
    return Call("RecordExposure", decision_pb.RecordExposureRequest(decision_id=decision_id), answers.exposed)


def record_rewards(rewards: Sequence[Reward]) -> Call[list[RewardResult]]:
    request = decision_pb.RecordRewardsRequest()
    for reward in rewards:
        request.rewards.add(decision_id=reward.decision_id, goal=reward.goal, value=reward.value, key=reward.key)
    return Call("RecordRewards", request, answers.rewarded, slow=len(rewards) > 1)


def explain(decision_id: str) -> Call[Explanation]:
    request = decision_pb.ExplainDecisionRequest(decision_id=decision_id)
    return Call("ExplainDecision", request, answers.explained, slow=True)


def apply(spec: ExperimentSpec) -> Call[Applied]:
    request = experiment_pb.ApplyRequest(definition=to_message(spec))
    return Call("Apply", request, answers.applied, slow=True)


def get(name: str) -> Call[Experiment]:
    return Call("Get", experiment_pb.GetRequest(name=name), _experiment)


def page(token: str, size: int) -> Call[tuple[list[Experiment], str]]:
    return Call("List", experiment_pb.ListRequest(page_token=token, page_size=size), _page)


def pause(name: str) -> Call[Experiment]:
    return Call("Pause", experiment_pb.PauseRequest(name=name), _experiment)


def resume(name: str) -> Call[Experiment]:
    return Call("Resume", experiment_pb.ResumeRequest(name=name), _experiment)


def archive(name: str) -> Call[Experiment]:
    return Call("Archive", experiment_pb.ArchiveRequest(name=name), _experiment)


def report(name: str) -> Call[Report]:
    request = experiment_pb.GetReportRequest(name=name)
    return Call("GetReport", request, lambda message: reports.report(message.report), slow=True)


def definitions(source: Definition) -> list[ExperimentSpec]:
    """What a TOML file, a dictionary with a `name`, or a checked definition declares. Raises InvalidInput."""
    match source:
        case ExperimentSpec():
            return [source]
        case Mapping():
            data = dict(source)
            return [parse_experiment(str(data.pop("name", "")), data)]
        case _:
            return load_toml(source)


def _experiment(message: Any) -> Experiment:
    return answers.experiment(message.experiment)


def _page(message: experiment_pb.ListResponse) -> tuple[list[Experiment], str]:
    return [answers.experiment(item) for item in message.experiments], message.next_page_token


def _new_id() -> str:
    # Made here, so that a retry by gRPC's own service config carries the same one.
    # The time first, as in a UUID of version 7: ids that rise are kept side by side, random ones all over the index.
    return f"{time.time_ns() // 10**6:012x}{secrets.token_hex(10)}"


def _set_attributes(target: Any, attributes: Attributes) -> None:
    for name, value in attributes.items():
        _set(target[name], name, value)


def _set(target: decision_pb2.AttributeValue, name: str, value: Value) -> None:
    match value:
        case None:
            pass
        case bool() | np.bool_():
            target.boolean = bool(value)
        case str():
            target.category = value
        case Real():
            target.number = float(value)
        case list() | tuple() | np.ndarray():
            target.vector.values.extend(np.asarray(value, dtype=np.float64).ravel().tolist())
            target.vector.SetInParent()
        case _:
            raise InvalidInput(
                f"attributes.{name} must be a number, word, boolean or vector, found {type(value).__name__}",
                field=f"attributes.{name}",
            )
