"""Experiments: what a change of definition keeps, opens anew or may not touch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from disk import Disk
from shop import BASE, Clock, policy_unit, spec, taste

from banditcore import DecisionEngine, SqliteStore
from banditcore.errors import InvalidInput, NotAllowedNow, StoreUnavailable


def test_applying_twice_changes_nothing(engine: DecisionEngine) -> None:
    before = engine.get("shop")
    assert engine.apply(spec()) == before
    assert engine.apply(spec(variants=["plain", "gift", "sale"])).version == 2, "another order is another text"
    assert [arm.key for arm in engine.get("shop").arms] == ["plain", "sale", "gift"], "but arms keep their index"


def test_a_new_variant_joins_the_stream_and_an_old_one_leaves(engine: DecisionEngine) -> None:
    unit = policy_unit(engine)
    engine.reward(engine.decide("shop", unit, taste()).id, "buy", 1.0)
    engine.catch_up()
    changed = engine.apply(spec(variants=["plain", "gift", "bundle"]))
    assert [(arm.key, arm.active) for arm in changed.arms] == [
        ("plain", True),
        ("sale", False),
        ("gift", True),
        ("bundle", True),
    ]
    assert (changed.stream, changed.version) == (1, 2)
    assert changed.position > 0, "what was learned is kept"
    decision = engine.decide("shop", unit, taste())
    assert decision.propensities[1] == 0.0
    assert decision.propensities.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        {"context": [{"name": "taste", "type": "vector", "size": 3}]},
        {"policy": {"name": "linear_ts"}},
        {"policy": {"name": "lin_ucb", "alpha": 0.5, "l2": 2.0}},
        {"learn": "spend"},
    ],
)
def test_another_meaning_opens_a_new_epoch(engine: DecisionEngine, change: dict[str, Any]) -> None:
    engine.reward(engine.decide("shop", policy_unit(engine), taste()).id, "buy", 1.0)
    engine.catch_up()
    changed = engine.apply(spec(**change))
    assert (changed.stream, changed.version, changed.position) == (2, 2, 0)


def test_a_serving_parameter_keeps_what_was_learned(engine: DecisionEngine) -> None:
    engine.reward(engine.decide("shop", policy_unit(engine), taste()).id, "buy", 1.0)
    engine.catch_up()
    position = engine.get("shop").position
    changed = engine.apply(spec(policy={"name": "lin_ucb", "alpha": 2.0, "floor": 0.3}))
    assert (changed.stream, changed.position) == (1, position)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"salt": "other"}, "salt"),
        ({"control": "sale"}, "control"),
        ({"goals": [{"name": "buy", "window": "1h"}]}, "goals.buy"),
        ({"goals": BASE["goals"][::-1]}, "goals"),
        ({"target_lift": 0.5}, "target_lift"),
        ({"exposure": "explicit"}, "exposure"),
    ],
)
def test_what_would_spoil_the_comparison_is_refused(engine: DecisionEngine, change: dict[str, Any], field: str) -> None:
    before = engine.get("shop")
    with pytest.raises(NotAllowedNow) as caught:
        engine.apply(spec(**change))
    assert caught.value.field == f"experiments.shop.{field}"
    assert engine.get("shop") == before


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"policy": "lin_usb"}, "policy.name", "lin_ucb"),
        ({"policy": {"name": "lin_ucb", "alfa": 1.0}}, "policy.alfa", "takes alpha, l2"),
        ({"policy": {"name": "lin_ucb", "alpha": -1.0}}, "policy.alpha", ""),
        ({"policy": {"name": "lin_ucb", "floor": 0.0}}, "policy.floor", "above 0"),
        ({"context": []}, "policy", "needs a context"),
        ({"policy": "beta_ts", "learn": "spend"}, "policy", "binary goals only"),
        ({"context": [{"name": "v", "type": "vector", "size": 4096}], "variants": [f"v{n}" for n in range(20)],
          "control": "v0"}, "policy", "512 MiB"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_serve_is_refused(
    engine: DecisionEngine, change: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        engine.apply(spec("other", **change))
    assert caught.value.field == f"experiments.other.{field}"
    assert words in caught.value.message
    assert [experiment.spec.name for experiment in engine.list()] == ["shop"]


@pytest.mark.parametrize("variants", [["plain", "sale", "bundle"], ["sale", "plain", "gift"]])
def test_variants_stay_as_they_are_beside_parameters_that_count_them(
    clock: Clock, tmp_path: Path, variants: list[str]
) -> None:
    shares = {"name": "fixed", "probabilities": [0.5, 0.25, 0.25]}
    with DecisionEngine(SqliteStore(tmp_path), clock=clock) as engine:
        before = engine.apply(spec(policy=shares))
        with pytest.raises(NotAllowedNow, match="count variants"):
            engine.apply(spec(policy=shares, variants=variants))
        assert engine.get("shop") == before
    with DecisionEngine(SqliteStore(tmp_path), clock=clock) as engine:
        assert engine.get("shop") == before


def test_a_goal_keeps_its_meaning_also_while_it_is_away(engine: DecisionEngine) -> None:
    engine.apply(spec(goals=[BASE["goals"][0]]))
    with pytest.raises(NotAllowedNow, match=r"goals\.spend was defined otherwise"):
        engine.apply(spec(goals=[BASE["goals"][0], {"name": "spend", "kind": "binary"}]))
    engine.apply(spec())


def test_several_definitions_are_applied_together_or_not_at_all(engine: DecisionEngine) -> None:
    with pytest.raises(NotAllowedNow):
        engine.apply_all([spec("other"), spec(salt="other")])
    assert [experiment.spec.name for experiment in engine.list()] == ["shop"]
    assert [experiment.spec.name for experiment in engine.apply_all([spec("other"), spec()])] == ["other", "shop"]


def test_writing_a_default_out_keeps_what_was_learned(engine: DecisionEngine) -> None:
    written_out = {"name": "lin_ucb", "alpha": 0.5, "l2": 1.0}
    assert engine.apply(spec(policy=written_out)).stream == 1


def test_pause_resume_archive(engine: DecisionEngine) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    assert engine.pause("shop").status == engine.pause("shop").status == "paused"
    with pytest.raises(NotAllowedNow, match="is paused: resume it first"):
        engine.decide("shop", "ann", taste())
    assert engine.reward(decision.id, "buy", 1.0).resolved, "rewards go on counting"
    assert engine.resume("shop").status == "running"
    engine.decide("shop", "ann", taste())
    engine.archive("shop")
    with pytest.raises(NotAllowedNow, match="final"):
        engine.resume("shop")
    with pytest.raises(NotAllowedNow, match="archived"):
        engine.apply(spec(variants=["plain", "sale"]))


class TestAChangeOfUnknownOutcome:
    """Its commit failed in the sync, and what the disk has of it is found out on reopening."""

    @pytest.fixture
    def disk(self) -> Disk:
        return Disk()

    @pytest.fixture
    def shop(self, disk: Disk, clock: Clock) -> Iterator[DecisionEngine]:
        store = SqliteStore("data", vfs=disk.name, threaded=False)
        with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
            engine.apply(spec())
            yield engine

    @contextmanager
    def failing_syncs(self, disk: Disk) -> Iterator[None]:
        disk.faults.sync = 1.0
        with pytest.raises(StoreUnavailable):
            yield
        disk.faults.sync = 0.0

    def stored_status(self, shop: DecisionEngine) -> str:
        with shop._store.read() as reader:
            return reader.experiments()[0].status

    def test_a_status_that_looks_unchanged_is_written_all_the_same(self, shop: DecisionEngine, disk: Disk) -> None:
        with self.failing_syncs(disk):
            shop.pause("shop")
        assert shop.get("shop").status == "running"
        shop._store.write(lambda tx: None).result()
        assert self.stored_status(shop) == "paused"
        shop.resume("shop")
        assert self.stored_status(shop) == "running"

    def test_the_learners_next_turn_takes_it_over(self, shop: DecisionEngine, disk: Disk) -> None:
        with self.failing_syncs(disk):
            shop.apply(spec(policy="linear_ts"))
        shop._store.write(lambda tx: None).result()
        assert shop.get("shop").version == 1
        shop.catch_up()
        assert shop.get("shop").version == 2
