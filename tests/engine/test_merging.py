"""Identities: who is decided for once two units turned out to be one customer."""

from pathlib import Path

import numpy as np
import pytest
from audits import audited
from hypothesis import given
from hypothesis import strategies as st
from shop import Clock, policy_unit, spec, taste

from banditcore import DecisionEngine, MemoryStore
from banditcore.errors import Conflict, InvalidInput, NotFound
from banditcore.offline import UnitReward
from banditcore.storage.base import Store
from banditcore.storage.opening import open_store
from banditcore.storage.postgres import PostgresStore
from banditcore.storage.sqlite import SqliteStore
from banditcore.types import Ask, Decision, Group


def test_a_merged_unit_keeps_the_assignment_of_the_one_seen_first(engine: DecisionEngine) -> None:
    first, later = policy_unit(engine, Group.HOLDOUT), policy_unit(engine)
    before = engine.decide("shop", later, taste())
    assert engine.merge_units("shop", later, first) is False
    after = engine.decide("shop", later, taste())
    assert (before.unit, before.group, after.unit, after.group) == (later, Group.POLICY, first, Group.HOLDOUT)
    batch = engine.decide_batch("shop", [later, "somebody"], [taste(), taste()])
    assert batch.units == [first, "somebody"] and batch.groups[0] == Group.HOLDOUT
    with engine._store.read() as reader:
        logged = [row.unit for row in reader.decisions_to_audit(1)]
        assert sorted(logged) == sorted([later, first, first, "somebody"])
        assert [(row.number, row.unit, row.target) for row in reader.merges("shop")] == [(1, later, first)]
        assert (reader.merge_count("shop"), reader.merge_count("else")) == (1, 0)


def test_chains_end_at_their_root_and_again_is_no_change(engine: DecisionEngine) -> None:
    assert not engine.merge_units("shop", "tablet", "phone")
    assert not engine.merge_units("shop", "phone", "card")
    assert engine.decide("shop", "tablet", taste()).unit == "card"
    assert engine.merge_units("shop", "tablet", "phone")
    assert engine.merge_units("shop", "tablet", "card"), "they are one customer, by whatever way"
    with engine._store.read() as reader:
        assert reader.merge_count("shop") == 2


@pytest.mark.parametrize(
    ("unit", "into", "kind", "field", "words"),
    [
        ("tablet", "tablet", InvalidInput, "into", "cannot be merged into itself"),
        ("card", "tablet", InvalidInput, "into", "was itself merged into unit 'card' before"),
        ("tablet", "watch", Conflict, "into", "merged into 'card' before, which is final: merge 'card' into 'watch'"),
        ("", "card", InvalidInput, "unit", "1 to 256"),
        ("watch", "a\0b", InvalidInput, "into", "NUL"),
    ],
)
def test_what_cannot_be_merged(
    engine: DecisionEngine, unit: str, into: str, kind: type[Exception], field: str, words: str
) -> None:
    chain = [("tablet", "phone"), ("phone", "card")]
    results = engine.submit_merges("shop", [*chain, (unit, into), ("radio", "card")]).result()
    assert [result.error is None for result in results] == [True, True, False, True]
    for refused in (results[2].error, engine.submit_merges("shop", [(unit, into)]).result()[0].error):
        assert isinstance(refused, kind) and refused.field == field and words in refused.message
    with pytest.raises(kind):
        engine.merge_units("shop", unit, into)
    with engine._store.read() as reader:
        assert reader.merge_count("shop") == 3


def test_merges_are_of_one_experiment_and_of_bounded_number(engine: DecisionEngine) -> None:
    engine.apply(spec("other"))
    engine.merge_units("shop", "b", "a")
    assert engine.decide("other", "b", taste()).unit == "b"
    with pytest.raises(NotFound, match="does not exist"):
        engine.merge_units("nowhere", "b", "a")
    for merges in ([], [("b", "a")] * 10_001):
        with pytest.raises(InvalidInput, match="1 to 10000 merges"):
            engine.submit_merges("shop", merges)


def test_a_request_from_before_the_merge_has_its_first_answer(engine: DecisionEngine) -> None:
    later, first = policy_unit(engine), policy_unit(engine, Group.HOLDOUT)
    single = engine.decide("shop", later, taste(), request_id="r1")
    batch = engine.decide_batch("shop", [later, "x"], np.ones((2, 4)), request_id="r2")
    engine.merge_units("shop", later, first)
    again = engine.decide("shop", later, taste(), request_id="r1")
    assert (again.id, again.unit, again.group, again.duplicate) == (single.id, later, Group.POLICY, True)
    assert engine.decide_batch("shop", [later, "x"], np.ones((2, 4)), request_id="r2").ids == batch.ids
    with pytest.raises(Conflict):
        engine.decide("shop", "x", taste(), request_id="r1")
    # Two calls of one write, with the merge behind them.
    asks = [Ask("shop", later, taste(), (), "r3")] * 2
    one, two = engine.submit_decisions(asks).result()
    assert isinstance(one, Decision) and isinstance(two, Decision)
    assert (one.id, one.unit, two.duplicate) == (two.id, first, True)


