import datetime

from banditcore.v1 import decision_pb2 as _decision_pb2
from banditcore.v1 import experiment_pb2 as _experiment_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GoalReportStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_REPORT_STATUS_UNSPECIFIED: _ClassVar[GoalReportStatus]
    GOAL_REPORT_STATUS_COLLECTING: _ClassVar[GoalReportStatus]
    GOAL_REPORT_STATUS_READY: _ClassVar[GoalReportStatus]
    GOAL_REPORT_STATUS_BLANKED: _ClassVar[GoalReportStatus]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_BETTER: _ClassVar[Outcome]
    OUTCOME_WORSE: _ClassVar[Outcome]
    OUTCOME_UNDECIDED: _ClassVar[Outcome]

class OffPolicyStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OFF_POLICY_STATUS_UNSPECIFIED: _ClassVar[OffPolicyStatus]
    OFF_POLICY_STATUS_OK: _ClassVar[OffPolicyStatus]
    OFF_POLICY_STATUS_AMBER: _ClassVar[OffPolicyStatus]
    OFF_POLICY_STATUS_REFUSED: _ClassVar[OffPolicyStatus]

class CheckLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_LEVEL_UNSPECIFIED: _ClassVar[CheckLevel]
    CHECK_LEVEL_OK: _ClassVar[CheckLevel]
    CHECK_LEVEL_WARNING: _ClassVar[CheckLevel]
    CHECK_LEVEL_ALARM: _ClassVar[CheckLevel]
GOAL_REPORT_STATUS_UNSPECIFIED: GoalReportStatus
GOAL_REPORT_STATUS_COLLECTING: GoalReportStatus
GOAL_REPORT_STATUS_READY: GoalReportStatus
GOAL_REPORT_STATUS_BLANKED: GoalReportStatus
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_BETTER: Outcome
OUTCOME_WORSE: Outcome
OUTCOME_UNDECIDED: Outcome
OFF_POLICY_STATUS_UNSPECIFIED: OffPolicyStatus
OFF_POLICY_STATUS_OK: OffPolicyStatus
OFF_POLICY_STATUS_AMBER: OffPolicyStatus
OFF_POLICY_STATUS_REFUSED: OffPolicyStatus
CHECK_LEVEL_UNSPECIFIED: CheckLevel
CHECK_LEVEL_OK: CheckLevel
CHECK_LEVEL_WARNING: CheckLevel
CHECK_LEVEL_ALARM: CheckLevel

class Report(_message.Message):
    __slots__ = ("experiment", "version", "status", "report_time", "decision_count", "holdout_share", "model_position", "goals", "variants", "target_lift", "checks", "alarms", "epochs", "advice", "power", "history", "traffic", "recent_days", "caveats", "behind_count")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REPORT_TIME_FIELD_NUMBER: _ClassVar[int]
    DECISION_COUNT_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_SHARE_FIELD_NUMBER: _ClassVar[int]
    MODEL_POSITION_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    TARGET_LIFT_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    ALARMS_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    TRAFFIC_FIELD_NUMBER: _ClassVar[int]
    RECENT_DAYS_FIELD_NUMBER: _ClassVar[int]
    CAVEATS_FIELD_NUMBER: _ClassVar[int]
    BEHIND_COUNT_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    version: int
    status: _experiment_pb2.ExperimentStatus
    report_time: _timestamp_pb2.Timestamp
    decision_count: int
    holdout_share: float
    model_position: int
    goals: _containers.RepeatedCompositeFieldContainer[GoalReport]
    variants: _containers.RepeatedCompositeFieldContainer[VariantReport]
    target_lift: float
    checks: _containers.RepeatedCompositeFieldContainer[Check]
    alarms: _containers.RepeatedCompositeFieldContainer[Alarm]
    epochs: _containers.RepeatedCompositeFieldContainer[Epoch]
    advice: Advice
    power: Power
    history: _containers.RepeatedCompositeFieldContainer[Look]
    traffic: _containers.RepeatedCompositeFieldContainer[Traffic]
    recent_days: float
    caveats: _containers.RepeatedScalarFieldContainer[str]
    behind_count: int
    def __init__(self, experiment: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[_experiment_pb2.ExperimentStatus, str]] = ..., report_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision_count: _Optional[int] = ..., holdout_share: _Optional[float] = ..., model_position: _Optional[int] = ..., goals: _Optional[_Iterable[_Union[GoalReport, _Mapping]]] = ..., variants: _Optional[_Iterable[_Union[VariantReport, _Mapping]]] = ..., target_lift: _Optional[float] = ..., checks: _Optional[_Iterable[_Union[Check, _Mapping]]] = ..., alarms: _Optional[_Iterable[_Union[Alarm, _Mapping]]] = ..., epochs: _Optional[_Iterable[_Union[Epoch, _Mapping]]] = ..., advice: _Optional[_Union[Advice, _Mapping]] = ..., power: _Optional[_Union[Power, _Mapping]] = ..., history: _Optional[_Iterable[_Union[Look, _Mapping]]] = ..., traffic: _Optional[_Iterable[_Union[Traffic, _Mapping]]] = ..., recent_days: _Optional[float] = ..., caveats: _Optional[_Iterable[str]] = ..., behind_count: _Optional[int] = ...) -> None: ...

