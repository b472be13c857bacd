"""Rewards in bulk by unit: to which decisions they go, that each counts once, and until when."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shop import Clock, policy_unit, spec, taste

from banditcore import DecisionEngine, MemoryStore
from banditcore.assignment import id_milliseconds, id_stream
from banditcore.errors import Conflict, InvalidInput, NotFound
from banditcore.offline import RULES, ImportResult, UnitReward, derive_keys
from banditcore.storage.base import ImportCounts, RewardRow
from banditcore.types import Group

GOALS: list[dict[str, Any]] = [
    {"name": "buy", "window": "10s", "delay": "60s"},
    {"name": "spend", "kind": "value", "window": "20s", "delay": "60s"},
    {"name": "per_buy", "kind": "ratio", "numerator": "spend", "denominator": "buy"},
]


@pytest.fixture
def shop(engine: DecisionEngine) -> DecisionEngine:
    engine.apply(spec("offline", goals=GOALS, holdout=0.0001))
    return engine


def rewards_of(engine: DecisionEngine, ids: Sequence[str]) -> list[tuple[str, str, float, int]]:
    """(decision, goal, value, late) of all that is in the log for the decisions."""
    raw = [bytes.fromhex(decision) for decision in ids]
    found: list[RewardRow] = []
    with engine._store.read() as reader:
        for stream in sorted(set(map(id_stream, raw))):
            found += reader.rewards(stream, [decision for decision in raw if id_stream(decision) == stream])
    return sorted((row.decision.hex(), row.goal, row.value, row.late) for row in found)


def counts(engine: DecisionEngine, goal: str = "spend", experiment: str = "offline") -> ImportCounts:
    with engine._store.read() as reader:
        return reader.import_counts(experiment).get(goal, ImportCounts(0, 0, 0, 0))


def outcomes(results: Sequence[ImportResult]) -> list[str]:
    return [result.outcome for result in results]


@pytest.mark.parametrize(("rule", "expected"), [("last", [1]), ("first", [0]), ("all", [0, 1])])
def test_a_sale_goes_to_the_decisions_of_its_window_by_the_rule(
    shop: DecisionEngine, clock: Clock, rule: str, expected: list[int]
) -> None:
    made = []
    for _ in range(3):
        made.append(shop.decide("offline", "ann", taste()).id)
        clock.advance(4)
    sale = UnitReward("ann", "spend", 25.0, clock.now - 5_000_000)
    (result,) = shop.import_rewards("offline", [sale], rule)
    assert (result.outcome, result.decisions, result.late, result.resolved) == ("imported", len(expected), 0, 0)
    assert rewards_of(shop, made) == sorted((made[number], "spend", 25.0, 0) for number in expected)
    assert counts(shop) == (1, 0, 0, 0), "rows are counted, not what they were recorded for"


def test_many_rewards_are_written_in_parts_and_answered_in_order(shop: DecisionEngine, clock: Clock) -> None:
    shop.decide_batch("offline", ["ann"] * 51, [taste()] * 51)
    clock.advance(1)
    sales = [UnitReward("ann" if number % 10 else "bob", "spend", float(number), clock.now) for number in range(60)]
    results = shop.import_rewards("offline", sales, "all")
    assert [result.decisions for result in results] == [51 if number % 10 else 0 for number in range(60)]
    assert counts(shop) == (54, 0, 6, 0)
    assert set(outcomes(shop.import_rewards("offline", sales))) == {"duplicate", "unattributed"}


def test_windows_begin_with_the_decision_and_end_before_they_are_over(shop: DecisionEngine, clock: Clock) -> None:
    decision = shop.decide("offline", "ann", taste()).id
    made_us = id_milliseconds(bytes.fromhex(decision)) * 1_000
    clock.advance(30)
    times = [made_us - 1, made_us, made_us + 19_999_999, made_us + 20_000_000]
    results = shop.import_rewards("offline", [UnitReward("ann", "spend", 1.0, time_us) for time_us in times])
    assert outcomes(results) == ["unattributed", "imported", "imported", "unattributed"]


def test_an_import_teaches_while_its_delay_lasts_and_is_late_after(shop: DecisionEngine, clock: Clock) -> None:
    ann, bob, cid = (shop.decide("offline", unit, taste()) for unit in ("ann", "bob", "cid"))
    at = clock.now + 5_000_000
    clock.advance(15)
    with pytest.raises(Exception, match=r"window of buy \(10 s\) has closed"):
        shop.reward(bob.id, "buy", 1.0)
    assert shop.catch_up() == 0, "the delay is not over: nothing is final"
    (result,) = shop.import_rewards("offline", [UnitReward("ann", "buy", 1.0, at)])
    assert (result.outcome, result.resolved) == ("imported", 1)
    assert shop.catch_up() == 1
    clock.advance(54.9)
    assert outcomes(shop.import_rewards("offline", [UnitReward("bob", "buy", 1.0, at)])) == ["imported"]
    assert shop.catch_up() == 1
    clock.advance(0.2)
    (late,) = shop.import_rewards("offline", [UnitReward("cid", "buy", 1.0, at)])
    assert (late.outcome, late.late, late.decisions) == ("late", 1, 0)
    clock.advance(2)
    assert shop.catch_up() == 1, "closed with the default"
    assert rewards_of(shop, [cid.id]) == [(cid.id, "buy", 1.0, 1)]
    with shop._store.read() as reader:
        assert reader.lessons(id_stream(bytes.fromhex(ann.id)), 0, 10).values == (1.0, 1.0, 0.0)
        assert reader.unfounded_resolutions(id_stream(bytes.fromhex(ann.id)), "buy", 0.0) == []
    assert counts(shop, "buy") == (2, 1, 0, 0)


def test_the_same_file_again_changes_nothing(shop: DecisionEngine, clock: Clock) -> None:
    units = [f"unit-{number}" for number in range(8)]
    made = [shop.decide("offline", unit, taste()).id for unit in units[:6]]
    clock.advance(5)
    sales = [UnitReward(unit, "spend", 5.0, clock.now - 1_000_000) for unit in units]
    # Two equal sales of one second are two, and one that reports nothing new under a key of its own is one more.
    sales += [sales[0], sales[0]._replace(key="order-1"), sales[0]._replace(key="order-1")]
    first = shop.import_rewards("offline", sales)
    assert outcomes(first) == ["imported"] * 6 + ["unattributed"] * 2 + ["imported", "imported", "duplicate"]
    before = rewards_of(shop, made), counts(shop)
    assert before[1] == (8, 0, 2, 0)
    for rule in RULES:
        again = shop.import_rewards("offline", sales, rule)
        assert outcomes(again) == ["duplicate"] * 6 + ["unattributed"] * 2 + ["duplicate"] * 3
    # In other pages, with keys for the whole file.
    keyed = derive_keys(sales)
    for page in (keyed[:3], keyed[3:4], keyed[4:]):
        assert set(outcomes(shop.import_rewards("offline", page))) <= {"duplicate", "unattributed"}
    assert (rewards_of(shop, made), counts(shop)) == before
    clock.advance(300)
    assert outcomes(shop.import_rewards("offline", sales)) == outcomes(again), "also after all windows have closed"
    assert (rewards_of(shop, made), counts(shop)) == before


def test_a_key_with_another_value_is_a_conflict_and_is_counted_once(shop: DecisionEngine, clock: Clock) -> None:
    made = shop.decide("offline", "ann", taste()).id
    clock.advance(1)
    sale = UnitReward("ann", "spend", 5.0, clock.now, "order-1")
    for rows in ([sale, sale._replace(value=6.0)], [sale._replace(value=6.0)]):
        (*_, refused) = shop.import_rewards("offline", rows)
        assert isinstance(refused.error, Conflict) and "'order-1'" in refused.error.message
    assert rewards_of(shop, [made]) == [(made, "spend", 5.0, 0)]
    assert counts(shop) == (1, 0, 0, 1)


def test_what_came_too_late_for_any_decision_is_no_gap_in_the_join(shop: DecisionEngine, clock: Clock) -> None:
    old = UnitReward("nobody", "spend", 1.0, clock.now - 81_000_000)
    fresh = UnitReward("nobody", "spend", 1.0, clock.now - 79_000_000)
    assert outcomes(shop.import_rewards("offline", [old, fresh])) == ["unattributed"] * 2
    assert counts(shop) == (0, 0, 1, 0)


def test_marks_are_forgotten_when_their_day_does_not_count_any_more(shop: DecisionEngine, clock: Clock) -> None:
    for _ in range(3):
        shop.import_rewards("offline", [UnitReward("nobody", "spend", 1.0, clock.now)])
        clock.advance(2 * 86_400)
    tables: Any
    with shop._store.read() as tables:
        assert tables._one("SELECT count(*) FROM import_seen")[0] == 1
        last_day = (clock.now // 86_400_000_000) - 2
        assert tables.import_counts("offline", last_day)["spend"] == (0, 0, 1, 0)
    assert counts(shop) == (0, 0, 3, 0)


def test_malformed_rows_do_not_harm_their_neighbours(shop: DecisionEngine, clock: Clock) -> None:
    shop.decide("offline", "ann", taste())
    clock.advance(1)
    good = UnitReward("ann", "spend", 5.0, clock.now)
    bad: list[tuple[UnitReward, str, str]] = [
        (good._replace(unit=""), "unit", "1 to 256"),
        (good._replace(unit="a\0"), "unit", "NUL"),
        (good._replace(unit="\ud800"), "unit", "not valid text"),
        (good._replace(value=float("nan")), "value", "finite"),
        (good._replace(value="12,50 EUR"), "value", "must be a number"),  # type: ignore[arg-type]
        (good._replace(goal="buy"), "value", "must be 0 or 1"),
        (good._replace(goal="look"), "goal", "it has buy, spend"),
        (good._replace(goal="per_buy"), "goal", "reward spend and buy, which it is made of"),
        (good._replace(time_us=clock.now + 1_000_001), "time", "in the future"),
        (good._replace(time_us=-1), "time", "since 1970"),
        (good._replace(time_us=1.5), "time", "whole microseconds"),  # type: ignore[arg-type]
        (good._replace(key="k" * 250), "key", "0 to 249"),
    ]
    ahead = good._replace(time_us=clock.now + 1_000_000, value=-0.0)
    results = shop.import_rewards("offline", [good, *(row for row, _, _ in bad), ahead])
    assert outcomes([results[0], results[-1]]) == ["imported", "imported"], "clocks may be a second apart"
    for (row, field, words), result in zip(bad, results[1:-1], strict=True):
        assert isinstance(result.error, InvalidInput), row
        assert result.error.field == field and words in result.error.message
    assert counts(shop) == (2, 0, 0, 0)


def test_a_call_is_checked_as_a_whole(shop: DecisionEngine, clock: Clock) -> None:
    sale = UnitReward("ann", "spend", 5.0, clock.now)
    with pytest.raises(InvalidInput, match="rule is one of last, first, all, found 'best'"):
        shop.import_rewards("offline", [sale], "best")
    for rows in ([], [sale] * 10_001):
        with pytest.raises(InvalidInput, match="1 to 10000 rewards"):
            shop.import_rewards("offline", rows)
    with pytest.raises(NotFound, match="does not exist"):
        shop.import_rewards("nowhere", [sale])


def test_a_reward_by_decision_id_refuses_a_ratio(shop: DecisionEngine) -> None:
    decision = shop.decide("offline", "ann", taste())
    with pytest.raises(InvalidInput, match="per_buy is a ratio, which takes no rewards itself: reward spend and buy"):
        shop.reward(decision.id, "per_buy", 1.0)


def test_only_what_was_shown_earns_where_exposure_is_explicit(engine: DecisionEngine, clock: Clock) -> None:
    engine.apply(spec("offline", goals=GOALS, holdout=0.0001, exposure="explicit"))
    shown = engine.decide("offline", "ann", taste()).id
    clock.advance(1)
    hidden = engine.decide("offline", "ann", taste()).id
    engine.expose(shown)
    sales = [UnitReward(unit, "buy", 1.0, clock.now + 500_000) for unit in ("ann", "bob")]
    clock.advance(1)
    engine.decide("offline", "bob", taste())
    assert outcomes(engine.import_rewards("offline", sales)) == ["imported", "unattributed"]
    assert rewards_of(engine, [shown, hidden]) == [(shown, "buy", 1.0, 0)]
    engine.expose(hidden)
    assert outcomes(engine.import_rewards("offline", sales[:1])) == ["duplicate"], "it was imported for another"


def test_epochs_are_one_history_and_goals_begin_with_their_definition(engine: DecisionEngine, clock: Clock) -> None:
    engine.apply(spec("offline", goals=GOALS[:1], holdout=0.0001))
    early = engine.decide("offline", "ann", taste()).id
    engine.apply(spec("offline", goals=GOALS, holdout=0.0001, learn="buy", policy={"name": "linear_ts"}))
    clock.advance(1)
    later = engine.decide("offline", "ann", taste()).id
    assert id_stream(bytes.fromhex(early)) != id_stream(bytes.fromhex(later))
    clock.advance(1)
    rows = [UnitReward("ann", goal, 1.0, clock.now) for goal in ("buy", "spend")]
    assert [result.decisions for result in engine.import_rewards("offline", rows, "all")] == [2, 1]
    engine.pause("offline")
    assert outcomes(engine.import_rewards("offline", rows)) == ["duplicate", "duplicate"], "rewards go on counting"


def test_the_holdout_earns_and_teaches_nothing(engine: DecisionEngine, clock: Clock) -> None:
    units = [policy_unit(engine, group) for group in Group]
    made = [engine.decide("shop", unit, taste()).id for unit in units]
    clock.advance(1)
    results = engine.import_rewards("shop", [UnitReward(unit, "buy", 1.0, clock.now) for unit in units])
    assert [(result.outcome, result.resolved) for result in results] == [("imported", 1), ("imported", 0)]
    assert len(rewards_of(engine, made)) == 2


# Whatever is decided and sold


UNITS = ("ann", "bob", "cid")
WINDOWS = {"buy": 3, "spend": 7}
DELAY = 5
EVENTS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(UNITS)), max_size=25)
SALES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from((*UNITS, "dan")), st.sampled_from(("buy", "spend"))), max_size=25
)


@given(decided=EVENTS, sold=SALES, rule=st.sampled_from(RULES), cut=st.integers(0, 25))
def test_attribution_is_what_the_rule_says(
    decided: list[tuple[int, str]], sold: list[tuple[int, str, str]], rule: str, cut: int
) -> None:
    clock = Clock()
    start = clock.now
    goals = [
        {"name": "buy", "window": WINDOWS["buy"], "delay": DELAY},
        {"name": "spend", "kind": "value", "window": WINDOWS["spend"], "delay": DELAY},
    ]
    with DecisionEngine(MemoryStore(), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec("offline", goals=goals))
        made: list[tuple[int, str, str]] = []
        for second, unit in sorted(decided):
            clock.now = start + second * 1_000_000
            made.append((second, unit, engine.decide("offline", unit, taste()).id))
        clock.now = now = max(clock.now, start + max((second for second, *_ in sold), default=0) * 1_000_000)
        rows = derive_keys([UnitReward(unit, goal, 1.0, start + at * 1_000_000) for at, unit, goal in sold])
        pages = [page for page in (rows[:cut], rows[cut:]) if page]
        results = [result for page in pages for result in engine.import_rewards("offline", page, rule)]
        expected: list[tuple[str, str, float, int]] = []
        for (at, unit, goal), result in zip(sold, results, strict=True):
            within = [(when, name) for when, who, name in made if who == unit and 0 <= at - when < WINDOWS[goal]]
            chosen = {"last": within[-1:], "first": within[:1], "all": within}[rule]
            late = [(start + (when + WINDOWS[goal] + DELAY) * 1_000_000) < now for when, _ in chosen]
            expected += [(name, goal, 1.0, int(is_late)) for (_, name), is_late in zip(chosen, late, strict=True)]
            assert (result.decisions, result.late) == (late.count(False), late.count(True))
        assert rewards_of(engine, [name for *_, name in made]) == sorted(expected)
        again = [result for page in pages for result in engine.import_rewards("offline", page, rule)]
        assert set(outcomes(again)) <= {"duplicate", "unattributed"}
        assert rewards_of(engine, [name for *_, name in made]) == sorted(expected)
