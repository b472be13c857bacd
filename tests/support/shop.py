"""The small shop that tests of the engine decide in."""

from typing import Any

import numpy as np

from banditcore import DecisionEngine, parse_experiment
from banditcore.config import ExperimentSpec
from banditcore.estimators.lift.moments import Moments
from banditcore.types import Group

BASE: dict[str, Any] = {
    "control": "plain",
    "holdout": 0.2,
    "variants": ["plain", "sale", "gift"],
    "policy": {"name": "lin_ucb", "alpha": 0.5},
    "context": [{"name": "taste", "type": "vector", "size": 3}, {"name": "one", "type": "constant"}],
    "goals": [{"name": "buy", "window": "10s"}, {"name": "spend", "kind": "value", "window": "20s"}],
    "learn": "buy",
}


def spec(name: str = "shop", **change: Any) -> ExperimentSpec:
    return parse_experiment(name, {**BASE, **change})


def means(engine: DecisionEngine, *goals: str) -> list[float]:
    """Mean outcome of the policy's units, also where a report has too few of them to show it."""
    engine.report("shop")
    with engine._store.read() as reader:
        found = reader.moments(1)
    whole = [sum((found[at] for at in found if at[:1] + at[2:] == (goal, "", "", 1)), Moments()) for goal in goals]
    return [each.y / each.n for each in whole]


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1e6)


def taste(seed: int = 0) -> dict[str, Any]:
    return {"taste": np.random.default_rng(seed).standard_normal(3)}


def policy_unit(engine: DecisionEngine, group: Group = Group.POLICY) -> str:
    """A unit that falls into the group."""
    live = engine._experiments.lives["shop"]
    for number in range(1_000):
        unit = f"{group.name}-{number}"
        if (live.bucket(unit.encode()) < live.spec.holdout) == (group is Group.HOLDOUT):
            return unit
    raise AssertionError