class GoalReport(_message.Message):
    __slots__ = ("goal", "kind", "learned", "policy", "holdout", "status", "lift", "note", "role", "direction", "outcome", "verdict", "uncapped", "recent", "off_policy", "guardrail", "audiences")
    GOAL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    UNCAPPED_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    OFF_POLICY_FIELD_NUMBER: _ClassVar[int]
    GUARDRAIL_FIELD_NUMBER: _ClassVar[int]
    AUDIENCES_FIELD_NUMBER: _ClassVar[int]
    goal: str
    kind: _experiment_pb2.GoalKind
    learned: bool
    policy: GroupReport
    holdout: GroupReport
    status: GoalReportStatus
    lift: Lift
    note: str
    role: _experiment_pb2.GoalRole
    direction: _experiment_pb2.GoalDirection
    outcome: Outcome
    verdict: Verdict
    uncapped: Lift
    recent: Lift
    off_policy: OffPolicyReport
    guardrail: GuardrailReport
    audiences: _containers.RepeatedCompositeFieldContainer[AudienceReport]
    def __init__(self, goal: _Optional[str] = ..., kind: _Optional[_Union[_experiment_pb2.GoalKind, str]] = ..., learned: bool = ..., policy: _Optional[_Union[GroupReport, _Mapping]] = ..., holdout: _Optional[_Union[GroupReport, _Mapping]] = ..., status: _Optional[_Union[GoalReportStatus, str]] = ..., lift: _Optional[_Union[Lift, _Mapping]] = ..., note: _Optional[str] = ..., role: _Optional[_Union[_experiment_pb2.GoalRole, str]] = ..., direction: _Optional[_Union[_experiment_pb2.GoalDirection, str]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., uncapped: _Optional[_Union[Lift, _Mapping]] = ..., recent: _Optional[_Union[Lift, _Mapping]] = ..., off_policy: _Optional[_Union[OffPolicyReport, _Mapping]] = ..., guardrail: _Optional[_Union[GuardrailReport, _Mapping]] = ..., audiences: _Optional[_Iterable[_Union[AudienceReport, _Mapping]]] = ...) -> None: ...

class GroupReport(_message.Message):
    __slots__ = ("unit_count", "matured_unit_count", "converted_unit_count", "mean", "variance", "raw_mean")
    UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MATURED_UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_FIELD_NUMBER: _ClassVar[int]
    RAW_MEAN_FIELD_NUMBER: _ClassVar[int]
    unit_count: int
    matured_unit_count: int
    converted_unit_count: int
    mean: float
    variance: float
    raw_mean: float
    def __init__(self, unit_count: _Optional[int] = ..., matured_unit_count: _Optional[int] = ..., converted_unit_count: _Optional[int] = ..., mean: _Optional[float] = ..., variance: _Optional[float] = ..., raw_mean: _Optional[float] = ...) -> None: ...

class Lift(_message.Message):
    __slots__ = ("estimate", "low", "high", "alpha", "e_value", "difference", "difference_low", "difference_high", "information", "variance_ratio")
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    E_VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_LOW_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_HIGH_FIELD_NUMBER: _ClassVar[int]
    INFORMATION_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_RATIO_FIELD_NUMBER: _ClassVar[int]
    estimate: float
    low: float
    high: float
    alpha: float
    e_value: float
    difference: float
    difference_low: float
    difference_high: float
    information: float
    variance_ratio: float
    def __init__(self, estimate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., alpha: _Optional[float] = ..., e_value: _Optional[float] = ..., difference: _Optional[float] = ..., difference_low: _Optional[float] = ..., difference_high: _Optional[float] = ..., information: _Optional[float] = ..., variance_ratio: _Optional[float] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("outcome", "verdict_time", "estimate", "low", "high", "information")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VERDICT_TIME_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    INFORMATION_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    verdict_time: _timestamp_pb2.Timestamp
    estimate: float
    low: float
    high: float
    information: float
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., verdict_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., estimate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., information: _Optional[float] = ...) -> None: ...

class OffPolicyReport(_message.Message):
    __slots__ = ("status", "reason", "policy_value", "control_value", "estimate", "low", "high", "effective_sample_size", "agrees", "explanation", "by_decision", "by_decision_low", "by_decision_high")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    POLICY_VALUE_FIELD_NUMBER: _ClassVar[int]
    CONTROL_VALUE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    AGREES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    BY_DECISION_FIELD_NUMBER: _ClassVar[int]
    BY_DECISION_LOW_FIELD_NUMBER: _ClassVar[int]
    BY_DECISION_HIGH_FIELD_NUMBER: _ClassVar[int]
    status: OffPolicyStatus
    reason: str
    policy_value: float
    control_value: float
    estimate: float
    low: float
    high: float
    effective_sample_size: float
    agrees: bool
    explanation: str
    by_decision: float
    by_decision_low: float
    by_decision_high: float
    def __init__(self, status: _Optional[_Union[OffPolicyStatus, str]] = ..., reason: _Optional[str] = ..., policy_value: _Optional[float] = ..., control_value: _Optional[float] = ..., estimate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., effective_sample_size: _Optional[float] = ..., agrees: bool = ..., explanation: _Optional[str] = ..., by_decision: _Optional[float] = ..., by_decision_low: _Optional[float] = ..., by_decision_high: _Optional[float] = ...) -> None: ...

class GuardrailReport(_message.Message):
    __slots__ = ("e_value", "threshold", "alarmed", "margin", "safe_to_ship")
    E_VALUE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    ALARMED_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    SAFE_TO_SHIP_FIELD_NUMBER: _ClassVar[int]
    e_value: float
    threshold: float
    alarmed: bool
    margin: float
    safe_to_ship: bool
    def __init__(self, e_value: _Optional[float] = ..., threshold: _Optional[float] = ..., alarmed: bool = ..., margin: _Optional[float] = ..., safe_to_ship: bool = ...) -> None: ...

class AudienceReport(_message.Message):
    __slots__ = ("audience", "value", "policy", "holdout", "status", "lift", "discovered")
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    DISCOVERED_FIELD_NUMBER: _ClassVar[int]
    audience: str
    value: str
    policy: GroupReport
    holdout: GroupReport
    status: GoalReportStatus
    lift: Lift
    discovered: bool
    def __init__(self, audience: _Optional[str] = ..., value: _Optional[str] = ..., policy: _Optional[_Union[GroupReport, _Mapping]] = ..., holdout: _Optional[_Union[GroupReport, _Mapping]] = ..., status: _Optional[_Union[GoalReportStatus, str]] = ..., lift: _Optional[_Union[Lift, _Mapping]] = ..., discovered: bool = ...) -> None: ...

class VariantReport(_message.Message):
    __slots__ = ("variant", "control", "active", "decision_count", "share", "raw_mean", "value", "value_low", "value_high", "value_reason", "probability_best")
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    DECISION_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    RAW_MEAN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VALUE_LOW_FIELD_NUMBER: _ClassVar[int]
    VALUE_HIGH_FIELD_NUMBER: _ClassVar[int]
    VALUE_REASON_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_BEST_FIELD_NUMBER: _ClassVar[int]
    variant: str
    control: bool
    active: bool
    decision_count: int
    share: float
    raw_mean: float
    value: float
    value_low: float
    value_high: float
    value_reason: str
    probability_best: float
    def __init__(self, variant: _Optional[str] = ..., control: bool = ..., active: bool = ..., decision_count: _Optional[int] = ..., share: _Optional[float] = ..., raw_mean: _Optional[float] = ..., value: _Optional[float] = ..., value_low: _Optional[float] = ..., value_high: _Optional[float] = ..., value_reason: _Optional[str] = ..., probability_best: _Optional[float] = ...) -> None: ...

class Check(_message.Message):
    __slots__ = ("name", "level", "value", "message", "blanks")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BLANKS_FIELD_NUMBER: _ClassVar[int]
    name: str
    level: CheckLevel
    value: float
    message: str
    blanks: bool
    def __init__(self, name: _Optional[str] = ..., level: _Optional[_Union[CheckLevel, str]] = ..., value: _Optional[float] = ..., message: _Optional[str] = ..., blanks: bool = ...) -> None: ...

class Alarm(_message.Message):
    __slots__ = ("alarm_time", "kind", "subject", "message")
    ALARM_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    alarm_time: _timestamp_pb2.Timestamp
    kind: str
    subject: str
    message: str
    def __init__(self, alarm_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., subject: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Epoch(_message.Message):
    __slots__ = ("number", "holdout", "start_time")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    number: int
    holdout: float
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., holdout: _Optional[float] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Power(_message.Message):
    __slots__ = ("units", "smallest_lift", "days_to_target", "best_share", "message")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_LIFT_FIELD_NUMBER: _ClassVar[int]
    DAYS_TO_TARGET_FIELD_NUMBER: _ClassVar[int]
    BEST_SHARE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    units: float
    smallest_lift: float
    days_to_target: float
    best_share: float
    message: str
    def __init__(self, units: _Optional[float] = ..., smallest_lift: _Optional[float] = ..., days_to_target: _Optional[float] = ..., best_share: _Optional[float] = ..., message: _Optional[str] = ...) -> None: ...

class Advice(_message.Message):
    __slots__ = ("ship", "message")
    SHIP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ship: bool
    message: str
    def __init__(self, ship: bool = ..., message: _Optional[str] = ...) -> None: ...

class Look(_message.Message):
    __slots__ = ("look_time", "goal", "estimate", "low", "high", "information", "off_policy", "off_policy_low", "off_policy_high")
    LOOK_TIME_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    INFORMATION_FIELD_NUMBER: _ClassVar[int]
    OFF_POLICY_FIELD_NUMBER: _ClassVar[int]
    OFF_POLICY_LOW_FIELD_NUMBER: _ClassVar[int]
    OFF_POLICY_HIGH_FIELD_NUMBER: _ClassVar[int]
    look_time: _timestamp_pb2.Timestamp
    goal: str
    estimate: float
    low: float
    high: float
    information: float
    off_policy: float
    off_policy_low: float
    off_policy_high: float
    def __init__(self, look_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., goal: _Optional[str] = ..., estimate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., information: _Optional[float] = ..., off_policy: _Optional[float] = ..., off_policy_low: _Optional[float] = ..., off_policy_high: _Optional[float] = ...) -> None: ...

class Traffic(_message.Message):
    __slots__ = ("start_time", "width_seconds", "audience", "value", "group", "variant", "decision_count")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    WIDTH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    DECISION_COUNT_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    width_seconds: float
    audience: str
    value: str
    group: _decision_pb2.Group
    variant: str
    decision_count: int
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., width_seconds: _Optional[float] = ..., audience: _Optional[str] = ..., value: _Optional[str] = ..., group: _Optional[_Union[_decision_pb2.Group, str]] = ..., variant: _Optional[str] = ..., decision_count: _Optional[int] = ...) -> None: ...
