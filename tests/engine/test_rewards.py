"""Rewards: once, in time, and by the definition the decision was made under."""

import math
from typing import Any

import pytest
from shop import BASE, Clock, means, policy_unit, spec, taste

from banditcore import DecisionEngine, MemoryStore
from banditcore.errors import Conflict, InvalidInput, NotAllowedNow, NotFound
from banditcore.types import Reward


def test_a_reward_counts_once(engine: DecisionEngine) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    assert engine.reward(decision.id, "buy", 1.0).resolved
    again = engine.reward(decision.id, "buy", 1.0)
    assert again.duplicate and not again.resolved
    with pytest.raises(Conflict, match=r"already rewarded with 1\.0"):
        engine.reward(decision.id, "buy", 0.0)
    assert engine.catch_up() == 1
    assert engine.catch_up() == 0


def test_a_further_reward_is_kept_but_teaches_nothing(engine: DecisionEngine, clock: Clock) -> None:
    unit = policy_unit(engine)
    decision = engine.decide("shop", unit, taste())
    for key, value in (("order-1", 30.0), ("order-2", 12.0)):
        assert not engine.reward(decision.id, "spend", value, key).resolved, "spend is not the learned goal"
    engine.reward(decision.id, "buy", 1.0, "order-1")
    assert not engine.reward(decision.id, "buy", 1.0, "order-2").resolved
    assert engine.catch_up() == 1
    clock.advance(30)
    assert means(engine, "buy", "spend") == [1.0, 42.0]


def test_a_late_reward_is_kept_and_counts_nowhere(engine: DecisionEngine, clock: Clock) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    clock.advance(10.5)
    for _ in range(2):
        with pytest.raises(NotAllowedNow, match="window of buy"):
            engine.reward(decision.id, "buy", 1.0)
    clock.advance(10)
    assert engine.catch_up() == 1, "the window's close resolved it"
    assert means(engine, "buy") == [0.0]
    shown = engine.report("shop").goals[0].policy
    assert shown.matured_units == 1 and math.isnan(shown.mean), "no figure before there is enough"
    with engine._store.read() as reader:
        (kept,) = reader.rewards(1, [bytes.fromhex(decision.id)])
        assert (kept.value, kept.late) == (1.0, 1)


def test_a_window_closes_with_the_default(engine: DecisionEngine, clock: Clock) -> None:
    unit = policy_unit(engine)
    decisions = [engine.decide("shop", unit, taste(n)) for n in range(5)]
    engine.reward(decisions[2].id, "buy", 1.0)
    assert engine.catch_up() == 1
    clock.advance(5)
    assert engine.catch_up() == 0
    clock.advance(7)
    assert engine.catch_up() == 4
    clock.advance(100)
    assert engine.catch_up() == 0
    with engine._store.read() as reader:
        assert reader.lessons(1, 0, 10).values == (1.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("goal", "value", "field", "words"),
    [
        ("buy", math.nan, "value", "finite"),
        ("buy", math.inf, "value", "finite"),
        ("buy", 0.5, "value", "must be 0 or 1"),
        ("spend", 1e300, "value", "at most"),
        ("look", 1.0, "goal", "it has buy, spend"),
        ("", 1.0, "goal", "1 to 256"),
    ],
)
def test_rewards_are_checked(engine: DecisionEngine, goal: str, value: float, field: str, words: str) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    with pytest.raises(InvalidInput, match=words) as caught:
        engine.reward(decision.id, goal, value)
    assert caught.value.field == field
    with engine._store.read() as reader:
        assert reader.rewards(1, [bytes.fromhex(decision.id)]) == []


def test_a_bad_reward_does_not_harm_its_neighbours(engine: DecisionEngine) -> None:
    good = [engine.decide("shop", policy_unit(engine), taste(n)).id for n in range(2)]
    results = engine.submit_rewards(
        [
            Reward(good[0], "buy", 1.0),
            Reward("ff" * 24, "buy", 1.0),
            Reward(good[1], "buy", math.nan),
            Reward(good[1], "buy", 1.0),
        ]
    ).result()
    assert [type(result.error) for result in results] == [type(None), NotFound, InvalidInput, type(None)]
    assert engine.catch_up() == 2


