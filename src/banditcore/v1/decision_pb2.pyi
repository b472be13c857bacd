import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Group(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GROUP_UNSPECIFIED: _ClassVar[Group]
    GROUP_POLICY: _ClassVar[Group]
    GROUP_HOLDOUT: _ClassVar[Group]
GROUP_UNSPECIFIED: Group
GROUP_POLICY: Group
GROUP_HOLDOUT: Group

class Vector(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class AttributeValue(_message.Message):
    __slots__ = ("number", "category", "boolean", "vector")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    number: float
    category: str
    boolean: bool
    vector: Vector
    def __init__(self, number: _Optional[float] = ..., category: _Optional[str] = ..., boolean: bool = ..., vector: _Optional[_Union[Vector, _Mapping]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("decision_id", "variant", "payload", "group", "propensity")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    variant: str
    payload: str
    group: Group
    propensity: float
    def __init__(self, decision_id: _Optional[str] = ..., variant: _Optional[str] = ..., payload: _Optional[str] = ..., group: _Optional[_Union[Group, str]] = ..., propensity: _Optional[float] = ...) -> None: ...

class LoggedDecision(_message.Message):
    __slots__ = ("decision", "experiment", "experiment_version", "unit", "arm", "propensities", "model_position", "decide_time", "degraded", "certificate")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    PROPENSITIES_FIELD_NUMBER: _ClassVar[int]
    MODEL_POSITION_FIELD_NUMBER: _ClassVar[int]
    DECIDE_TIME_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    experiment: str
    experiment_version: int
    unit: str
    arm: int
    propensities: _containers.RepeatedScalarFieldContainer[float]
    model_position: int
    decide_time: _timestamp_pb2.Timestamp
    degraded: bool
    certificate: float
    def __init__(self, decision: _Optional[_Union[Decision, _Mapping]] = ..., experiment: _Optional[str] = ..., experiment_version: _Optional[int] = ..., unit: _Optional[str] = ..., arm: _Optional[int] = ..., propensities: _Optional[_Iterable[float]] = ..., model_position: _Optional[int] = ..., decide_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., degraded: bool = ..., certificate: _Optional[float] = ...) -> None: ...

class FeatureContribution(_message.Message):
    __slots__ = ("feature", "value", "contribution")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    feature: str
    value: float
    contribution: float
    def __init__(self, feature: _Optional[str] = ..., value: _Optional[float] = ..., contribution: _Optional[float] = ...) -> None: ...

class ArmExplanation(_message.Message):
    __slots__ = ("variant", "eligible", "score", "propensity", "contributions")
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    variant: str
    eligible: bool
    score: float
    propensity: float
    contributions: _containers.RepeatedCompositeFieldContainer[FeatureContribution]
    def __init__(self, variant: _Optional[str] = ..., eligible: bool = ..., score: _Optional[float] = ..., propensity: _Optional[float] = ..., contributions: _Optional[_Iterable[_Union[FeatureContribution, _Mapping]]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("decision", "policy", "floor", "holdout_share", "holdout_bucket", "draw", "context", "arms", "recomputed", "method")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_SHARE_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_BUCKET_FIELD_NUMBER: _ClassVar[int]
    DRAW_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    RECOMPUTED_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    decision: LoggedDecision
    policy: str
    floor: float
    holdout_share: float
    holdout_bucket: float
    draw: float
    context: _containers.RepeatedScalarFieldContainer[float]
    arms: _containers.RepeatedCompositeFieldContainer[ArmExplanation]
    recomputed: bool
    method: str
    def __init__(self, decision: _Optional[_Union[LoggedDecision, _Mapping]] = ..., policy: _Optional[str] = ..., floor: _Optional[float] = ..., holdout_share: _Optional[float] = ..., holdout_bucket: _Optional[float] = ..., draw: _Optional[float] = ..., context: _Optional[_Iterable[float]] = ..., arms: _Optional[_Iterable[_Union[ArmExplanation, _Mapping]]] = ..., recomputed: bool = ..., method: _Optional[str] = ...) -> None: ...
