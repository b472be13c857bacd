"""The product in one process: experiments, decisions, rewards, learning, as a caller sees them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from banditcore import DecisionEngine, MemoryStore, SqliteStore, parse_experiment
from banditcore.config import ExperimentSpec
from banditcore.errors import Conflict, InvalidInput, NotAllowedNow, NotFound, StoreCorrupt
from banditcore.learner import digest
from banditcore.types import Group, Reward

BASE: dict[str, Any] = {
    "control": "plain",
    "holdout": 0.2,
    "variants": ["plain", "sale", "gift"],
    "policy": {"name": "lin_ucb", "alpha": 0.5},
    "context": [{"name": "taste", "type": "vector", "size": 3}, {"name": "one", "type": "constant"}],
    "goals": [{"name": "buy", "window": "10s"}, {"name": "spend", "kind": "value", "window": "20s"}],
}


def spec(name: str = "shop", **change: Any) -> ExperimentSpec:
    return parse_experiment(name, {**BASE, **change})


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1e6)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Iterator[DecisionEngine]:
    with DecisionEngine(MemoryStore(), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec())
        yield engine


def taste(seed: int = 0) -> dict[str, Any]:
    return {"taste": np.random.default_rng(seed).standard_normal(3)}


def policy_unit(engine: DecisionEngine, group: Group = Group.POLICY) -> str:
    """A unit that falls into the group."""
    live = engine._lives["shop"]
    for number in range(1_000):
        unit = f"{group.name}-{number}"
        if (live.bucket(unit.encode()) < live.spec.holdout) == (group is Group.HOLDOUT):
            return unit
    raise AssertionError


# Experiments


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
        ({"holdout": 0.3}, "holdout"),
        ({"salt": "other"}, "salt"),
        ({"control": "sale"}, "control"),
        ({"goals": [{"name": "buy", "window": "1h"}]}, "goals.buy"),
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


def test_a_change_that_cannot_serve_leaves_everything_as_it_was(clock: Clock, tmp_path: Path) -> None:
    shares = {"name": "fixed", "probabilities": [0.5, 0.25, 0.25]}
    with DecisionEngine(SqliteStore(tmp_path), clock=clock) as engine:
        before = engine.apply(spec(policy=shares))
        # Three variants again, but with the removed one there are four arms to share between.
        with pytest.raises(InvalidInput, match="probabilities"):
            engine.apply(spec(policy=shares, variants=["plain", "sale", "bundle"]))
        assert engine.get("shop") == before
    with DecisionEngine(SqliteStore(tmp_path), clock=clock) as engine:
        assert engine.get("shop") == before


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
        engine.apply(spec(target_lift=0.2))


# Decisions


def test_a_decision_says_what_it_was_drawn_from(engine: DecisionEngine) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    assert decision.group is Group.POLICY
    assert decision.propensity == decision.propensities[decision.arm] > 0
    assert decision.propensities.sum() == pytest.approx(1.0, abs=1e-12)
    assert decision.propensities.min() >= 0.02 / 3 - 1e-15


def test_held_out_units_always_get_control(engine: DecisionEngine) -> None:
    unit = policy_unit(engine, Group.HOLDOUT)
    for seed in range(30):
        decision = engine.decide("shop", unit, taste(seed))
        assert (decision.group, decision.variant, decision.propensity) == (Group.HOLDOUT, "plain", 1.0)


def test_the_holdout_has_its_share(engine: DecisionEngine) -> None:
    batch = engine.decide_batch("shop", [f"unit-{n}" for n in range(10_000)], np.zeros((10_000, 4)))
    share = float((batch.groups == Group.HOLDOUT).mean())
    assert abs(share - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 10_000)


def test_a_batch_decides_as_single_calls_do(engine: DecisionEngine) -> None:
    units = [f"unit-{n}" for n in range(20)]
    contexts = [taste(n) for n in range(20)]
    batch = engine.decide_batch("shop", units, contexts)
    columns = engine.decide_batch("shop", units, np.array([[*context["taste"], 1.0] for context in contexts]))
    for index, (unit, context) in enumerate(zip(units, contexts, strict=True)):
        single = engine.decide("shop", unit, context)
        assert batch.groups[index] == columns.groups[index] == single.group
        assert batch.propensities[index].tobytes() == single.propensities.tobytes()
        assert columns.propensities[index].tobytes() == single.propensities.tobytes()


def test_only_eligible_variants_are_drawn(engine: DecisionEngine) -> None:
    unit = policy_unit(engine)
    for seed in range(20):
        decision = engine.decide("shop", unit, taste(seed), eligible=["plain", "gift"])
        assert decision.variant in ("plain", "gift")
        assert decision.propensities[1] == 0.0
    batch = engine.decide_batch(
        "shop", [unit] * 3, [taste(n) for n in range(3)], eligible=[[], ["plain"], ["plain", "sale"]]
    )
    assert (batch.propensities[1] == [1.0, 0.0, 0.0]).all()
    assert batch.propensities[2, 2] == 0.0


@pytest.mark.parametrize(
    ("eligible", "words"), [(["sale"], "must include the control"), (["plain", "none"], "'none' is not a variant")]
)
def test_eligible_lists_are_checked(engine: DecisionEngine, eligible: list[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        engine.decide("shop", "ann", taste(), eligible=eligible)
    assert caught.value.field == "eligible"


def test_a_request_id_gets_its_first_answer_again(engine: DecisionEngine) -> None:
    first = engine.decide("shop", "ann", taste(), request_id="r1")
    again = engine.decide("shop", "ann", taste(), request_id="r1")
    assert again.duplicate and not first.duplicate
    assert (again.id, again.variant, again.propensity) == (first.id, first.variant, first.propensity)
    assert engine.report("shop").decisions == 1


def test_a_request_id_is_for_one_request(engine: DecisionEngine) -> None:
    engine.decide("shop", "ann", taste(), request_id="r1")
    for unit, context in (("bob", taste()), ("ann", taste(1))):
        with pytest.raises(Conflict, match="used before"):
            engine.decide("shop", unit, context, request_id="r1")
    assert engine.report("shop").decisions == 1


def test_a_batch_is_repeated_as_a_whole(engine: DecisionEngine) -> None:
    units, contexts = ["ann", "bob", "cid"], np.zeros((3, 4))
    first = engine.decide_batch("shop", units, contexts, request_id="r1")
    again = engine.decide_batch("shop", units, contexts, request_id="r1")
    assert again.duplicate
    assert (again.ids, again.arms.tolist(), again.variants) == (first.ids, first.arms.tolist(), first.variants)
    with pytest.raises(Conflict):
        engine.decide_batch("shop", units[:2], contexts[:2], request_id="r1")


@pytest.mark.parametrize(
    ("unit", "words"), [("", "1 to 256 bytes, found 0"), ("x" * 300, "found 300"), ("a\0b", "NUL"), ("\ud800", "text")]
)
def test_units_are_checked(engine: DecisionEngine, unit: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        engine.decide("shop", unit, taste())
    assert caught.value.field == "unit"
    assert engine.report("shop").decisions == 0


def test_batches_are_checked(engine: DecisionEngine) -> None:
    with pytest.raises(InvalidInput, match="found 10001"):
        engine.decide_batch("shop", ["u"] * 10_001, np.zeros((10_001, 4)))
    with pytest.raises(InvalidInput, match="found 0"):
        engine.decide_batch("shop", [], [])
    with pytest.raises(InvalidInput, match="2 units but 3 contexts"):
        engine.decide_batch("shop", ["a", "b"], np.zeros((3, 4)))
    with pytest.raises(InvalidInput, match=r"units\[1\]"):
        engine.decide_batch("shop", ["a", ""], np.zeros((2, 4)))
    with pytest.raises(InvalidInput, match=r"items\[1\]\.attributes\.taste"):
        engine.decide_batch("shop", ["a", "b"], [taste(), {"taste": [1.0]}])
    assert engine.report("shop").decisions == 0


def test_an_unknown_experiment_is_named_with_those_there_are(engine: DecisionEngine) -> None:
    with pytest.raises(NotFound, match="'shoe' does not exist; there is shop"):
        engine.decide("shoe", "ann", taste())


# Rewards


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
    buy, spend = engine.report("shop").goals
    assert (buy.policy.mean, spend.policy.mean) == (1.0, 42.0)


def test_a_late_reward_is_kept_and_counts_nowhere(engine: DecisionEngine, clock: Clock) -> None:
    decision = engine.decide("shop", policy_unit(engine), taste())
    clock.advance(10.5)
    for _ in range(2):
        with pytest.raises(NotAllowedNow, match="window of buy"):
            engine.reward(decision.id, "buy", 1.0)
    clock.advance(10)
    assert engine.catch_up() == 1, "the window's close resolved it"
    assert engine.report("shop").goals[0].policy.mean == 0.0
    with engine._store.read() as reader:
        (kept,) = reader.rewards(1, bytes.fromhex(decision.id))
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
        assert reader.rewards(1, bytes.fromhex(decision.id)) == []


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


# Learning


def run(store: MemoryStore | SqliteStore, *, reward_holdout: bool, clock: Clock) -> tuple[bytes, int]:
    """The same shop twice: decisions and rewards of 400 units; digest of the learned state."""
    with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
        engine.apply(spec())
        chance = np.random.default_rng(5)
        held_out = 0
        for number in range(400):
            vector = chance.standard_normal(3)
            decision = engine.decide("shop", f"unit-{number}", {"taste": vector})
            # What a unit earns depends on the unit alone, so that both runs see the same rewards.
            value = float(vector[0] > 0)
            if decision.group is Group.HOLDOUT:
                held_out += 1
                if not reward_holdout:
                    continue
            engine.reward(decision.id, "buy", value)
            if number % 50 == 0:
                engine.catch_up()
        engine.catch_up()
        return digest(engine.model("shop").state()), held_out


class SameIds(MemoryStore):
    """A store whose decisions get the same ids in every run, so that the same variants are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.secret = bytes(32)


