"""Two servers on one PostgreSQL: either takes any call, one log, one model."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from shop import Clock, policy_unit, spec, taste

from banditcore import DecisionEngine
from banditcore.audit import audit
from banditcore.errors import Conflict
from banditcore.experiments import prior
from banditcore.learner import Behind, Fold, digest
from banditcore.recompute import live_versions
from banditcore.storage.postgres import PostgresStore


@pytest.fixture
def pair(postgres_url: str, clock: Clock) -> Iterator[tuple[DecisionEngine, DecisionEngine]]:
    with (
        DecisionEngine(PostgresStore(postgres_url), clock=clock, learn_in_background=False) as one,
        DecisionEngine(PostgresStore(postgres_url), clock=clock, learn_in_background=False) as other,
    ):
        one.apply(spec())
        other.catch_up()
        yield one, other


Pair = tuple[DecisionEngine, DecisionEngine]


def check(engine: DecisionEngine) -> None:
    with engine._store.read() as reader:
        found = audit(reader, engine._store.secret)
    assert found.passed, found.problems


def test_what_one_declares_the_other_serves(pair: Pair) -> None:
    one, other = pair
    assert other.get("shop") == one.get("shop")
    one.pause("shop")
    other.catch_up()
    assert other.get("shop").status == "paused"
    other.resume("shop")
    other.apply(spec(variants=["plain", "sale", "gift", "bundle"]))
    one.catch_up()
    assert one.get("shop").version == 2
    assert one.get("shop").status == "running"


def test_a_status_is_written_beside_the_newest_version(pair: Pair) -> None:
    one, other = pair
    one.apply(spec(variants=["plain", "sale", "gift", "bundle"]))
    other.pause("shop")
    one.catch_up()
    assert (one.get("shop").version, one.get("shop").status) == (2, "paused")


def test_either_takes_the_rewards_of_the_others_decisions(pair: Pair) -> None:
    one, other = pair
    unit = policy_unit(one)
    one.apply(spec(variants=["plain", "sale", "gift", "bundle"]))
    decision = one.decide("shop", unit, taste())
    # The other has not even read the definition that the decision was made under.
    assert other.reward(decision.id, "buy", 1.0).resolved
    assert one.reward(decision.id, "buy", 1.0).duplicate
    with pytest.raises(Conflict):
        one.reward(decision.id, "buy", 0.0)


def test_a_request_is_answered_once_whichever_is_asked(pair: Pair) -> None:
    one, other = pair
    first = one.decide("shop", "ann", taste(), request_id="visit-1")
    again = other.decide("shop", "ann", taste(), request_id="visit-1")
    assert (again.id, again.variant, again.duplicate) == (first.id, first.variant, True)


def test_the_same_request_at_the_same_time_is_answered_once(pair: Pair) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            calls = [
                pool.submit(engine.decide, "shop", "ann", taste(), request_id=f"visit-{number}") for engine in pair * 4
            ]
            assert len({call.result().id for call in calls}) == 1
    check(pair[0])


def test_the_same_reward_at_the_same_time_counts_once(pair: Pair) -> None:
    one, _ = pair
    unit = policy_unit(one)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            decision = one.decide("shop", unit, taste())
            calls = [pool.submit(engine.reward, decision.id, "buy", 1.0) for engine in pair * 4]
            assert sorted(call.result().duplicate for call in calls) == [False] + [True] * 7
    for engine in pair:
        engine.catch_up()
        assert engine.model("shop").state()["n"].sum() == 20
    check(one)


def test_they_take_turns_at_the_fold_and_agree(pair: Pair, clock: Clock) -> None:
    chance = np.random.default_rng(3)
    for number in range(300):
        engine = pair[chance.integers(2)]
        decision = engine.decide("shop", f"unit-{number}", taste(number))
        if chance.random() < 0.7:
            pair[chance.integers(2)].reward(decision.id, "buy", float(chance.random() < 0.3))
        if number % 20 == 0:
            pair[chance.integers(2)].catch_up()
            clock.advance(chance.random() * 8)
    clock.advance(30)
    for engine in (*pair, *pair):
        engine.catch_up()
    one, other = pair
    assert one.get("shop").position == other.get("shop").position > 0
    assert digest(one.model("shop").state()) == digest(other.model("shop").state())
    with one._store.read() as reader:
        live = live_versions(reader, "shop")[-1]
        fresh = Fold(prior(live))
        while fresh.read(reader, live.stream):
            pass
    assert digest(fresh.policy.state()) == digest(one.model("shop").state())
    check(other)


def test_only_who_folds_for_all_saves(pair: Pair) -> None:
    one, other = pair
    decision = one.decide("shop", policy_unit(one), taste())
    one.reward(decision.id, "buy", 1.0)
    live = other._experiments.lives["shop"]
    with one._store.fold(1) as folding:
        assert folding is not None
        with other._store.fold(1) as second:
            assert second is None
        assert other._learner._fold(live, save=True) == 1, "it learns all the same"
        assert [row.learned for row in folding.streams()] == [0]
    other._learner._fold(live, save=True)
    with one._store.read() as reader:
        assert [row.learned for row in reader.streams()] == [other._learner._folds[1].position]


def test_a_variant_the_other_has_not_heard_of_waits_for_its_definition(pair: Pair) -> None:
    one, other = pair
    one.apply(spec(variants=["plain", "sale", "gift", "bundle"]))
    unit = policy_unit(one)
    while (decision := one.decide("shop", unit, taste(), eligible=["plain", "bundle"])).variant != "bundle":
        one.reward(decision.id, "buy", 0.0)
    one.reward(decision.id, "buy", 1.0)
    # As the thread would come across it between two looks at the definitions.
    live = other._experiments.lives["shop"]
    with pytest.raises(Behind):
        other._learner._fold(live, save=True)
    other.catch_up()
    assert other.get("shop").version == 2
    assert other.get("shop").position > 0
    stale = other.decide("shop", unit, taste())
    assert stale.version == 2
    check(one)


def test_definitions_may_overlap_in_time(pair: Pair) -> None:
    """One has moved on to version 2 while the other still decides under version 1, from a later model."""
    one, other = pair
    unit = policy_unit(one)
    early = one.decide("shop", unit, taste())
    one.apply(spec(variants=["plain", "sale", "gift", "bundle"]))
    behind = one.decide("shop", unit, taste(1))
    assert (behind.version, behind.model_position) == (2, 0)
    one.reward(early.id, "buy", 1.0)
    live = other._experiments.lives["shop"]
    other._learner._fold(live, save=True)
    other._experiments.publish(live, other._learner.adopt(live))
    ahead = other.decide("shop", unit, taste(2))
    assert ahead.version == 1
    assert ahead.model_position > 0
    check(one)
