"""Experiment definitions: TOML or plain dictionaries in, checked frozen data out; unknown keys are errors."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from banditcore.errors import InvalidInput

MAX_VARIANTS = 10_000
MAX_FEATURES = 4_096
MAX_AUDIENCE_VALUES = 50
_NAME = r"^[a-z][a-z0-9_-]{0,62}$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_BRANCHES = ("numeric", "category", "boolean", "vector", "constant", "float", "list[float]")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")

RETENTION_MARGIN_S = 1.0
"""Retention is longer than every window by this much at least: so much later a window's close may be written."""
MAX_REWARD = 1e12
"""Largest |reward|: squares of larger ones would lose the small ones of other decisions."""
Number = Annotated[float, Strict()]
Finite = Annotated[float, Strict(), Field(ge=-MAX_REWARD, le=MAX_REWARD)]
Positive = Annotated[float, Strict(), Field(gt=0, le=MAX_REWARD)]
Parameter = Number | Annotated[str, Strict(), Field(max_length=200)] | list[Number] | list[list[Number]]
"""Of a policy: a number, a word, a number an arm, or a row of numbers an arm."""
Name = Annotated[str, Field(pattern=_NAME)]
Key = Annotated[str, Field(min_length=1, max_length=200)]


def _seconds(value: object) -> object:
    """Turns "30m" into 1800.0; numbers are seconds already."""
    if not isinstance(value, str):
        # Microseconds, which survive every way of writing a definition down.
        return round(value, 6) if isinstance(value, float) else value
    match = _DURATION.match(value.strip())
    if match is None:
        raise PydanticCustomError("duration", "is no duration: write a number and ms, s, m, h or d, such as '30m'")
    return round(float(match[1]) * _UNITS[match[2]], 6)


def _half_life(value: str) -> object:
    try:
        return _seconds(value)
    except PydanticCustomError as error:
        raise PydanticCustomError("duration", "half_life {words}", {"words": error.message()}) from None


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class VariantSpec(_Spec):
    """One variant: its key, and an opaque payload that decisions hand back."""

    key: Key
    payload: Annotated[str, Field(max_length=65_536)] = ""


class NumericSpec(_Spec):
    """A number; encoded as (value - center) / scale and, beside it, 1 when it is missing."""

    type: Literal["numeric"]
    name: Key
    center: Finite = 0.0
    scale: Positive = 1.0


