import datetime

from banditcore.v1 import decision_pb2 as _decision_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AttributionRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTRIBUTION_RULE_UNSPECIFIED: _ClassVar[AttributionRule]
    ATTRIBUTION_RULE_LAST: _ClassVar[AttributionRule]
    ATTRIBUTION_RULE_FIRST: _ClassVar[AttributionRule]
    ATTRIBUTION_RULE_ALL: _ClassVar[AttributionRule]
ATTRIBUTION_RULE_UNSPECIFIED: AttributionRule
ATTRIBUTION_RULE_LAST: AttributionRule
ATTRIBUTION_RULE_FIRST: AttributionRule
ATTRIBUTION_RULE_ALL: AttributionRule

class DecideRequest(_message.Message):
    __slots__ = ("experiment", "unit", "attributes", "eligible_variants", "request_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _decision_pb2.AttributeValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_decision_pb2.AttributeValue, _Mapping]] = ...) -> None: ...
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_VARIANTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    unit: str
    attributes: _containers.MessageMap[str, _decision_pb2.AttributeValue]
    eligible_variants: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, experiment: _Optional[str] = ..., unit: _Optional[str] = ..., attributes: _Optional[_Mapping[str, _decision_pb2.AttributeValue]] = ..., eligible_variants: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("decision_id", "variant", "payload", "group", "propensity", "model_position", "experiment_version", "degraded", "duplicate", "decide_time")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    MODEL_POSITION_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    DECIDE_TIME_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    variant: str
    payload: str
    group: _decision_pb2.Group
    propensity: float
    model_position: int
    experiment_version: int
    degraded: bool
    duplicate: bool
    decide_time: _timestamp_pb2.Timestamp
    def __init__(self, decision_id: _Optional[str] = ..., variant: _Optional[str] = ..., payload: _Optional[str] = ..., group: _Optional[_Union[_decision_pb2.Group, str]] = ..., propensity: _Optional[float] = ..., model_position: _Optional[int] = ..., experiment_version: _Optional[int] = ..., degraded: bool = ..., duplicate: bool = ..., decide_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BatchDecideRequest(_message.Message):
    __slots__ = ("experiment", "request_id", "rows", "columns")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    request_id: str
    rows: DecideRows
    columns: DecideColumns
    def __init__(self, experiment: _Optional[str] = ..., request_id: _Optional[str] = ..., rows: _Optional[_Union[DecideRows, _Mapping]] = ..., columns: _Optional[_Union[DecideColumns, _Mapping]] = ...) -> None: ...

class DecideRows(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[DecideRow]
    def __init__(self, items: _Optional[_Iterable[_Union[DecideRow, _Mapping]]] = ...) -> None: ...

class DecideRow(_message.Message):
    __slots__ = ("unit", "attributes", "eligible_variants")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _decision_pb2.AttributeValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_decision_pb2.AttributeValue, _Mapping]] = ...) -> None: ...
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_VARIANTS_FIELD_NUMBER: _ClassVar[int]
    unit: str
    attributes: _containers.MessageMap[str, _decision_pb2.AttributeValue]
    eligible_variants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, unit: _Optional[str] = ..., attributes: _Optional[_Mapping[str, _decision_pb2.AttributeValue]] = ..., eligible_variants: _Optional[_Iterable[str]] = ...) -> None: ...

class DecideColumns(_message.Message):
    __slots__ = ("units", "contexts", "eligible_variants")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_VARIANTS_FIELD_NUMBER: _ClassVar[int]
    units: _containers.RepeatedScalarFieldContainer[str]
    contexts: bytes
    eligible_variants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, units: _Optional[_Iterable[str]] = ..., contexts: _Optional[bytes] = ..., eligible_variants: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchDecideResponse(_message.Message):
    __slots__ = ("rows", "columns", "model_position", "experiment_version", "degraded", "duplicate", "decide_time")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MODEL_POSITION_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    DECIDE_TIME_FIELD_NUMBER: _ClassVar[int]
    rows: DecidedRows
    columns: DecidedColumns
    model_position: int
    experiment_version: int
    degraded: bool
    duplicate: bool
    decide_time: _timestamp_pb2.Timestamp
    def __init__(self, rows: _Optional[_Union[DecidedRows, _Mapping]] = ..., columns: _Optional[_Union[DecidedColumns, _Mapping]] = ..., model_position: _Optional[int] = ..., experiment_version: _Optional[int] = ..., degraded: bool = ..., duplicate: bool = ..., decide_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DecidedRows(_message.Message):
    __slots__ = ("decisions",)
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Decision]
    def __init__(self, decisions: _Optional[_Iterable[_Union[_decision_pb2.Decision, _Mapping]]] = ...) -> None: ...

