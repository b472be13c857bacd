"""What the decisions of an exported log have earned, and which of them an evaluation may read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exports import exported
from pyarrow import parquet as arrow_parquet
from shop import Clock, spec, taste

from banditcore import DecisionEngine
from banditcore.errors import InvalidInput, NotAllowedNow
from banditcore.exported import recompute_log
from banditcore.formats import parquet
from banditcore.storage.opening import open_store


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[DecisionEngine, Clock, str]]:
    clock, location = Clock(), str(tmp_path / "data")
    with DecisionEngine(open_store(location), clock=clock, learn_in_background=False) as engine:
        yield engine, clock, location


def earned(location: str, file: Path, clock: Clock, goal: str | None = None, **more: Any) -> dict[str, Any]:
    """decision id -> reward."""
    found = exported(location, file, goal, now_us=clock.now, **more)
    rows = arrow_parquet.read_table(file).to_pydict()
    assert found.decisions == len(rows["reward"])
    assert found.final == sum(reward is not None for reward in rows["reward"])
    return dict(zip(rows["decision_id"], rows["reward"], strict=True))


def test_a_reward_counts_when_its_window_has_closed_for_all(
    shop: tuple[DecisionEngine, Clock, str], tmp_path: Path
) -> None:
    """Of decisions whose window is open those that were rewarded early would be all successes."""
    engine, clock, location = shop
    engine.apply(spec(policy="uniform", holdout=0.5))
    ids = [engine.decide("shop", f"unit-{number}", taste()).id for number in range(20)]
    clock.advance(5.0)
    for id in ids[::2]:
        engine.reward(id, "buy", 1.0)
        engine.reward(id, "spend", 2.0, key="a")
        engine.reward(id, "spend", 3.0, key="b")
    engine.catch_up()
    file = tmp_path / "log.parquet"
    assert set(earned(location, file, clock).values()) == {None}
    assert recompute_log(file).first_difference == "", "what was learned is there all the same"
    clock.advance(7.0)
    assert earned(location, file, clock) == {id: float(row % 2 == 0) for row, id in enumerate(ids)}
    held_out = arrow_parquet.read_table(file).column("holdout").to_pylist()
    assert 0 < sum(held_out) < 20, "the holdout is there, too"
    assert set(earned(location, file, clock, "spend").values()) == {None}
    clock.advance(10.0)
    assert earned(location, file, clock, "spend") == {id: 5.0 * (row % 2 == 0) for row, id in enumerate(ids)}
    assert len(parquet.read(file).load()) == 20 - sum(held_out)


def test_the_learned_goal_is_what_was_learned(shop: tuple[DecisionEngine, Clock, str], tmp_path: Path) -> None:
    engine, clock, location = shop
    goals = [
        {"name": "buy", "window": "10s", "default": 1.0},
        {"name": "stay", "window": "10s"},
        {"name": "per", "kind": "ratio", "numerator": "buy"},
        {"name": "spend", "kind": "value", "window": "10s", "cap": 1.0},
    ]
    engine.apply(spec(policy="uniform", goals=goals, holdout=0.01))
    one, other, late = (engine.decide("shop", f"unit-{number}", taste()).id for number in range(3))
    for goal in ("buy", "stay"):
        engine.reward(one, goal, 0.0, key="a")
        engine.reward(one, goal, 1.0, key="b")
    engine.reward(one, "spend", 7.0)
    clock.advance(12.0)
    with pytest.raises(NotAllowedNow):
        engine.reward(late, "stay", 1.0)
    engine.catch_up()
    file = tmp_path / "log.parquet"
    assert earned(location, file, clock) == {one: 0.0, other: 1.0, late: 1.0}, "the first one teaches"
    assert earned(location, file, clock, "stay") == {one: 1.0, other: 0.0, late: 0.0}, "the largest one counts"
    assert earned(location, file, clock, "spend") == {one: 7.0, other: 0.0, late: 0.0}, "a cap is a unit's"
    for goal, words in (("per", "is a ratio, which no decision earns by itself: export buy"), ("sell", "it has buy")):
        with pytest.raises(InvalidInput, match=words):
            exported(location, tmp_path / "none.parquet", goal)
    assert not (tmp_path / "none.parquet").exists()


def test_what_was_not_shown_is_left_out(shop: tuple[DecisionEngine, Clock, str], tmp_path: Path) -> None:
    engine, clock, location = shop
    engine.apply(spec(exposure="explicit", holdout=0.01, policy="uniform"))
    ids = [engine.decide("shop", f"unit-{number}", taste()).id for number in range(10)]
    for id in ids[:6]:
        engine.expose(id)
    for id in ids[3:9]:
        engine.reward(id, "buy", 1.0)
    clock.advance(12.0)
    engine.catch_up()
    file = tmp_path / "log.parquet"
    found = exported(location, file, now_us=clock.now)
    assert (found.decisions, found.unexposed, found.resolutions) == (10, 4, 6)
    rows = parquet.read(file).load()
    assert rows.left_out == {"not exposed": 4} and rows.rewards.tolist() == [0.0] * 3 + [1.0] * 3
    assert recompute_log(file).first_difference == ""


def test_vectors_have_room_for_variants_that_came_later(
    shop: tuple[DecisionEngine, Clock, str], tmp_path: Path
) -> None:
    engine, clock, location = shop
    for variants in (["plain", "sale"], ["plain", "sale", "gift"], ["plain", "gift"]):
        engine.apply(spec(policy="uniform", variants=variants, holdout=0.01))
        engine.decide("shop", "ann", taste())
    clock.advance(30.0)
    exported(location, tmp_path / "log.parquet", now_us=clock.now)
    log = parquet.read(tmp_path / "log.parquet")
    assert log.variants == ("plain", "sale", "gift") and log.features == ("taste[0]", "taste[1]", "taste[2]", "one")
    rows = log.load()
    assert rows.eligible is not None and rows.propensities is not None
    assert rows.eligible.tolist() == [[True, True, False], [True, True, True], [True, False, True]]
    assert np.array_equal(rows.propensities > 0, rows.eligible)
    assert rows.times is not None and rows.times.tolist() == [1.7e9] * 3
    assert rows.units is not None and len(set(rows.units)) == 1


def test_an_experiment_without_context_is_recomputed_too(
    shop: tuple[DecisionEngine, Clock, str], tmp_path: Path
) -> None:
    engine, clock, location = shop
    engine.apply(spec(policy="beta_ts", context=[]))
    for number in range(40):
        engine.reward(engine.decide("shop", f"unit-{number}").id, "buy", float(number % 2))
        engine.catch_up()
    exported(location, tmp_path / "log.parquet", now_us=clock.now)
    again = recompute_log(tmp_path / "log.parquet")
    assert (again.first_difference, again.identical) == ("", 40)
    clock.advance(30.0)
    exported(location, tmp_path / "log.parquet", now_us=clock.now)
    assert parquet.read(tmp_path / "log.parquet").features == ("constant",)


def test_a_decision_without_a_policy_is_a_fallback(
    shop: tuple[DecisionEngine, Clock, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, clock, location = shop
    engine.apply(spec(holdout=0.01))
    with monkeypatch.context() as patch:
        patch.setattr(type(engine.model("shop")), "_propensities_into", lambda *arguments: None)
        engine.decide("shop", "ann", taste())
    engine.decide("shop", "bob", taste())
    clock.advance(30.0)
    engine.catch_up()
    found = exported(location, tmp_path / "log.parquet", now_us=clock.now)
    rows = parquet.read(tmp_path / "log.parquet").load()
    assert found.degraded == 1 and rows.fallback is not None and sorted(rows.fallback) == [False, True]
    assert recompute_log(tmp_path / "log.parquet").first_difference == ""
