"""A log of a million customers, counted, as a server would have left it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from banditcore import DecisionEngine, SqliteStore, parse_experiment
from banditcore.config import ExperimentSpec
from banditcore.types import DecisionBatch, Reward

NAME = "shop"
BATCH = 10_000
FEATURES = 20
RETURNING = 0.25
"""Share of decisions for customers that came before."""


def shop() -> ExperimentSpec:
    """Ten variants, twenty features, an audience, and three goals: a conversion, a capped revenue, a ratio."""
    return parse_experiment(
        NAME,
        {
            "control": "plain",
            "holdout": 0.1,
            "variants": [*(f"banner-{number}" for number in range(9)), "plain"],
            "policy": "lin_ucb",
            "context": [
                {"name": "device", "type": "category", "values": ["phone", "desk"]},
                {"name": "taste", "type": "vector", "size": 15},
                {"name": "one", "type": "constant"},
            ],
            "audiences": ["device"],
            "goals": [
                {"name": "buy", "window": "5s"},
                {"name": "spend", "kind": "value", "window": "5s", "cap": 200.0},
                {"name": "basket", "kind": "ratio", "numerator": "spend", "denominator": "buy", "role": "guardrail"},
            ],
            "learn": "buy",
        },
    )


def fill(directory: Path, units: int) -> tuple[float, int]:
    """Decides and rewards until so many units have come; returns the seconds that counting took, and the decisions."""
    ahead, chance = [0], np.random.default_rng(7)

    def clock() -> int:
        return time.time_ns() // 1000 + ahead[0]

    with DecisionEngine(SqliteStore(directory), clock=clock, learn_in_background=False) as engine:
        engine.apply(shop())
        fresh = decisions = 0
        while fresh < units:
            new = min(int(BATCH * (1 - RETURNING)), units - fresh)
            numbers = [*range(fresh, fresh + new), *chance.integers(0, max(fresh, 1), BATCH - new).tolist()]
            fresh, decisions = fresh + new, decisions + BATCH
            batch = engine.decide_batch(NAME, [f"customer-{number}" for number in numbers], _contexts(chance))
            engine.submit_rewards(_rewards(batch, chance)).result()
        engine._learner.step()
        ahead[0] = 60_000_000
        started = time.perf_counter()
        engine.catch_up()
        return time.perf_counter() - started, decisions


def _contexts(chance: np.random.Generator) -> np.ndarray:
    contexts = chance.standard_normal((BATCH, FEATURES))
    contexts[:, :4] = 0.0
    contexts[np.arange(BATCH), chance.integers(0, 2, BATCH)] = 1.0
    contexts[:, -1] = 1.0
    return contexts


def _rewards(batch: DecisionBatch, chance: np.random.Generator) -> list[Reward]:
    ids, found = batch.ids.hex(), []
    for row in np.flatnonzero(chance.random(BATCH) < 0.05 + 0.01 * (batch.arms == 2)):
        decision = ids[48 * row : 48 * row + 48]
        found += [Reward(decision, "buy", 1.0), Reward(decision, "spend", float(chance.lognormal(3.0, 1.0)))]
    return found
