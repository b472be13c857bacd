"""What is too old goes; reports, models, served vectors and audits stay what they are without retention."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop import means, policy_unit, spec, taste
from trading import MemoryPlace, PostgresPlace, Shop, SqlitePlace, alike, same

from banditcore import DecisionEngine, SqliteStore
from banditcore.analyst import Analyst
from banditcore.commands.audit import sentence
from banditcore.errors import NotAllowedNow, NotFound, StoreCorrupt
from banditcore.experiments import prior
from banditcore.learner import Behind, Fold
from banditcore.storage.tables import Tables

FEATURES = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
POLICIES: dict[str, dict[str, Any]] = {
    "lin_ucb": {"name": "lin_ucb", "mature_after": 20},
    "linear_ts": {"name": "linear_ts", "l2": "auto"},
    "beta_ts": {"name": "beta_ts"},
    "shared_linear_ts": {"name": "shared_linear_ts", "arm_features": FEATURES},
    "fading": {"name": "linear_ts", "half_life": 30.0},
}
KEEP = "60s"
LOOK_S = 60 / 24


@pytest.fixture(params=[MemoryPlace, SqlitePlace, PostgresPlace])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[MemoryPlace]:
    """Kinds of stores, which give the same ids in every run: so the same variants are drawn."""
    if request.param is PostgresPlace:
        PostgresPlace.database = request.getfixturevalue("database")
    monkeypatch.setattr("secrets.randbits", lambda bits: 0)
    monkeypatch.setattr("secrets.token_bytes", lambda count: bytes(count))
    return request.param  # type: ignore[no-any-return]


EMBEDDED = pytest.mark.parametrize("kind", [MemoryPlace, SqlitePlace], indirect=True)
"""For what is said in SQLite's words."""


@pytest.fixture
def two(kind: type[MemoryPlace], tmp_path: Path) -> Iterator[Any]:
    """Makes two shops that differ in their retention only."""
    made: list[Shop] = []

    def make(**change: Any) -> tuple[Shop, Shop]:
        for name, more in (("kept", {}), ("short", {"retention": KEEP})):
            made.append(Shop(kind(tmp_path / f"{name}-{len(made)}"), {**change, **more}))
        return made[-2], made[-1]

    yield make
    for shop in made:
        shop.engine.close()


@pytest.mark.parametrize(
    ("kind", "policy", "exposure"),
    [
        *((kind, "lin_ucb", "explicit") for kind in (MemoryPlace, SqlitePlace, PostgresPlace)),
        *((kind, policy, "implied") for kind in (MemoryPlace, SqlitePlace) for policy in POLICIES),
        # What is learned does not know where it is kept: one more will do for the slowest store.
        (PostgresPlace, "shared_linear_ts", "implied"),
    ],
    indirect=["kind"],
)
def test_all_but_the_log_stays_as_it_is(two: Any, policy: str, exposure: str) -> None:
    kept, short = two(policy=POLICIES[policy], exposure=exposure)
    for shop in (kept, short):
        shop.trade(180)
        shop.restart()
        shop.trade(80)
        shop.rest(LOOK_S)
    alike(kept, short)
    assert kept.left()[1] == 0
    remaining, deleted = short.left()
    assert deleted > 200 and remaining < 180, "or nothing was tried"
    for shop in (kept, short):
        shop.restart()
        shop.trade(60)
    alike(kept, short)


