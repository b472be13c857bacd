"""What an owner is told on applying a definition."""

from typing import Any

import pytest

from banditcore.config import parse_experiment
from banditcore.findings import Power
from banditcore.planning import missing, sentence

PLAIN: dict[str, Any] = {"control": "a", "holdout": 0.1, "variants": ["a", "b"], "policy": "uniform"}
TIME = {"units_per_day": 100.0, "duration": "30d"}


@pytest.mark.parametrize(
    ("goal", "more", "fields"),
    [
        ({"kind": "binary"}, {}, ["units_per_day", "duration", "baseline of goal buy"]),
        ({"kind": "value"}, TIME, ["baseline of goal buy", "spread of goal buy"]),
        ({"kind": "value", "baseline": 3.0}, TIME, ["spread of goal buy"]),
        ({"kind": "binary", "baseline": 0.1}, {"units_per_day": 100.0}, ["duration"]),
        ({"kind": "binary", "baseline": 0.1}, TIME, []),
    ],
)
def test_the_missing_fields_are_named(goal: dict[str, Any], more: dict[str, Any], fields: list[str]) -> None:
    spec = parse_experiment("shop", {**PLAIN, **more, "goals": [{"name": "buy", **goal}]})
    assert missing(spec) == fields
    words = sentence(spec, None)
    assert all(field in words for field in fields)
    assert words.startswith("To learn what the holdout of 0.1 can show, add ") == bool(fields)


def test_it_is_the_primary_goal_that_is_planned_for() -> None:
    goals = [{"name": "click", "baseline": 0.2}, {"name": "revenue", "kind": "value", "role": "primary"}]
    spec = parse_experiment("shop", {**PLAIN, **TIME, "goals": goals, "learn": "click"})
    assert missing(spec) == ["baseline of goal revenue", "spread of goal revenue"]


def test_a_plan_speaks_for_itself() -> None:
    spec = parse_experiment("shop", {**PLAIN, "goals": [{"name": "buy"}]})
    assert sentence(spec, Power(3_000.0, 0.1, 12.0, 0.5, "It shows 10 %.")) == "It shows 10 %."