def test_sales_of_any_of_a_customers_units_find_the_decisions_of_all(engine: DecisionEngine, clock: Clock) -> None:
    engine.decide("shop", "phone", taste())
    engine.merge_units("shop", "card", "phone")
    clock.advance(1)
    last = engine.decide("shop", "card", taste()).id
    clock.advance(1)
    sales = [UnitReward(unit, "spend", 5.0, clock.now, "order-1") for unit in ("card", "phone")]
    assert [result.outcome for result in engine.import_rewards("shop", sales)] == ["imported", "duplicate"]
    sales = [UnitReward("phone", "spend", 5.0, clock.now, "order-2")]
    assert [result.decisions for result in engine.import_rewards("shop", sales, "all")] == [2]
    with engine._store.read() as reader:
        assert len(reader.rewards(1, [bytes.fromhex(last)])) == 2


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else str(tmp_path / "data")


def test_merges_outlive_the_process_and_the_audit_passes(location: str, clock: Clock) -> None:
    for start in range(2):
        with DecisionEngine(open_store(location), clock=clock, learn_in_background=False) as engine:
            engine.apply(spec())
            if start == 0:
                units = [f"unit-{number}" for number in range(40)]
                before = [engine.decide("shop", unit, taste(), request_id=unit) for unit in units]
                engine.submit_merges("shop", list(zip(units[20:], units[:20], strict=True))).result()
            after = [engine.decide("shop", unit, taste()).unit for unit in units]
            assert after == units[:20] * 2
            again = [engine.decide("shop", unit, taste(), request_id=unit).id for unit in units]
            assert again == [decision.id for decision in before]
        clock.advance(1)
    found = audited(location)
    assert found.passed and found.decisions == found.equal == 120


def test_replicas_take_merges_over(postgres_url: str, clock: Clock) -> None:
    stores: list[Store] = [PostgresStore(postgres_url), PostgresStore(postgres_url)]
    one, two = (DecisionEngine(store, clock=clock, learn_in_background=False) for store in stores)
    with one, two:
        one.apply(spec())
        two.catch_up()
        asked = two.decide("shop", "later", taste(), request_id="r0")
        one.merge_units("shop", "later", "first")
        logged = one.decide("shop", "later", taste(), request_id="r1")
        # Before the other one has looked: the same requests still have the same answers.
        assert two.decide("shop", "later", taste(), request_id="r1").id == logged.id
        assert one.decide("shop", "later", taste(), request_id="r0").id == asked.id
        assert two.decide("shop", "later", taste()).unit == "later"
        two.catch_up()
        assert two.decide("shop", "later", taste()).unit == "first"
        with pytest.raises(Conflict):
            two.merge_units("shop", "later", "third")


def test_a_merge_that_a_failed_commit_may_have_kept_is_looked_for(tmp_path: Path, clock: Clock) -> None:
    store = SqliteStore(tmp_path / "data")
    with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
        engine.apply(spec())
        # Written by nobody whom this engine would have told.
        store.write(lambda tx: tx.put_merges("shop", [("later", "first")], 5)).result()
        engine._learner.unsure = True
        engine.catch_up()
        assert engine.decide("shop", "later", taste()).unit == "first"


@given(merges=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_whatever_is_merged_every_customer_has_one_root(merges: list[tuple[int, int]]) -> None:
    with DecisionEngine(MemoryStore(), clock=Clock(), learn_in_background=False) as engine:
        engine.apply(spec())
        parent: dict[int, int] = {}

        def root(unit: int) -> int:
            return root(parent[unit]) if unit in parent else unit

        for unit, into in merges:
            (result,) = engine.submit_merges("shop", [(f"{unit}", f"{into}")]).result()
            if unit == into or (unit not in parent and root(into) == unit):
                assert isinstance(result.error, InvalidInput)
            elif unit in parent and root(unit) != root(into):
                assert isinstance(result.error, Conflict)
            else:
                assert result.error is None and result.duplicate == (unit in parent)
                parent.setdefault(unit, into)
        for unit in range(7):
            assert engine.decide("shop", f"{unit}", taste()).unit == f"{root(unit)}"
            same = {each for each in range(7) if root(each) == root(unit)}
            assert set(map(int, engine._experiments.get("shop").identities.same(f"{unit}"))) == same
