"""An experiment's definition on the wire and in Python; both ends of the wire use this one translation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration

from banditcore.config import AttributeSpec, ExperimentSpec, GoalSpec, PolicySpec, parse_experiment
from banditcore.errors import InvalidInput
from banditcore.v1 import experiment_pb2 as pb
from banditcore.v1.decision_pb2 import Vector

T = TypeVar("T")
W = TypeVar("W")
EXPOSURES = {"implied": pb.EXPOSURE_IMPLIED, "explicit": pb.EXPOSURE_EXPLICIT}
KINDS = {"binary": pb.GOAL_KIND_BINARY, "value": pb.GOAL_KIND_VALUE, "ratio": pb.GOAL_KIND_RATIO}
ROLES = {
    "primary": pb.GOAL_ROLE_PRIMARY,
    "secondary": pb.GOAL_ROLE_SECONDARY,
    "guardrail": pb.GOAL_ROLE_GUARDRAIL,
}
DIRECTIONS = {"increase": pb.GOAL_DIRECTION_INCREASE, "decrease": pb.GOAL_DIRECTION_DECREASE}
STATUSES = {
    "running": pb.EXPERIMENT_STATUS_RUNNING,
    "paused": pb.EXPERIMENT_STATUS_PAUSED,
    "archived": pb.EXPERIMENT_STATUS_ARCHIVED,
    "frozen": pb.EXPERIMENT_STATUS_FROZEN,
}
_GOAL_WORDS: dict[str, dict[str, Any]] = {"kind": KINDS, "role": ROLES, "direction": DIRECTIONS}


def words(numbers: Mapping[W, T]) -> dict[T, W]:
    """The words of an enumeration by number, from its numbers by word."""
    return {number: word for word, number in numbers.items()}


_EXPOSURE_NAMES = words(EXPOSURES)
_GOAL_NAMES = {field: words(numbers) for field, numbers in _GOAL_WORDS.items()}


def to_message(spec: ExperimentSpec) -> pb.ExperimentDefinition:
    """The whole definition, every default spelled out."""
    message = pb.ExperimentDefinition(
        name=spec.name,
        control=spec.control,
        holdout=spec.holdout,
        variants=[pb.Variant(key=variant.key, payload=variant.payload) for variant in spec.variants],
        policy=_policy_message(spec.policy),
        context=[_attribute_message(attribute) for attribute in spec.context],
        goals=[_goal_message(goal) for goal in spec.goals],
        learn=spec.learn,
        exposure=EXPOSURES[spec.exposure],
        salt=spec.salt,
        target_lift=spec.target_lift,
        audiences=spec.audiences,
        units_per_day=spec.units_per_day,
    )
    for duration, seconds in ((message.duration, spec.duration_s), (message.retention, spec.retention_s)):
        if seconds is not None:
            _set_seconds(duration, seconds)
    return message


def from_message(message: pb.ExperimentDefinition) -> ExperimentSpec:
    """Checks a definition from the wire. Raises InvalidInput whose field is the path below `definition`."""
    try:
        return parse_experiment(message.name, _data(message))
    except InvalidInput as error:
        error.field = wire_field(message.name, error.field)
        raise


def wire_field(name: str, field: str) -> str:
    """Turns `experiments.NAME.goals[0]`, the path in a TOML file, into the path in a request."""
    prefix = f"experiments.{name}"
    return f"definition{field[len(prefix) :]}" if field.startswith(prefix) else field


def _data(message: pb.ExperimentDefinition) -> dict[str, Any]:
    # What is unset stays out, so that defaults and "is required" come from the one place that knows them.
    data: dict[str, Any] = {field.name: value for field, value in message.ListFields()}
    data["holdout"] = message.holdout  # 0 is no default but an error with a message of its own
    data["variants"] = [{"key": variant.key, "payload": variant.payload} for variant in message.variants]
    data["context"] = [_attribute_data(attribute) for attribute in message.context]
    data["goals"] = [_goal_data(goal) for goal in message.goals]
    if message.HasField("policy"):
        data["policy"] = _policy_data(message.policy)
    if message.exposure:
        data["exposure"] = _EXPOSURE_NAMES.get(message.exposure, str(message.exposure))
    data["audiences"] = list(message.audiences)
    return data | _durations(message)


def _durations(message: pb.ExperimentDefinition | pb.Goal) -> dict[str, float]:
    """The durations that are set, in seconds."""
    return {
        field.name: value.ToMicroseconds() / 1e6 for field, value in message.ListFields() if isinstance(value, Duration)
    }


def _set_seconds(message: Duration, seconds: float) -> None:
    # Durations are whole microseconds; more digits than that a float of a hundred years does not have.
    message.FromMicroseconds(round(seconds * 1e6))


def _policy_message(spec: PolicySpec) -> pb.Policy:
    message = pb.Policy(name=spec.name, floor=spec.floor)
    for name, value in spec.params.items():
        _set_parameter(message.params[name], value)
    return message


def _policy_data(message: pb.Policy) -> dict[str, Any]:
    data: dict[str, Any] = {"name": message.name}
    if message.HasField("floor"):
        data["floor"] = message.floor
    data["params"] = {name: _parameter(value) for name, value in message.params.items()}
    return data


def _set_parameter(message: pb.Parameter, value: Any) -> None:
    if isinstance(value, str):
        message.text = value
    elif not isinstance(value, list):
        message.number = value
    elif value and isinstance(value[0], list):
        message.matrix.rows.extend(Vector(values=row) for row in value)
    else:
        message.vector.values.extend(value)
        message.vector.SetInParent()


def _parameter(message: pb.Parameter) -> Any:
    match message.WhichOneof("kind"):
        case "text":
            return message.text
        case "matrix":
            return [list(row.values) for row in message.matrix.rows]
        case "number":
            return message.number
        case "vector":
            return list(message.vector.values)
        case _:
            return None


def _attribute_message(spec: AttributeSpec) -> pb.Attribute:
    message = pb.Attribute(name=spec.name)
    part = getattr(message, spec.type)
    part.SetInParent()
    for name, value in spec.model_dump(exclude={"type", "name"}).items():
        if isinstance(value, tuple):
            getattr(part, name).extend(value)
        else:
            setattr(part, name, value)
    return message


def _attribute_data(message: pb.Attribute) -> dict[str, Any]:
    kind = message.WhichOneof("type")
    if kind is None:
        return {"name": message.name}
    part = {field.name: value for field, value in getattr(message, kind).ListFields()}
    if "values" in part:
        part["values"] = list(part["values"])
    name = {"name": message.name} if message.name else {}
    return {"type": kind, **name, **part}


def _goal_message(spec: GoalSpec) -> pb.Goal:
    message = pb.Goal(
        name=spec.name,
        kind=KINDS[spec.kind],
        default=spec.default,
        role=ROLES[spec.role] if spec.role else None,
        direction=DIRECTIONS[spec.direction],
        cap=spec.cap,
        numerator=spec.numerator,
        denominator=spec.denominator,
        covariate=spec.covariate,
        margin=spec.margin,
        baseline=spec.baseline,
        spread=spec.spread,
    )
    _set_seconds(message.window, spec.window_s)
    _set_seconds(message.delay, spec.delay_s)
    return message


def _goal_data(message: pb.Goal) -> dict[str, Any]:
    data: dict[str, Any] = {field.name: value for field, value in message.ListFields()}
    data["name"] = message.name
    for field, names in _GOAL_NAMES.items():
        if field in data:
            # A number that this release does not know stays one, and is refused as a word that it is not.
            data[field] = names.get(data[field], str(data[field]))
    return data | _durations(message)