def test_the_holdouts_rewards_never_reach_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditcore.assignment.secrets.randbits", lambda bits: 0)
    with_rewards, held_out = run(SameIds(), reward_holdout=True, clock=Clock())
    without, _ = run(SameIds(), reward_holdout=False, clock=Clock())
    assert held_out > 50
    assert with_rewards == without


def test_the_model_after_a_restart_is_byte_equal_to_a_fresh_fold(tmp_path: Path) -> None:
    clock = Clock()
    before, _ = run(SqliteStore(tmp_path), reward_holdout=True, clock=clock)
    with DecisionEngine(SqliteStore(tmp_path), clock=clock, learn_in_background=False) as engine:
        assert digest(engine.model("shop").state()) == before
    store = SqliteStore(tmp_path)
    store.write(lambda tx: tx._run("DELETE FROM snapshot")).result()  # type: ignore[attr-defined]
    with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
        assert digest(engine.model("shop").state()) == before


def test_it_learns_in_the_background(tmp_path: Path) -> None:
    with DecisionEngine(SqliteStore(tmp_path)) as engine:
        engine.apply(spec())
        unit = policy_unit(engine)
        for seed in range(50):
            engine.reward(engine.decide("shop", unit, taste(seed)).id, "buy", 1.0)
        deadline = 500
        while engine.decide("shop", unit, taste()).model_position < 100 and deadline:
            deadline -= 1
        assert deadline, "no decision ever used a newer model"