def test_an_explicit_exposure_is_what_makes_a_decision_count(clock: Clock) -> None:
    with DecisionEngine(MemoryStore(), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec(exposure="explicit", holdout=0.0001))
        shown, early, never = (engine.decide("shop", unit, taste()) for unit in ("a", "b", "c"))
        assert engine.expose(shown.id) is False
        assert engine.expose(shown.id) is True
        assert engine.reward(shown.id, "buy", 1.0).resolved
        assert not engine.reward(early.id, "buy", 1.0).resolved, "it is not known to have been shown"
        assert not engine.reward(never.id, "buy", 1.0).resolved
        assert engine.catch_up() == 1
        engine.expose(early.id)
        assert engine.catch_up() == 1
        clock.advance(60)
        assert engine.catch_up() == 0, "what was never shown teaches nothing"
        goal = engine.report("shop").goals[0]
        assert (goal.policy.units, goal.policy.matured_units) == (3, 2)
        with pytest.raises(NotAllowedNow, match="closed"):
            engine.expose(never.id)


def test_a_window_that_closed_unexposed_stays_closed_when_time_starts_anew_earlier(clock: Clock) -> None:
    store = MemoryStore()
    with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
        engine.apply(spec(exposure="explicit", holdout=0.0001))
        decision = engine.decide("shop", "a", taste())
        clock.advance(60)
        engine.catch_up()
        # The next process may start at the time of the latest decision, which is before the windows closed.
        clock.advance(-59)
        with pytest.raises(NotAllowedNow, match="has closed"):
            engine.expose(decision.id)
        with pytest.raises(NotAllowedNow, match="has closed"):
            engine.reward(decision.id, "buy", 1.0)
        with store.read() as reader:
            assert [row.open for row in reader.streams()] == [0]


def test_a_goal_added_later_counts_later_decisions_only(engine: DecisionEngine, clock: Clock) -> None:
    unit = policy_unit(engine)
    engine.decide("shop", unit, taste())
    engine.apply(spec(goals=[*BASE["goals"], {"name": "look", "window": "10s"}]))
    clock.advance(1)
    engine.reward(engine.decide("shop", f"{unit}-late", taste()).id, "look", 1.0)
    clock.advance(60)
    look = engine.report("shop").goals[2]
    assert (look.policy.matured_units + look.holdout.matured_units) == 1


def test_a_clock_set_ahead_for_a_moment_closes_no_later_window(engine: DecisionEngine, clock: Clock) -> None:
    clock.advance(3_600)
    first = engine.decide("shop", policy_unit(engine), taste())
    clock.advance(60)
    assert engine.report("shop").goals[0].policy.matured_units == 1
    clock.advance(-50)
    later = engine.decide("shop", f"{policy_unit(engine)}-late", taste())
    assert later.id > first.id
    engine.reward(later.id, "buy", 1.0)
    clock.advance(100)
    goal = engine.report("shop").goals[0]
    assert goal.policy.converted_units + goal.holdout.converted_units == 1
    assert goal.policy.matured_units + goal.holdout.matured_units == 2


def test_a_clock_set_ahead_for_a_moment_hides_no_later_decision(engine: DecisionEngine, clock: Clock) -> None:
    unit = policy_unit(engine)
    engine.decide("shop", unit, taste())
    clock.advance(3_600)
    assert engine.catch_up() == 1
    clock.advance(-3_600 + 1)
    for _ in range(3):
        engine.decide("shop", unit, taste())
    clock.advance(30)
    assert engine.catch_up() == 3


@pytest.mark.parametrize("value", ["1", None, True])
def test_a_reward_is_a_number(engine: DecisionEngine, value: Any) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    with pytest.raises(InvalidInput, match="value must be a number"):
        engine.reward(decision.id, "buy", value)
