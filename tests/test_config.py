"""Definitions: what is accepted, and which words refuse the rest."""

from pathlib import Path
from typing import Any

import pytest

from banditcore.client import definition
from banditcore.config import load_toml, parse_experiment, parse_toml
from banditcore.errors import InvalidInput

GOOD: dict[str, Any] = {
    "control": "plain",
    "holdout": 0.1,
    "variants": ["plain", {"key": "sale", "payload": "-10 %"}],
    "policy": {"name": "lin_ucb", "alpha": 0.5, "floor": 0.05},
    "context": [{"name": "age", "type": "numeric", "scale": 10.0}],
    "goals": [{"name": "buy", "window": "30m"}],
}


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
        ({"goals": [{"name": "buy", "kind": "ratio"}]}, "goals[0].kind", "'binary' or 'value'"),
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


@pytest.mark.parametrize("retention", ["1801s", "90d", "36500d", 5000.000001])
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