def test_a_policy_that_fails_degrades_to_control(engine: DecisionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = policy_unit(engine)
    policy = engine.model("shop")
    monkeypatch.setattr(type(policy), "_propensities_into", lambda self, contexts, mask, out: out.fill(np.nan))
    decision = engine.decide("shop", unit, taste())
    assert (decision.degraded, decision.variant, decision.propensity) == (True, "plain", 1.0)
    assert not engine.reward(decision.id, "buy", 1.0).resolved
    assert engine.catch_up() == 0


@pytest.mark.parametrize("policy", ["lin_ucb", "linear_ts", "beta_ts", "uniform", {"name": "fixed", "arm": 1}])
def test_every_policy_serves(policy: Any) -> None:
    with DecisionEngine(MemoryStore(), learn_in_background=False) as engine:
        engine.apply(spec(policy=policy))
        for number in range(60):
            decision = engine.decide("shop", f"unit-{number}", taste(number))
            engine.reward(decision.id, "buy", float(number % 2))
            engine.catch_up()
        assert engine.explain(decision.id).recomputed


def test_many_windows_close_in_one_go(clock: Clock) -> None:
    with DecisionEngine(MemoryStore(), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec(holdout=0.0001))
        for _ in range(2):
            engine.decide_batch("shop", [f"unit-{n}" for n in range(7_000)], np.zeros((7_000, 4)))
        clock.advance(60)
        assert engine.catch_up() == 14_000 - engine.decide_batch("shop", ["x"], np.zeros((1, 4))).groups.tolist().count(
            2
        )


def test_a_failed_start_gives_the_directory_back(tmp_path: Path) -> None:
    run(SqliteStore(tmp_path), reward_holdout=True, clock=Clock())
    store = SqliteStore(tmp_path)
    store.write(lambda tx: tx._run("UPDATE snapshot SET state = x'00'")).result()  # type: ignore[attr-defined]
    with pytest.raises(StoreCorrupt, match=r"snapshot of stream 1 at \d+ is damaged: delete its row"):
        DecisionEngine(store)
    SqliteStore(tmp_path).close()


def test_a_decision_is_explained_by_the_definition_it_was_made_under(engine: DecisionEngine) -> None:
    unit = policy_unit(engine)
    engine.reward(engine.decide("shop", unit, taste()).id, "buy", 1.0)
    engine.catch_up()
    before = engine.decide("shop", unit, taste(1))
    # The same position again, but with an arm more, and saved so.
    engine.apply(spec(variants=["plain", "sale", "gift", "bundle"]))
    live = engine._lives["shop"]
    engine._learner._save(live, engine._learner._folds[live.stream], now=True)
    engine.reward(engine.decide("shop", unit, taste(2)).id, "buy", 0.0)
    engine.catch_up()
    found = engine.explain(before.id)
    assert found.recomputed
    assert [arm.variant for arm in found.arms] == ["plain", "sale", "gift"]
    assert (found.policy, found.floor, found.holdout_share) == ("lin_ucb", 0.02, 0.2)
    assert found.holdout_bucket >= 0.2
    assert found.decision.propensities.tobytes() == before.propensities.tobytes()
    # A linear score is the sum of its contributions and, for LinUCB, the width that optimism adds.
    for arm in found.arms:
        assert sum(part.contribution for part in arm.contributions) <= arm.score


def test_the_report_adds_up_by_hand(clock: Clock) -> None:
    with DecisionEngine(MemoryStore(), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec(holdout=0.5))
        bought: dict[Group, list[float]] = {Group.POLICY: [], Group.HOLDOUT: []}
        for number in range(400):
            decision = engine.decide("shop", f"unit-{number}", taste(number))
            value = float(number % 3 == 0 if decision.group is Group.POLICY else number % 6 == 0)
            engine.reward(decision.id, "buy", value)
            bought[decision.group].append(value)
        waiting = engine.report("shop").goals[0]
        assert (waiting.status, waiting.policy.matured_units, waiting.lift) == ("collecting", 0, None)
        assert "0 converted units of the 25 needed" in waiting.note
        clock.advance(12)
        engine.decide("shop", "too-young-to-count", taste())
        report = engine.report("shop")
        goal = report.goals[0]
        means = {group: float(np.mean(values)) for group, values in bought.items()}
        assert (goal.policy.mean, goal.holdout.mean) == (
            pytest.approx(means[Group.POLICY]),
            pytest.approx(means[Group.HOLDOUT]),
        )
        assert goal.policy.matured_units + goal.holdout.matured_units == 400
        assert goal.policy.units + goal.holdout.units == 401
        assert goal.status == "ready" and goal.lift is not None
        assert goal.lift.estimate == pytest.approx(means[Group.POLICY] / means[Group.HOLDOUT] - 1)
        assert goal.lift.difference == pytest.approx(means[Group.POLICY] - means[Group.HOLDOUT])
        assert goal.lift.low < goal.lift.estimate < goal.lift.high
        assert sum(variant.decisions for variant in report.variants) == goal.policy.units
        assert sum(variant.share for variant in report.variants) == pytest.approx(1.0)
