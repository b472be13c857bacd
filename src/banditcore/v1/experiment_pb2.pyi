import datetime

from banditcore.v1 import decision_pb2 as _decision_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Exposure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPOSURE_UNSPECIFIED: _ClassVar[Exposure]
    EXPOSURE_IMPLIED: _ClassVar[Exposure]
    EXPOSURE_EXPLICIT: _ClassVar[Exposure]

class GoalRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_ROLE_UNSPECIFIED: _ClassVar[GoalRole]
    GOAL_ROLE_PRIMARY: _ClassVar[GoalRole]
    GOAL_ROLE_SECONDARY: _ClassVar[GoalRole]
    GOAL_ROLE_GUARDRAIL: _ClassVar[GoalRole]

class GoalDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_DIRECTION_UNSPECIFIED: _ClassVar[GoalDirection]
    GOAL_DIRECTION_INCREASE: _ClassVar[GoalDirection]
    GOAL_DIRECTION_DECREASE: _ClassVar[GoalDirection]

class GoalKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_KIND_UNSPECIFIED: _ClassVar[GoalKind]
    GOAL_KIND_BINARY: _ClassVar[GoalKind]
    GOAL_KIND_VALUE: _ClassVar[GoalKind]
    GOAL_KIND_RATIO: _ClassVar[GoalKind]

class ExperimentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPERIMENT_STATUS_UNSPECIFIED: _ClassVar[ExperimentStatus]
    EXPERIMENT_STATUS_RUNNING: _ClassVar[ExperimentStatus]
    EXPERIMENT_STATUS_PAUSED: _ClassVar[ExperimentStatus]
    EXPERIMENT_STATUS_ARCHIVED: _ClassVar[ExperimentStatus]
    EXPERIMENT_STATUS_FROZEN: _ClassVar[ExperimentStatus]
EXPOSURE_UNSPECIFIED: Exposure
EXPOSURE_IMPLIED: Exposure
EXPOSURE_EXPLICIT: Exposure
GOAL_ROLE_UNSPECIFIED: GoalRole
GOAL_ROLE_PRIMARY: GoalRole
GOAL_ROLE_SECONDARY: GoalRole
GOAL_ROLE_GUARDRAIL: GoalRole
GOAL_DIRECTION_UNSPECIFIED: GoalDirection
GOAL_DIRECTION_INCREASE: GoalDirection
GOAL_DIRECTION_DECREASE: GoalDirection
GOAL_KIND_UNSPECIFIED: GoalKind
GOAL_KIND_BINARY: GoalKind
GOAL_KIND_VALUE: GoalKind
GOAL_KIND_RATIO: GoalKind
EXPERIMENT_STATUS_UNSPECIFIED: ExperimentStatus
EXPERIMENT_STATUS_RUNNING: ExperimentStatus
EXPERIMENT_STATUS_PAUSED: ExperimentStatus
EXPERIMENT_STATUS_ARCHIVED: ExperimentStatus
EXPERIMENT_STATUS_FROZEN: ExperimentStatus

