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

class GoalKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_KIND_UNSPECIFIED: _ClassVar[GoalKind]
    GOAL_KIND_BINARY: _ClassVar[GoalKind]
    GOAL_KIND_VALUE: _ClassVar[GoalKind]

class ExperimentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPERIMENT_STATUS_UNSPECIFIED: _ClassVar[ExperimentStatus]
    EXPERIMENT_STATUS_RUNNING: _ClassVar[ExperimentStatus]
    EXPERIMENT_STATUS_PAUSED: _ClassVar[ExperimentStatus]
    EXPERIMENT_STATUS_ARCHIVED: _ClassVar[ExperimentStatus]

class GoalReportStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_REPORT_STATUS_UNSPECIFIED: _ClassVar[GoalReportStatus]
    GOAL_REPORT_STATUS_COLLECTING: _ClassVar[GoalReportStatus]
    GOAL_REPORT_STATUS_READY: _ClassVar[GoalReportStatus]
EXPOSURE_UNSPECIFIED: Exposure
EXPOSURE_IMPLIED: Exposure
EXPOSURE_EXPLICIT: Exposure
GOAL_KIND_UNSPECIFIED: GoalKind
GOAL_KIND_BINARY: GoalKind
GOAL_KIND_VALUE: GoalKind
EXPERIMENT_STATUS_UNSPECIFIED: ExperimentStatus
EXPERIMENT_STATUS_RUNNING: ExperimentStatus
EXPERIMENT_STATUS_PAUSED: ExperimentStatus
EXPERIMENT_STATUS_ARCHIVED: ExperimentStatus
GOAL_REPORT_STATUS_UNSPECIFIED: GoalReportStatus
GOAL_REPORT_STATUS_COLLECTING: GoalReportStatus
GOAL_REPORT_STATUS_READY: GoalReportStatus

class ExperimentDefinition(_message.Message):
    __slots__ = ("name", "control", "holdout", "variants", "policy", "context", "goals", "learn", "exposure", "salt", "target_lift", "retention")
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
    def __init__(self, name: _Optional[str] = ..., control: _Optional[str] = ..., holdout: _Optional[float] = ..., variants: _Optional[_Iterable[_Union[Variant, _Mapping]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., context: _Optional[_Iterable[_Union[Attribute, _Mapping]]] = ..., goals: _Optional[_Iterable[_Union[Goal, _Mapping]]] = ..., learn: _Optional[str] = ..., exposure: _Optional[_Union[Exposure, str]] = ..., salt: _Optional[str] = ..., target_lift: _Optional[float] = ..., retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("name", "kind", "window", "default")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: GoalKind
    window: _duration_pb2.Duration
    default: float
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[GoalKind, str]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., default: _Optional[float] = ...) -> None: ...

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

class Report(_message.Message):
    __slots__ = ("experiment", "version", "status", "report_time", "decision_count", "holdout_share", "model_position", "goals", "variants")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REPORT_TIME_FIELD_NUMBER: _ClassVar[int]
    DECISION_COUNT_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_SHARE_FIELD_NUMBER: _ClassVar[int]
    MODEL_POSITION_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    version: int
    status: ExperimentStatus
    report_time: _timestamp_pb2.Timestamp
    decision_count: int
    holdout_share: float
    model_position: int
    goals: _containers.RepeatedCompositeFieldContainer[GoalReport]
    variants: _containers.RepeatedCompositeFieldContainer[VariantReport]
    def __init__(self, experiment: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[ExperimentStatus, str]] = ..., report_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision_count: _Optional[int] = ..., holdout_share: _Optional[float] = ..., model_position: _Optional[int] = ..., goals: _Optional[_Iterable[_Union[GoalReport, _Mapping]]] = ..., variants: _Optional[_Iterable[_Union[VariantReport, _Mapping]]] = ...) -> None: ...

class GoalReport(_message.Message):
    __slots__ = ("goal", "kind", "learned", "policy", "holdout", "status", "lift", "note")
    GOAL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    goal: str
    kind: GoalKind
    learned: bool
    policy: GroupReport
    holdout: GroupReport
    status: GoalReportStatus
    lift: Lift
    note: str
    def __init__(self, goal: _Optional[str] = ..., kind: _Optional[_Union[GoalKind, str]] = ..., learned: bool = ..., policy: _Optional[_Union[GroupReport, _Mapping]] = ..., holdout: _Optional[_Union[GroupReport, _Mapping]] = ..., status: _Optional[_Union[GoalReportStatus, str]] = ..., lift: _Optional[_Union[Lift, _Mapping]] = ..., note: _Optional[str] = ...) -> None: ...

class GroupReport(_message.Message):
    __slots__ = ("unit_count", "matured_unit_count", "converted_unit_count", "mean", "variance")
    UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MATURED_UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_FIELD_NUMBER: _ClassVar[int]
    unit_count: int
    matured_unit_count: int
    converted_unit_count: int
    mean: float
    variance: float
    def __init__(self, unit_count: _Optional[int] = ..., matured_unit_count: _Optional[int] = ..., converted_unit_count: _Optional[int] = ..., mean: _Optional[float] = ..., variance: _Optional[float] = ...) -> None: ...

class Lift(_message.Message):
    __slots__ = ("estimate", "low", "high", "alpha", "e_value", "difference")
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    E_VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    estimate: float
    low: float
    high: float
    alpha: float
    e_value: float
    difference: float
    def __init__(self, estimate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., alpha: _Optional[float] = ..., e_value: _Optional[float] = ..., difference: _Optional[float] = ...) -> None: ...

class VariantReport(_message.Message):
    __slots__ = ("variant", "control", "active", "decision_count", "share", "raw_mean")
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    RAW_MEAN_FIELD_NUMBER: _ClassVar[int]
    variant: str
    control: bool
    active: bool
    decision_count: int
    share: float
    raw_mean: float
    def __init__(self, variant: _Optional[str] = ..., control: bool = ..., active: bool = ..., decision_count: _Optional[int] = ..., share: _Optional[float] = ..., raw_mean: _Optional[float] = ...) -> None: ...