class CategorySpec(_Spec):
    """One of some words; encoded one-hot over the values, "other" and "missing"."""

    type: Literal["category"]
    name: Key
    values: Annotated[tuple[Key, ...], Field(min_length=1, max_length=1_000)]

    @field_validator("values")
    @classmethod
    def _distinct(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return _unique(values)


class BooleanSpec(_Spec):
    """True or false; encoded as 1 when true and, beside it, 1 when it is missing."""

    type: Literal["boolean"]
    name: Key


class VectorSpec(_Spec):
    """A raw vector of `size` numbers, each divided by `scale`; required on every request."""

    type: Literal["vector"]
    name: Key
    size: Annotated[int, Field(ge=1, le=MAX_FEATURES)]
    scale: Positive = 1.0


class ConstantSpec(_Spec):
    """A column of ones: the intercept, which no policy adds by itself."""

    type: Literal["constant"]
    name: Key = "constant"


AttributeSpec = Annotated[
    NumericSpec | CategorySpec | BooleanSpec | VectorSpec | ConstantSpec, Field(discriminator="type")
]


Duration = Annotated[Number, BeforeValidator(_seconds), Field(ge=0, le=400 * 86_400.0)]
PER_DECISION = "decisions"
"""As the denominator of a ratio: the decisions of a unit, such as its sessions."""


class GoalSpec(_Spec):
    """A named KPI. `window_s` seconds after its decision a missing reward becomes `default`."""

    name: Name
    kind: Literal["binary", "value", "ratio"] = "binary"
    role: Literal["primary", "secondary", "guardrail"] | None = None
    """The primary goal answers the question; by default it is the first one, and the others are secondary."""
    direction: Literal["increase", "decrease"] = "increase"
    """Which way is good."""
    window_s: Annotated[Duration, Field(ge=0.001, validation_alias=AliasChoices("window", "window_s"))] = 86_400.0
    delay_s: Annotated[Duration, Field(validation_alias=AliasChoices("delay", "delay_s"))] = 0.0
    """How long after the window imported rewards may still arrive; units count only then."""
    default: Finite = 0.0
    cap: Positive | None = None
    """Of a value goal: a unit's outcome counts up to this much. Fixed before the start: no result chooses it."""
    numerator: str = ""
    """Of a ratio: the goal that is summed above the line; below it `denominator`, or a unit's decisions."""
    denominator: str = PER_DECISION
    covariate: str = ""
    """A numeric attribute of the context, such as last year's spending, whose value at a unit's first decision explains
    part of the outcome (CUPED)."""
    margin: Annotated[Number, Field(gt=0, lt=1)] = 0.02
    """Of a guardrail: the relative harm that is still acceptable when the policy is shipped."""
    baseline: Positive | None = None
    """For planning: mean outcome of a unit under control."""
    spread: Annotated[Positive, Field(le=1_000)] | None = None
    """For planning, of a value or ratio: standard deviation of a unit's outcome, over its mean."""

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.kind == "binary" and self.default not in (0.0, 1.0):
            raise PydanticCustomError("goal_default", "default of a binary goal must be 0 or 1")
        return self

    @model_validator(mode="after")
    def _kind_fits(self) -> Self:
        if (self.kind == "ratio") != bool(self.numerator):
            raise PydanticCustomError("goal_ratio", "a ratio, and only a ratio, names its numerator: a goal")
        if self.kind != "value" and self.cap is not None:
            raise PydanticCustomError("goal_cap", "cap is for goals of kind value")
        if self.kind == "ratio" and self.default:
            raise PydanticCustomError("goal_ratio", "a ratio has no default: its parts have")
        if self.kind == "binary" and self.baseline is not None and self.baseline >= 1:
            raise PydanticCustomError("goal_baseline", "baseline of a binary goal is a share below 1")
        return self

    @property
    def closes_s(self) -> float:
        """Seconds after a decision when its outcome is final."""
        return self.window_s + self.delay_s


class PolicySpec(_Spec):
    """Name and parameters of a policy; parameters may stand beside `name` or under `params`."""

    name: str
    floor: Annotated[Number, Field(ge=0, le=1)] = 0.02
    params: dict[str, Parameter] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"name": data}
        if not isinstance(data, Mapping):
            return data
        own = {key: data[key] for key in data if key in cls.model_fields}
        loose = {key: data[key] for key in data if key not in cls.model_fields}
        given = own.get("params", {})
        if not isinstance(given, Mapping):
            return data
        params = {**given, **loose}
        if isinstance(params.get("half_life"), str):
            params["half_life"] = _half_life(params["half_life"])
        return {**own, "params": params}


