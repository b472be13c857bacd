"""What an operator is told moves with what happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shop import Clock, policy_unit, taste

from banditcore import DecisionEngine
from banditcore.types import ExperimentHealth, Group


def shop(engine: DecisionEngine) -> ExperimentHealth:
    found = {experiment.name: experiment for experiment in engine.health().experiments}
    return found["shop"]


def test_open_decisions_and_lag(engine: DecisionEngine, clock: Clock) -> None:
    assert shop(engine) == ExperimentHealth("shop", 0, 0, 0.0, 0, 0)
    unit, held_out = policy_unit(engine), policy_unit(engine, Group.HOLDOUT)
    decisions = [engine.decide("shop", unit, taste(n)).id for n in range(3)]
    engine.decide("shop", held_out, taste())
    assert (shop(engine).open_decisions, shop(engine).lag_events) == (3, 0)
    engine.reward(decisions[0], "buy", 1.0)
    clock.advance(4)
    engine.reward(decisions[1], "buy", 0.0)
    engine.reward(decisions[1], "spend", 20.0)
    clock.advance(2)
    assert shop(engine) == ExperimentHealth("shop", 0, 2, 6.0, 1, 0)
    engine.catch_up()
    caught_up = shop(engine)
    assert (caught_up.lag_events, caught_up.lag_s, caught_up.open_decisions) == (0, 0.0, 1)
    assert caught_up.position > 0
    clock.advance(20)
    engine.catch_up()
    assert shop(engine).open_decisions == 0, "a window that has closed leaves nothing open"


def test_decisions_that_the_policy_failed_to_make(engine: DecisionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = policy_unit(engine)
    kind = type(engine.model("shop"))

    def fail(self: Any, contexts: Any, mask: Any, out: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(kind, "_propensities_into", fail)
    engine.decide("shop", unit, taste(), request_id="once")
    engine.decide("shop", unit, taste(), request_id="once")
    assert shop(engine).degraded == 1, "an answer given again is the same decision"
    engine.decide_batch("shop", [unit] * 5, np.zeros((5, 4)), request_id="twice")
    engine.decide_batch("shop", [unit] * 5, np.zeros((5, 4)), request_id="twice")
    assert (shop(engine).degraded, shop(engine).open_decisions) == (6, 0)
    monkeypatch.undo()
    engine.decide("shop", unit, taste())
    assert shop(engine).degraded == 6


def test_of_a_store_that_is_away_it_is_known_that_it_is(engine: DecisionEngine) -> None:
    assert engine.health().store.up
    engine.close()
    health = engine.health()
    assert (health.store.up, health.experiments) == (False, ())