class ExperimentDefinition(_message.Message):
    __slots__ = ("name", "control", "holdout", "variants", "policy", "context", "goals", "learn", "exposure", "salt", "target_lift", "retention", "audiences", "units_per_day", "duration")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    LEARN_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    TARGET_LIFT_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    AUDIENCES_FIELD_NUMBER: _ClassVar[int]
    UNITS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    control: str
    holdout: float
    variants: _containers.RepeatedCompositeFieldContainer[Variant]
    policy: Policy
    context: _containers.RepeatedCompositeFieldContainer[Attribute]
    goals: _containers.RepeatedCompositeFieldContainer[Goal]
    learn: str
    exposure: Exposure
    salt: str
    target_lift: float
    retention: _duration_pb2.Duration
    audiences: _containers.RepeatedScalarFieldContainer[str]
    units_per_day: float
    duration: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., control: _Optional[str] = ..., holdout: _Optional[float] = ..., variants: _Optional[_Iterable[_Union[Variant, _Mapping]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., context: _Optional[_Iterable[_Union[Attribute, _Mapping]]] = ..., goals: _Optional[_Iterable[_Union[Goal, _Mapping]]] = ..., learn: _Optional[str] = ..., exposure: _Optional[_Union[Exposure, str]] = ..., salt: _Optional[str] = ..., target_lift: _Optional[float] = ..., retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., audiences: _Optional[_Iterable[str]] = ..., units_per_day: _Optional[float] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Variant(_message.Message):
    __slots__ = ("key", "payload")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    key: str
    payload: str
    def __init__(self, key: _Optional[str] = ..., payload: _Optional[str] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("name", "floor", "params")
    class ParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Parameter
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Parameter, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    floor: float
    params: _containers.MessageMap[str, Parameter]
    def __init__(self, name: _Optional[str] = ..., floor: _Optional[float] = ..., params: _Optional[_Mapping[str, Parameter]] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("number", "vector", "text", "matrix")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    number: float
    vector: _decision_pb2.Vector
    text: str
    matrix: Matrix
    def __init__(self, number: _Optional[float] = ..., vector: _Optional[_Union[_decision_pb2.Vector, _Mapping]] = ..., text: _Optional[str] = ..., matrix: _Optional[_Union[Matrix, _Mapping]] = ...) -> None: ...

class Matrix(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Vector]
    def __init__(self, rows: _Optional[_Iterable[_Union[_decision_pb2.Vector, _Mapping]]] = ...) -> None: ...

class Attribute(_message.Message):
    __slots__ = ("name", "numeric", "category", "boolean", "vector", "constant")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMERIC_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    name: str
    numeric: NumericAttribute
    category: CategoryAttribute
    boolean: BooleanAttribute
    vector: VectorAttribute
    constant: ConstantAttribute
    def __init__(self, name: _Optional[str] = ..., numeric: _Optional[_Union[NumericAttribute, _Mapping]] = ..., category: _Optional[_Union[CategoryAttribute, _Mapping]] = ..., boolean: _Optional[_Union[BooleanAttribute, _Mapping]] = ..., vector: _Optional[_Union[VectorAttribute, _Mapping]] = ..., constant: _Optional[_Union[ConstantAttribute, _Mapping]] = ...) -> None: ...

class NumericAttribute(_message.Message):
    __slots__ = ("center", "scale")
    CENTER_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    center: float
    scale: float
    def __init__(self, center: _Optional[float] = ..., scale: _Optional[float] = ...) -> None: ...

class CategoryAttribute(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class BooleanAttribute(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VectorAttribute(_message.Message):
    __slots__ = ("size", "scale")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    size: int
    scale: float
    def __init__(self, size: _Optional[int] = ..., scale: _Optional[float] = ...) -> None: ...

class ConstantAttribute(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Goal(_message.Message):
    __slots__ = ("name", "kind", "window", "default", "role", "direction", "delay", "cap", "numerator", "denominator", "covariate", "margin", "baseline", "spread")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    CAP_FIELD_NUMBER: _ClassVar[int]
    NUMERATOR_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    COVARIATE_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: GoalKind
    window: _duration_pb2.Duration
    default: float
    role: GoalRole
    direction: GoalDirection
    delay: _duration_pb2.Duration
    cap: float
    numerator: str
    denominator: str
    covariate: str
    margin: float
    baseline: float
    spread: float
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[GoalKind, str]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., default: _Optional[float] = ..., role: _Optional[_Union[GoalRole, str]] = ..., direction: _Optional[_Union[GoalDirection, str]] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cap: _Optional[float] = ..., numerator: _Optional[str] = ..., denominator: _Optional[str] = ..., covariate: _Optional[str] = ..., margin: _Optional[float] = ..., baseline: _Optional[float] = ..., spread: _Optional[float] = ...) -> None: ...

class Experiment(_message.Message):
    __slots__ = ("definition", "version", "status", "arms", "stream", "feature_count", "model_position", "create_time", "update_time", "feature_names")
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FEATURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MODEL_POSITION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FEATURE_NAMES_FIELD_NUMBER: _ClassVar[int]
    definition: ExperimentDefinition
    version: int
    status: ExperimentStatus
    arms: _containers.RepeatedCompositeFieldContainer[Arm]
    stream: int
    feature_count: int
    model_position: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    feature_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, definition: _Optional[_Union[ExperimentDefinition, _Mapping]] = ..., version: _Optional[int] = ..., status: _Optional[_Union[ExperimentStatus, str]] = ..., arms: _Optional[_Iterable[_Union[Arm, _Mapping]]] = ..., stream: _Optional[int] = ..., feature_count: _Optional[int] = ..., model_position: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., feature_names: _Optional[_Iterable[str]] = ...) -> None: ...

class Arm(_message.Message):
    __slots__ = ("variant", "payload", "active")
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    variant: str
    payload: str
    active: bool
    def __init__(self, variant: _Optional[str] = ..., payload: _Optional[str] = ..., active: bool = ...) -> None: ...