class ExperimentSpec(_Spec):
    """A place to personalise, as its owner declares it."""

    name: Name
    control: Key
    holdout: Annotated[Number, Field(gt=0, lt=1)]
    """Share of units that always get the control variant."""
    variants: Annotated[tuple[VariantSpec, ...], Field(min_length=2, max_length=MAX_VARIANTS)]
    policy: PolicySpec
    goals: Annotated[tuple[GoalSpec, ...], Field(min_length=1, max_length=100)]
    context: Annotated[tuple[AttributeSpec, ...], Field(max_length=MAX_FEATURES)] = ()
    learn: str = ""
    """The goal the policy learns from; may be left out when there is only one."""
    exposure: Literal["implied", "explicit"] = "implied"
    """"implied": a decision counts as shown. "explicit": only RecordExposure makes it count and teach."""
    salt: Annotated[str, Field(max_length=200)] = ""
    """Keys the holdout and the draws; by default the name, so the file alone fixes who is held out."""
    target_lift: Annotated[Number, Field(ge=0.001, le=100)] = 0.10
    """Relative lift the experiment wants to detect; tunes where the interval is tightest, never its validity."""
    audiences: Annotated[tuple[Key, ...], Field(max_length=10)] = ()
    """Category and boolean attributes by which the report splits units, as they were at a unit's first decision."""
    units_per_day: Positive | None = None
    """For planning: new units a day."""
    duration_s: Annotated[
        Annotated[Number, Field(gt=0, le=3_650 * 86_400.0)] | None,
        BeforeValidator(_seconds),
        Field(validation_alias=AliasChoices("duration", "duration_s")),
    ] = None
    """For planning: how long the experiment is to run."""
    retention_s: Annotated[
        Annotated[Number, Field(le=36_500 * 86_400.0)] | None,
        BeforeValidator(_seconds),
        Field(validation_alias=AliasChoices("retention", "retention_s")),
    ] = None
    """Seconds that decisions are kept, with all that belongs to them; None: for good."""

    @field_validator("variants", mode="before")
    @classmethod
    def _short_variants(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [{"key": item} if isinstance(item, str) else item for item in value]

    @field_validator("variants")
    @classmethod
    def _unique_variants(cls, value: tuple[VariantSpec, ...]) -> tuple[VariantSpec, ...]:
        _unique(variant.key for variant in value)
        return value

    @field_validator("goals")
    @classmethod
    def _unique_goals(cls, value: tuple[GoalSpec, ...]) -> tuple[GoalSpec, ...]:
        _unique(goal.name for goal in value)
        return value

    @field_validator("context")
    @classmethod
    def _unique_context(cls, value: tuple[AttributeSpec, ...]) -> tuple[AttributeSpec, ...]:
        _unique(attribute.name for attribute in value)
        return value

    @field_validator("audiences")
    @classmethod
    def _unique_audiences(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _unique(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        keys = [variant.key for variant in self.variants]
        if self.control not in keys:
            raise PydanticCustomError(
                "control", "control {key} is not among the variants: name one of them", {"key": repr(self.control)}
            )
        if not self.learn and len(self.goals) > 1:
            raise PydanticCustomError("learn", "learn is required with several goals: name the one to learn from")
        if not self.learn:
            object.__setattr__(self, "learn", self.goals[0].name)
        learned = self.goal(self.learn)
        if learned is None or learned.kind == "ratio":
            raise PydanticCustomError(
                "learn", "learn {goal} is not among the goals that take rewards: name one", {"goal": repr(self.learn)}
            )
        self._give_roles()
        self._check_parts()
        longest = max(goal.closes_s for goal in self.goals)
        if self.retention_s is not None and not self.retention_s >= longest + RETENTION_MARGIN_S:
            raise PydanticCustomError(
                "retention",
                "retention of {found} s ends before the longest window of a goal: make it at least {least} s",
                {"found": f"{self.retention_s:.15g}", "least": f"{longest + RETENTION_MARGIN_S:.15g}"},
            )
        if not self.salt:
            object.__setattr__(self, "salt", self.name)
        return self

    def _give_roles(self) -> None:
        primary = [goal.name for goal in self.goals if goal.role == "primary"]
        if len(primary) > 1:
            words = "{first} and {second} are both primary: one goal decides, make the other secondary"
            raise PydanticCustomError("role", words, {"first": primary[0], "second": primary[1]})
        for index, goal in enumerate(self.goals):
            if goal.role is None:
                object.__setattr__(goal, "role", "secondary" if primary or index else "primary")
        if not any(goal.role == "primary" for goal in self.goals):
            raise PydanticCustomError("role", "no goal is primary: one has to decide")

    def _check_parts(self) -> None:
        """What goals and audiences refer to is there; a ratio gets the later of its parts' windows."""
        kinds = {attribute.name: attribute.type for attribute in self.context}
        for goal in self.goals:
            if goal.covariate and kinds.get(goal.covariate) != "numeric":
                words = "covariate {name} of {goal} is no numeric attribute of the context"
                raise PydanticCustomError("covariate", words, {"name": repr(goal.covariate), "goal": goal.name})
            if goal.kind == "ratio":
                self._check_ratio(goal)
        for name in self.audiences:
            if kinds.get(name) not in ("category", "boolean"):
                words = "audience {name} is no category or boolean attribute of the context"
                raise PydanticCustomError("audience", words, {"name": repr(name)})
        for attribute in self.context:
            if attribute.name in self.audiences and len(getattr(attribute, "values", ())) > MAX_AUDIENCE_VALUES:
                words = "audience {name} has more than {most} values: declare a coarser attribute to split by"
                found = {"name": repr(attribute.name), "most": MAX_AUDIENCE_VALUES}
                raise PydanticCustomError("audience", words, found)

    def _check_ratio(self, goal: GoalSpec) -> None:
        parts = [goal.numerator] + ([goal.denominator] if goal.denominator != PER_DECISION else [])
        found = [part for name in parts if (part := self.goal(name)) is not None and part.kind != "ratio"]
        if len(found) < len(parts):
            words = "the parts of the ratio {goal} are goals that take rewards, or decisions below the line"
            raise PydanticCustomError("ratio", words, {"goal": goal.name})
        window_s = max(part.window_s for part in found)
        times = {"window_s": window_s, "delay_s": round(max(part.closes_s for part in found) - window_s, 6)}
        for field, seconds in times.items():
            if field in goal.model_fields_set and getattr(goal, field) != seconds:
                words = "the ratio {goal} takes window and delay from its parts: leave them out"
                raise PydanticCustomError("ratio", words, {"goal": goal.name})
            object.__setattr__(goal, field, seconds)

    def goal(self, name: str) -> GoalSpec | None:
        """The goal of that name, or None."""
        return next((goal for goal in self.goals if goal.name == name), None)

    @property
    def learned_goal(self) -> GoalSpec:
        return next(goal for goal in self.goals if goal.name == self.learn)

    @property
    def primary_goal(self) -> GoalSpec:
        return next(goal for goal in self.goals if goal.role == "primary")


def parse_experiment(name: str, data: Mapping[str, Any]) -> ExperimentSpec:
    """Checks one definition. Raises InvalidInput that names the first offending field."""
    try:
        return ExperimentSpec.model_validate({**data, "name": name})
    except ValidationError as error:
        raise _invalid(error.errors()[0], prefix=f"experiments.{name}") from None


def load_toml(path: Path | str) -> list[ExperimentSpec]:
    """Reads every `[experiments.NAME]` of one TOML file. Raises InvalidInput, naming file and field."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", field="file") from None
    return parse_toml(text, origin=str(path))


def parse_toml(text: str, *, origin: str = "toml") -> list[ExperimentSpec]:
    """As `load_toml`, from text."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{origin} is not valid TOML: {error}", field="file") from None
    unknown = sorted(set(document) - {"experiments"})
    if unknown:
        raise InvalidInput(
            f"{origin}: unknown key {unknown[0]!r}: experiments stand under [experiments.NAME]", field=unknown[0]
        )
    experiments = document.get("experiments")
    if not isinstance(experiments, dict) or not experiments:
        raise InvalidInput(f"{origin} declares no [experiments.NAME]", field="experiments")
    for name, data in experiments.items():
        if not isinstance(data, dict):
            raise InvalidInput(f"{origin}: experiments.{name} must be a table", field=f"experiments.{name}")
    return [parse_experiment(name, data) for name, data in experiments.items()]


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    for value in (found := tuple(values)):
        if value in seen:
            words = "{value} is there twice: each must be different"
            raise PydanticCustomError("duplicate", words, {"value": repr(value)})
        seen.add(value)
    return found


def _invalid(error: ErrorDetails, *, prefix: str) -> InvalidInput:
    path = prefix
    for step in error["loc"]:
        # The branch of a union shows up as a step of its own; it is no part of the user's path.
        if step in _BRANCHES:
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return InvalidInput(f"{path}: {_words(error)}", field=path)


def _words(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key{_nearest(str(error['loc'][-1]))}"
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "string_pattern_mismatch":
        return "must be lower-case letters, digits, '-' and '_', start with a letter, 63 at most"
    message = error["msg"]
    shown = error.get("input")
    if isinstance(shown, str | int | float) and not (isinstance(shown, float) and math.isnan(shown)):
        return f"{message[0].lower()}{message[1:]} (found {str(shown)[:80]!r})"
    return f"{message[0].lower()}{message[1:]}"


def _nearest(key: str) -> str:
    known = {field for spec in _Spec.__subclasses__() for field in spec.model_fields} | {
        "window",
        "delay",
        "retention",
        "duration",
    }
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ": remove it"
