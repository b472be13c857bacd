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


class GoalSpec(_Spec):
    """A named KPI. `window_s` seconds after its decision a missing reward becomes `default`."""

    name: Name
    kind: Literal["binary", "value"] = "binary"
    window_s: Annotated[
        Number,
        BeforeValidator(_seconds),
        Field(ge=0.001, le=400 * 86_400.0, validation_alias=AliasChoices("window", "window_s")),
    ] = 86_400.0
    default: Finite = 0.0

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.kind == "binary" and self.default not in (0.0, 1.0):
            raise PydanticCustomError("goal_default", "default of a binary goal must be 0 or 1")
        return self


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
        if self.learn not in [goal.name for goal in self.goals]:
            raise PydanticCustomError(
                "learn", "learn {goal} is not among the goals: name one of them", {"goal": repr(self.learn)}
            )
        longest = max(goal.window_s for goal in self.goals)
        if self.retention_s is not None and not self.retention_s >= longest + RETENTION_MARGIN_S:
            raise PydanticCustomError(
                "retention",
                "retention of {found} s ends before the longest window of a goal: make it at least {least} s",
                {"found": f"{self.retention_s:.15g}", "least": f"{longest + RETENTION_MARGIN_S:.15g}"},
            )
        if not self.salt:
            object.__setattr__(self, "salt", self.name)
        return self

    def goal(self, name: str) -> GoalSpec | None:
        """The goal of that name, or None."""
        return next((goal for goal in self.goals if goal.name == name), None)

    @property
    def learned_goal(self) -> GoalSpec:
        return next(goal for goal in self.goals if goal.name == self.learn)


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
    known = {field for spec in _Spec.__subclasses__() for field in spec.model_fields} | {"window", "retention"}
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ": remove it"
