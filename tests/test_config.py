"""Definitions: what is accepted, and which words refuse the rest."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from banditcore.client import definition
from banditcore.config import ExperimentSpec, load_toml, parse_experiment, parse_toml
from banditcore.errors import InvalidInput

GOOD: dict[str, Any] = {
    "control": "plain",
    "holdout": 0.1,
    "variants": ["plain", {"key": "sale", "payload": "-10 %"}],
    "policy": {"name": "lin_ucb", "alpha": 0.5, "floor": 0.05},
    "context": [
        {"name": "age", "type": "numeric", "scale": 10.0},
        {"name": "country", "type": "category", "values": ["DE", "FR"]},
    ],
    "goals": [{"name": "buy", "window": "30m"}],
}
BUY: dict[str, Any] = {"name": "buy", "window": "30m"}
REVENUE: dict[str, Any] = {"name": "revenue", "kind": "value"}
RATE: dict[str, Any] = {"name": "rate", "kind": "ratio", "numerator": "buy"}
PRIMARY = {"role": "primary"}


def test_a_definition_with_its_defaults() -> None:
    spec = parse_experiment("shop", GOOD)
    assert [(variant.key, variant.payload) for variant in spec.variants] == [("plain", ""), ("sale", "-10 %")]
    assert (spec.policy.name, spec.policy.floor, spec.policy.params) == ("lin_ucb", 0.05, {"alpha": 0.5})
    assert (spec.learn, spec.salt, spec.exposure, spec.target_lift) == ("buy", "shop", "implied", 0.1)
    assert spec.learned_goal.window_s == 1_800.0


def test_a_definition_survives_its_json() -> None:
    spec = parse_experiment("shop", GOOD)
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("5s", 5), ("30m", 1800), ("1.5h", 5400), ("7d", 604800), (90, 90)]
)
def test_windows_are_durations(text: object, seconds: float) -> None:
    spec = parse_experiment("shop", {**GOOD, "goals": [{"name": "buy", "window": text}]})
    assert spec.learned_goal.window_s == seconds


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"holdout": 0}, "holdout", "greater than 0"),
        ({"holdout": 1.2}, "holdout", "less than 1"),
        ({"holdout": float("nan")}, "holdout", ""),
        ({"control": "none"}, "", "'none' is not among the variants"),
        ({"variants": ["plain"]}, "variants", "at least 2"),
        ({"variants": ["plain", "sale", "plain"]}, "variants", "'plain' is there twice"),
        ({"variants": ["plain", ""]}, "variants[1].key", "at least 1"),
        ({"holdoutt": 0.1}, "holdoutt", "did you mean 'holdout'"),
        ({"policy": {"floor": 0.1}}, "policy.name", "is required"),
        ({"policy": {"name": "lin_ucb", "floor": 2}}, "policy.floor", "less than or equal to 1"),
        ({"policy": {"name": "lin_ucb", "alpha": True}}, "policy.params.alpha", "number"),
        ({"policy": {"name": "lin_ucb", "half_life": "soon"}}, "policy", "is no duration"),
        ({"goals": []}, "goals", "at least 1"),
        ({"goals": [{"name": "buy", "window": "soon"}]}, "goals[0].window", "is no duration"),
        ({"goals": [{"name": "buy", "window": 0}]}, "goals[0].window", "greater than or equal"),
        ({"goals": [{"name": "buy", "default": 0.5}]}, "goals[0]", "must be 0 or 1"),
        ({"goals": [{"name": "buy"}, {"name": "buy"}]}, "goals", "twice"),
        ({"goals": [{"name": "buy", "kind": "rate"}]}, "goals[0].kind", "'binary', 'value' or 'ratio'"),
        ({"learn": "look"}, "", "'look' is not among the goals"),
        ({"context": [{"name": "age", "type": "number"}]}, "context[0]", "numeric"),
        ({"context": [{"name": "age", "type": "numeric", "scale": 0}]}, "context[0].scale", "greater than 0"),
        ({"context": [{"name": "c", "type": "category", "values": []}]}, "context[0].values", "at least 1"),
        ({"context": [{"name": "v", "type": "vector", "size": 0}]}, "context[0].size", "greater than or equal to 1"),
        ({"context": [{"name": "a", "type": "boolean"}, {"name": "a", "type": "boolean"}]}, "context", "twice"),
        ({"context": [{"name": "age", "type": "numeric", "unit": "y"}]}, "context[0].unit", "unknown key"),
        ({"retention": "soon"}, "retention", "is no duration"),
        (
            {"retention": "30m"},
            "",
            "retention of 1800 s ends before the longest window of a goal: make it at least 1801",
        ),
        ({"retention": float("nan")}, "retention", "less than or equal"),
        ({"retention": "40000d"}, "retention", "less than or equal"),
        ({"retenton": "90d"}, "retenton", "did you mean 'retention'"),
        ({"exposure": "maybe"}, "exposure", "'implied' or 'explicit'"),
        ({"goals": [{"name": "buy", "role": "main"}]}, "goals[0].role", "'primary', 'secondary' or 'guardrail'"),
        ({"goals": [{"name": "buy", "role": "guardrail"}]}, "", "no goal is primary"),
        ({"goals": [BUY | PRIMARY, REVENUE | PRIMARY], "learn": "buy"}, "", "buy and revenue are both primary"),
        ({"goals": [{"name": "buy", "direction": "up"}]}, "goals[0].direction", "'increase' or 'decrease'"),
        ({"goals": [{"name": "buy", "delay": "soon"}]}, "goals[0].delay", "is no duration"),
        ({"goals": [{"name": "buy", "delay": -1}]}, "goals[0].delay", "greater than or equal to 0"),
        ({"goals": [{"name": "buy", "delay": "401d"}]}, "goals[0].delay", "less than or equal"),
        ({"goals": [{"name": "buy", "cap": 10.0}]}, "goals[0]", "cap is for goals of kind value"),
        ({"goals": [REVENUE | {"cap": 0.0}]}, "goals[0].cap", "greater than 0"),
        ({"goals": [REVENUE | {"cap": "100 EUR"}]}, "goals[0].cap", "number"),
        ({"goals": [BUY | {"margin": 0.0}]}, "goals[0].margin", "greater than 0"),
        ({"goals": [BUY | {"margin": 1.0}]}, "goals[0].margin", "less than 1"),
        ({"goals": [BUY | {"baseline": 0.0}]}, "goals[0].baseline", "greater than 0"),
        ({"goals": [BUY | {"baseline": 1.0}]}, "goals[0]", "baseline of a binary goal is a share below 1"),
        ({"goals": [REVENUE | {"baseline": float("nan")}]}, "goals[0].baseline", ""),
        ({"goals": [REVENUE | {"spread": 0.0}]}, "goals[0].spread", "greater than 0"),
        ({"goals": [REVENUE | {"spread": 1_001.0}]}, "goals[0].spread", "less than or equal to 1000"),
        ({"goals": [BUY | {"covariate": "spent"}]}, "", "covariate 'spent' of buy is no numeric attribute"),
        ({"goals": [BUY | {"covariate": "country"}]}, "", "covariate 'country' of buy is no numeric attribute"),
        ({"goals": [BUY | {"numerater": "buy"}]}, "goals[0].numerater", "did you mean 'numerator'"),
        ({"goals": [BUY, {"name": "rate", "kind": "ratio"}]}, "goals[1]", "names its numerator"),
        ({"goals": [BUY | {"numerator": "buy"}]}, "goals[0]", "only a ratio, names its numerator"),
        ({"goals": [BUY, RATE | {"default": 1.0}]}, "goals[1]", "a ratio has no default"),
        ({"goals": [BUY, RATE | {"cap": 1.0}]}, "goals[1]", "cap is for goals of kind value"),
        ({"goals": [BUY, RATE], "learn": "rate"}, "", "learn 'rate' is not among the goals that take rewards"),
        ({"goals": [BUY, RATE | {"numerator": "look"}], "learn": "buy"}, "", "the parts of the ratio rate are goals"),
        ({"goals": [BUY, RATE | {"denominator": "look"}], "learn": "buy"}, "", "the parts of the ratio rate are goals"),
        ({"goals": [BUY, RATE | {"denominator": "rate"}], "learn": "buy"}, "", "the parts of the ratio rate are goals"),
        ({"goals": [BUY, RATE | {"window": "1h"}], "learn": "buy"}, "", "takes window and delay from its parts"),
        ({"goals": [BUY, RATE | {"delay": "1h"}], "learn": "buy"}, "", "takes window and delay from its parts"),
        ({"audiences": ["age"]}, "", "audience 'age' is no category or boolean attribute"),
        ({"audiences": ["shoe size"]}, "", "audience 'shoe size' is no category or boolean attribute"),
        ({"audiences": ["country", "country"]}, "audiences", "'country' is there twice"),
        ({"audiences": [f"a{i}" for i in range(11)]}, "audiences", "at most 10"),
        ({"units_per_day": 0}, "units_per_day", "greater than 0"),
        ({"units_per_day": "4,000"}, "units_per_day", "number"),
        ({"duration": "soon"}, "duration", "is no duration"),
        ({"duration": 0}, "duration", "greater than 0"),
        ({"duration": "3651d"}, "duration", "less than or equal"),
        ({"duratin": "30d"}, "duratin", "did you mean 'duration'"),
        (
            {"goals": [BUY | {"window": "1d", "delay": "2d"}], "retention": "3d"},
            "",
            "retention of 259200 s ends before the longest window of a goal: make it at least 259201",
        ),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_experiment("shop", {**GOOD, **change})
    expected = f"experiments.shop.{field}" if field else "experiments.shop"
    assert caught.value.field == expected
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_no_control_at_all() -> None:
    with pytest.raises(InvalidInput, match=r"experiments\.shop\.control: is required"):
        parse_experiment("shop", {key: value for key, value in GOOD.items() if key != "control"})


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "a b", "x" * 64])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(InvalidInput, match="lower-case"):
        parse_experiment(name, GOOD)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "declares no"),
        ("experiments = 3", "declares no"),
        ("[experiments.shop\n", "not valid TOML"),
        ("[experiment.shop]\n", "unknown key 'experiment'"),
        ("[experiments]\nshop = 1\n", "must be a table"),
    ],
)
def test_files_that_are_none(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_toml(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read .*absent\.toml"):
        load_toml(tmp_path / "absent.toml")


def test_the_example_is_valid() -> None:
    example = Path(__file__).parent.parent / "examples" / "digits.toml"
    assert [spec.name for spec in load_toml(example)] == ["digits"]


def test_a_half_life_may_be_a_duration() -> None:
    policy = parse_experiment("shop", {**GOOD, "policy": {"name": "lin_ucb", "half_life": "2d"}}).policy
    assert policy.params == {"half_life": 172_800.0}


@pytest.mark.parametrize("retention", ["1801s", "90d", "36500d", 5000.000001, 2305843010.134173])
def test_retention_survives_json_and_the_wire(retention: object) -> None:
    spec = parse_experiment("shop", {**GOOD, "retention": retention})
    assert spec.retention_s and spec != parse_experiment("shop", GOOD)
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec
    assert definition.from_message(definition.to_message(spec)) == spec


def test_all_kinds_of_parameters_survive_json_and_the_wire() -> None:
    params = {"over": "shared_linear", "gamma": 5.0, "arm_features": [[1.0, 0.5], [0.0, 2.0]], "shares": [0.5, 0.5]}
    spec = parse_experiment("shop", {**GOOD, "policy": {"name": "square_cb", **params}})
    assert spec.policy.params == params
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec
    assert definition.from_message(definition.to_message(spec)) == spec


# ---- goals with roles, ratios, what is expected


def roles(**change: Any) -> dict[str, str | None]:
    return {goal.name: goal.role for goal in parse_experiment("shop", {**GOOD, **change}).goals}


def test_the_first_goal_is_primary_unless_another_is() -> None:
    assert roles() == {"buy": "primary"}
    both = [BUY, REVENUE]
    for learned in ("buy", "revenue"):
        # What is learned may change later, and a goal may not.
        assert roles(goals=both, learn=learned) == {"buy": "primary", "revenue": "secondary"}
    assert roles(goals=[BUY, REVENUE | PRIMARY], learn="buy") == {"buy": "secondary", "revenue": "primary"}
    assert roles(goals=[BUY, RATE | PRIMARY], learn="buy") == {"buy": "secondary", "rate": "primary"}
    guarded = [BUY, REVENUE | {"role": "guardrail"}]
    assert roles(goals=guarded, learn="revenue") == {"buy": "primary", "revenue": "guardrail"}
    with pytest.raises(InvalidInput, match="no goal is primary"):
        roles(goals=guarded[::-1], learn="buy")


def test_what_is_left_out_of_a_goal() -> None:
    goal = parse_experiment("shop", GOOD).primary_goal
    assert (goal.direction, goal.delay_s, goal.margin, goal.covariate) == ("increase", 0.0, 0.02, "")
    assert (goal.cap, goal.baseline, goal.spread) == (None, None, None)


def test_a_ratio_takes_the_later_of_its_parts_times() -> None:
    goals = [
        BUY | {"window": "1d", "delay": "5d"},
        REVENUE | {"window": "3d", "delay": "1d"},
        {"name": "basket", "kind": "ratio", "numerator": "revenue", "denominator": "buy"},
        {"name": "session", "kind": "ratio", "numerator": "revenue"},
    ]
    spec = parse_experiment("shop", {**GOOD, "goals": goals, "learn": "buy"})
    basket, session = spec.goals[2:]
    assert (basket.window_s, basket.delay_s, basket.closes_s) == (3 * 86_400.0, 3 * 86_400.0, 6 * 86_400.0)
    assert (session.window_s, session.delay_s) == (3 * 86_400.0, 86_400.0)
    assert session.denominator == "decisions"


def test_what_is_expected() -> None:
    spec = parse_experiment("shop", {**GOOD, "units_per_day": 4_000, "duration": "6d", "audiences": ["country"]})
    assert (spec.units_per_day, spec.duration_s, spec.audiences) == (4_000.0, 6 * 86_400.0, ("country",))


# ---- definitions that were stored before these fields

STORED = """{"name":"shop","control":"plain","holdout":0.1,"variants":[{"key":"plain","payload":""},
{"key":"sale","payload":"-10 %"}],"policy":{"name":"lin_ucb","floor":0.05,"params":{"alpha":0.5}},
"goals":[{"name":"buy","kind":"binary","window_s":1800.0,"default":0.0},
{"name":"revenue","kind":"value","window_s":86400.0,"default":0.0}],
"context":[{"type":"numeric","name":"age","center":0.0,"scale":10.0}],"learn":"buy","exposure":"implied","salt":"shop",
"target_lift":0.1,"retention_s":7776000.0}"""
TOML = """
[experiments.shop]
control = "plain"
holdout = 0.1
variants = ["plain", { key = "sale", payload = "-10 %" }]
policy = { name = "lin_ucb", alpha = 0.5, floor = 0.05 }
context = [{ name = "age", type = "numeric", scale = 10.0 }]
learn = "buy"
goals = [{ name = "buy", window = "30m" }, { name = "revenue", kind = "value" }]
retention = "90d"
"""


def test_a_definition_of_an_earlier_release_is_that_of_its_file() -> None:
    stored = ExperimentSpec.model_validate_json(STORED)
    assert [stored] == parse_toml(TOML)
    assert [goal.role for goal in stored.goals] == ["primary", "secondary"]
    assert ExperimentSpec.model_validate_json(stored.model_dump_json()) == stored
    with pytest.raises(ValidationError):
        ExperimentSpec.model_validate_json(STORED.replace('"default":0.0', '"default":0.5'))