class DecidedColumns(_message.Message):
    __slots__ = ("variants", "payloads", "decision_ids", "arms", "groups", "propensities")
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    DECISION_IDS_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    PROPENSITIES_FIELD_NUMBER: _ClassVar[int]
    variants: _containers.RepeatedScalarFieldContainer[str]
    payloads: _containers.RepeatedScalarFieldContainer[str]
    decision_ids: bytes
    arms: bytes
    groups: bytes
    propensities: bytes
    def __init__(self, variants: _Optional[_Iterable[str]] = ..., payloads: _Optional[_Iterable[str]] = ..., decision_ids: _Optional[bytes] = ..., arms: _Optional[bytes] = ..., groups: _Optional[bytes] = ..., propensities: _Optional[bytes] = ...) -> None: ...

class RecordExposureRequest(_message.Message):
    __slots__ = ("decision_id",)
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    def __init__(self, decision_id: _Optional[str] = ...) -> None: ...

class RecordExposureResponse(_message.Message):
    __slots__ = ("duplicate",)
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    duplicate: bool
    def __init__(self, duplicate: bool = ...) -> None: ...

class Reward(_message.Message):
    __slots__ = ("decision_id", "goal", "value", "key")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    goal: str
    value: float
    key: str
    def __init__(self, decision_id: _Optional[str] = ..., goal: _Optional[str] = ..., value: _Optional[float] = ..., key: _Optional[str] = ...) -> None: ...

class RecordRewardsRequest(_message.Message):
    __slots__ = ("rewards",)
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    rewards: _containers.RepeatedCompositeFieldContainer[Reward]
    def __init__(self, rewards: _Optional[_Iterable[_Union[Reward, _Mapping]]] = ...) -> None: ...

class RecordRewardsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RewardResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RewardResult, _Mapping]]] = ...) -> None: ...

class RewardResult(_message.Message):
    __slots__ = ("error", "duplicate", "resolved")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    error: RewardError
    duplicate: bool
    resolved: bool
    def __init__(self, error: _Optional[_Union[RewardError, _Mapping]] = ..., duplicate: bool = ..., resolved: bool = ...) -> None: ...

class RewardError(_message.Message):
    __slots__ = ("code", "reason", "message", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    field: str
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class UnitReward(_message.Message):
    __slots__ = ("unit", "goal", "value", "event_time", "key")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    unit: str
    goal: str
    value: float
    event_time: _timestamp_pb2.Timestamp
    key: str
    def __init__(self, unit: _Optional[str] = ..., goal: _Optional[str] = ..., value: _Optional[float] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., key: _Optional[str] = ...) -> None: ...

class ImportRewardsRequest(_message.Message):
    __slots__ = ("experiment", "rewards", "rule")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    rewards: _containers.RepeatedCompositeFieldContainer[UnitReward]
    rule: AttributionRule
    def __init__(self, experiment: _Optional[str] = ..., rewards: _Optional[_Iterable[_Union[UnitReward, _Mapping]]] = ..., rule: _Optional[_Union[AttributionRule, str]] = ...) -> None: ...

class ImportRewardsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ImportResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ImportResult, _Mapping]]] = ...) -> None: ...

class ImportResult(_message.Message):
    __slots__ = ("error", "decision_count", "late_count", "duplicate", "resolved_count")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DECISION_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_COUNT_FIELD_NUMBER: _ClassVar[int]
    error: RewardError
    decision_count: int
    late_count: int
    duplicate: bool
    resolved_count: int
    def __init__(self, error: _Optional[_Union[RewardError, _Mapping]] = ..., decision_count: _Optional[int] = ..., late_count: _Optional[int] = ..., duplicate: bool = ..., resolved_count: _Optional[int] = ...) -> None: ...

class UnitMerge(_message.Message):
    __slots__ = ("unit", "into")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    INTO_FIELD_NUMBER: _ClassVar[int]
    unit: str
    into: str
    def __init__(self, unit: _Optional[str] = ..., into: _Optional[str] = ...) -> None: ...

class MergeUnitsRequest(_message.Message):
    __slots__ = ("experiment", "merges")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    MERGES_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    merges: _containers.RepeatedCompositeFieldContainer[UnitMerge]
    def __init__(self, experiment: _Optional[str] = ..., merges: _Optional[_Iterable[_Union[UnitMerge, _Mapping]]] = ...) -> None: ...

class MergeUnitsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[MergeResult]
    def __init__(self, results: _Optional[_Iterable[_Union[MergeResult, _Mapping]]] = ...) -> None: ...

class MergeResult(_message.Message):
    __slots__ = ("error", "duplicate")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    error: MergeError
    duplicate: bool
    def __init__(self, error: _Optional[_Union[MergeError, _Mapping]] = ..., duplicate: bool = ...) -> None: ...

class MergeError(_message.Message):
    __slots__ = ("code", "reason", "message", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    field: str
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class ExplainDecisionRequest(_message.Message):
    __slots__ = ("decision_id",)
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    def __init__(self, decision_id: _Optional[str] = ...) -> None: ...

class ExplainDecisionResponse(_message.Message):
    __slots__ = ("explanation",)
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    explanation: _decision_pb2.Explanation
    def __init__(self, explanation: _Optional[_Union[_decision_pb2.Explanation, _Mapping]] = ...) -> None: ...