def test_definitions_that_change_meanwhile(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Many small steps, which come to the same.
    monkeypatch.setattr("banditcore.learner.PAGE", 20)
    monkeypatch.setattr("banditcore.retention.BATCH", 7)
    goals = [{"name": "buy", "window": "10s"}, {"name": "spend", "kind": "value", "window": "20s"}]
    kept, short = two(policy=POLICIES["linear_ts"])
    for shop in (kept, short):
        shop.trade(80)
        # A goal that comes later, and one that is there only for a while.
        shop.apply(goals=[*goals, {"name": "look", "window": "30s"}], variants=["plain", "sale", "gift", "bundle"])
        shop.trade(150)
        shop.apply(goals=[goals[0], {"name": "look", "window": "30s"}], variants=["plain", "bundle", "sale"])
    alike(kept, short)
    for shop in (kept, short):
        shop.trade(150)
        shop.apply(goals=[*goals, {"name": "look", "window": "30s"}])
        shop.rest(LOOK_S)
    alike(kept, short)
    assert len(short.report().goals) == 3 and short.left()[1] > 300
    for shop in (kept, short):
        # Another goal to learn from: a stream of its own, and the old one is trimmed all the same.
        shop.apply(learn="spend")
        shop.trade(200)
        shop.restart()
        shop.rest(LOOK_S)
    alike(kept, short)
    assert short.left(1)[0] == 0 and short.left(2)[1] > 100


def test_a_unit_that_comes_back_is_one_unit(two: Any) -> None:
    kept, short = two()
    for shop in (kept, short):
        for _ in range(3):
            unit = policy_unit(shop.engine)
            for goal, value in (("buy", 1.0), ("spend", 2.5)):
                shop.engine.reward(shop.engine.decide("shop", unit, taste()).id, goal, value)
            shop.rest(200)
    goals = {goal.goal: goal.policy for goal in short.report().goals}
    assert (goals["buy"].units, goals["buy"].matured_units, goals["buy"].converted_units) == (1, 1, 1)
    assert means(short.engine, "buy", "spend") == [1.0, 7.5]
    assert short.left()[0] == 0
    alike(kept, short)


def test_when_nothing_is_kept_the_model_still_is(two: Any) -> None:
    kept, short = two()
    for shop in (kept, short):
        shop.trade(100)
        shop.rest(100)
        shop.rest(LOOK_S)
    assert short.left()[0] == 0
    alike(kept, short)
    for shop in (kept, short):
        shop.restart()
        shop.trade(30)
        shop.rest(1)
        assert shop.audit().equal == len(shop.ids) - (100 if shop is short else 0)
    alike(kept, short)


def test_what_is_kept_can_be_explained_and_what_is_not_says_so(two: Any) -> None:
    _, short = two(policy=POLICIES["linear_ts"])
    made = {}
    for _ in range(200):
        short.trade(1)
        made[short.ids[-1]] = short.clock.now
    short.rest(LOOK_S)
    reasons = set()
    for decision, when in made.items():
        try:
            assert short.engine.explain(decision).recomputed
        except (NotFound, NotAllowedNow) as error:
            assert when < short.clock.now - 60e6, "younger than the retention"
            reasons.add(error.reason)
        else:
            assert when > short.clock.now - (60 + LOOK_S + 20) * 1e6
    assert reasons == {"DECISION_NOT_FOUND", "BEYOND_RETENTION"}


def test_what_is_deleted_is_unknown(two: Any) -> None:
    _, short = two()
    unit = policy_unit(short.engine)
    decision = short.engine.decide("shop", unit, taste(), request_id="r")
    batch = short.engine.decide_batch("shop", [unit] * 3, np.zeros((3, 4)), request_id="rs")
    assert short.engine.decide("shop", unit, taste(), request_id="r").duplicate
    short.rest(100)
    with pytest.raises(NotFound) as unknown:
        short.engine.reward("0" * 48, "buy", 1.0)
    for gone in (decision.id, batch.ids[:24].hex()):
        with pytest.raises(NotFound) as caught:
            short.engine.reward(gone, "buy", 1.0)
        assert caught.value.message.replace(gone, "") == unknown.value.message.replace("0" * 48, "")
        with pytest.raises(NotFound):
            short.engine.expose(gone)
    again = short.engine.decide("shop", unit, taste(1), request_id="r")
    assert not again.duplicate and again.id != decision.id
    assert not short.engine.decide_batch("shop", [unit] * 2, np.zeros((2, 4)), request_id="rs").duplicate
    assert short.engine.decide("shop", unit, taste(1), request_id="r").duplicate


def test_retention_may_come_and_go(two: Any) -> None:
    kept, short = two()
    for shop in (kept, short):
        shop.apply(retention="1h")
        stream = shop.engine.get("shop").stream
        shop.trade(200)
        shop.rest(100)
        assert shop.left() == (200, 0)
    short.apply(retention=KEEP)
    kept.apply(retention="2h")
    for shop in (kept, short):
        assert shop.engine.get("shop").stream == stream
        shop.rest(LOOK_S)
    assert short.left()[0] == 0
    alike(kept, short)
    for shop in (kept, short):
        shop.apply(retention="1h")
        shop.trade(100)
        shop.rest(100)
    assert short.left()[0] == 100
    alike(kept, short)


def test_an_operation_that_fails_halfway_deletes_nothing(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, short = two()
    for shop in (kept, short):
        shop.trade(100)
        shop.clock.advance(100)
    for broken in ("add_tally", "_delete"):
        done = getattr(Tables, broken)

        def half(self: Tables, *arguments: Any, done: Any = done) -> None:
            done(self, *arguments)
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(Tables, broken, half)
            with pytest.raises(ZeroDivisionError):
                short.engine.catch_up()
        assert short.left() == (100, 0)
        assert short.audit().passed
    kept.engine.catch_up()
    alike(kept, short)
    short.restart()
    short.engine.catch_up()
    assert short.left()[0] == 0
    alike(kept, short)


def test_decisions_that_were_not_counted_would_be_missed(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, short = two()
    monkeypatch.setattr(Tables, "_counted_by_all", lambda *arguments: b"\xff")
    monkeypatch.setattr(Analyst, "step", lambda self: None)
    for shop in (kept, short):
        shop.trade(150)
        shop.rest(100)
    with pytest.raises(AssertionError):
        same(kept.report(), short.report())


def test_a_base_too_late_would_be_missed(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, short = two()
    short.trade(250)
    young = short.ids[-30]
    assert short.engine.explain(young).recomputed
    monkeypatch.setattr(Tables, "oldest_model", lambda self, *arguments: (10**9, 1))
    short.rest(LOOK_S)
    with pytest.raises(NotAllowedNow, match="older than the retention"):
        short.engine.explain(young)


def test_lessons_that_the_base_has_not_learned_would_be_missed(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, short = two()
    with monkeypatch.context() as patch:
        patch.setattr(Tables, "_end_of_deletable", lambda self, stream, before, limit: before)
        for shop in (kept, short):
            shop.trade(250)
            shop.rest(LOOK_S)
    with pytest.raises(AssertionError):
        alike(kept, short)


def test_the_learners_thread_deletes(tmp_path: Path) -> None:
    with DecisionEngine(SqliteStore(tmp_path)) as engine:
        engine.apply(spec(goals=[{"name": "buy", "window": "100ms"}], learn="buy", retention="1.1s"))
        for _ in range(2_000):
            engine.decide("shop", policy_unit(engine), taste())
            with engine._store.read() as reader:
                if reader.trimmed(1).deleted > 10:
                    break
            time.sleep(0.01)
        else:
            raise AssertionError("nothing was deleted")


MIDDLE = "(SELECT id FROM decision WHERE stream = 1 AND grp = 1 AND {} ORDER BY position LIMIT 1 OFFSET 5)"
KNOWN = MIDDLE.format("model_position >= (SELECT base FROM stream)")
BEYOND = MIDDLE.format("model_position < (SELECT base FROM stream)")
BASE = "(SELECT base FROM stream)"


@EMBEDDED
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (f"UPDATE decision SET arm = (arm + 1) % 3 WHERE id = {KNOWN}", "the draw gives arm"),
        (f"UPDATE decision SET arm = (arm + 1) % 3 WHERE id = {BEYOND}", "the draw gives arm"),
        (f"UPDATE decision SET context = zeroblob(32) WHERE id = {KNOWN}", "vector differs"),
        (f"UPDATE decision SET unit = 'UNIT-' || unit WHERE grp = 2 OR id = {BEYOND}", "the hash of the unit says"),
        (f"UPDATE reward SET value = 1 - value WHERE goal = 'buy' AND decision = {KNOWN}", "its reward"),
        (f"DELETE FROM decision WHERE id = {KNOWN}", "not 1, 2, 3"),
        (f"DELETE FROM exposure WHERE decision > {KNOWN}", "not 1, 2, 3"),
        ("UPDATE stream SET deleted = deleted - 1", "not 1, 2, 3"),
        ("UPDATE stream SET base = base + 1", "where no snapshot is"),
        ("UPDATE stream SET base = 0", "vector differs"),
        (f"UPDATE snapshot SET state = x'00' WHERE position = {BASE}", "begins with is damaged"),
        (f"DELETE FROM snapshot WHERE position = {BASE}", "begins with is damaged"),
        (
            "UPDATE snapshot SET (state, digest) = (SELECT state, digest FROM snapshot ORDER BY position DESC LIMIT 1)"
            f" WHERE position = {BASE}",
            "vector differs",
        ),
    ],
)
def test_tampering_is_found_still(two: Any, sql: str, words: str) -> None:
    _, short = two()
    short.trade(300)
    short.engine._learner._fold(short.engine._experiments.lives["shop"], save=True)
    found = short.audit()
    assert found.passed and found.beyond > 5 and found.snapshots >= 2
    assert f"; of {found.beyond} the models are older than the retention" in sentence(found)
    short.run(sql)
    found = short.audit()
    assert not found.passed and words in found.problems[0], found.problems


@EMBEDDED
def test_a_damaged_base_is_not_taken_for_the_prior(two: Any) -> None:
    _, short = two()
    short.trade(200)
    known = short.ids[-1]
    short.run(f"DELETE FROM snapshot WHERE position > {BASE}", "UPDATE snapshot SET state = x'00'")
    with pytest.raises(StoreCorrupt, match="restore a backup"):
        short.engine.explain(known)


def test_a_fold_that_was_left_behind_does_not_skip_what_was_deleted(two: Any) -> None:
    _, short = two()
    short.trade(200)
    live = short.engine._experiments.lives["shop"]
    with short.engine._store.read() as reader:
        assert reader.lessons(1, 0, 1).positions
        with pytest.raises(Behind):
            Fold(prior(live)).read(reader, 1)
        assert Fold.start(reader, live, up_to=reader.trimmed(1).base).read(reader, 1) > 10


def pages(shop: Shop) -> int:
    return int(shop.engine._store.write(lambda tx: next(iter(tx._run("PRAGMA page_count")))[0]).result())  # type: ignore[attr-defined]


@EMBEDDED
def test_pages_of_what_was_deleted_are_used_again(two: Any) -> None:
    kept, short = two()
    for shop in (kept, short):
        shop.trade(900)
    assert pages(short) < 0.8 * pages(kept)


TURNS = st.lists(
    st.tuples(
        st.sampled_from([0.1, 3.0, 12.0, 70.0]),
        st.integers(0, 5),
        st.sampled_from([0.0, 1.0]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=TURNS, explicit=st.booleans())
def test_any_traffic(monkeypatch: pytest.MonkeyPatch, turns: list[Any], explicit: bool) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: 0)
    monkeypatch.setattr("secrets.token_bytes", lambda count: bytes(count))
    exposure = "explicit" if explicit else "implied"
    shops = [Shop(MemoryPlace(Path()), {"exposure": exposure, **more}) for more in ({}, {"retention": "21s"})]
    for shop in shops:
        for pause, unit, value, exposed, restart in turns:
            decision = shop.engine.decide("shop", f"unit-{unit}", taste(unit))
            shop.vectors.append(decision.propensities.tobytes())
            if exposed:
                shop.engine.expose(decision.id)
                shop.engine.reward(decision.id, "buy", value)
                shop.engine.reward(decision.id, "spend", 3.5 * value)
            shop.rest(pause)
            if restart:
                shop.restart()
    alike(*shops)
