"""An experiment's definition on the wire and in Python; both ends of the wire use this one translation."""

from __future__ import annotations

from typing import Any

from banditcore.config import AttributeSpec, ExperimentSpec, GoalSpec, PolicySpec, parse_experiment
from banditcore.errors import InvalidInput
from banditcore.v1 import experiment_pb2 as pb
from banditcore.v1.decision_pb2 import Vector

EXPOSURES = {"implied": pb.EXPOSURE_IMPLIED, "explicit": pb.EXPOSURE_EXPLICIT}
KINDS = {"binary": pb.GOAL_KIND_BINARY, "value": pb.GOAL_KIND_VALUE}
_EXPOSURE_NAMES = {number: name for name, number in EXPOSURES.items()}
_KIND_NAMES = {number: name for name, number in KINDS.items()}


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
    )
    if spec.retention_s is not None:
        message.retention.FromNanoseconds(round(spec.retention_s * 1e9))
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
    if message.HasField("retention"):
        data["retention"] = message.retention.ToNanoseconds() / 1e9
    return data


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
    message = pb.Goal(name=spec.name, kind=KINDS[spec.kind], default=spec.default)
    message.window.FromNanoseconds(round(spec.window_s * 1e9))
    return message


def _goal_data(message: pb.Goal) -> dict[str, Any]:
    data: dict[str, Any] = {"name": message.name, "default": message.default}
    if message.kind:
        data["kind"] = _KIND_NAMES.get(message.kind, str(message.kind))
    if message.HasField("window"):
        data["window"] = message.window.ToNanoseconds() / 1e9
    return data
