"""Learning, explaining and reporting: the same log gives the same model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shop import Clock, policy_unit, spec, taste

from banditcore import DecisionEngine, MemoryStore, SqliteStore
from banditcore.audit import audit
from banditcore.learner import digest
from banditcore.types import Group


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
    monkeypatch.setattr(type(policy), "_propensities_into", lambda self, x, mask, out, seeds: out.fill(np.nan) or 0.0)
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


def test_a_damaged_snapshot_is_folded_afresh(tmp_path: Path) -> None:
    before, _ = run(SqliteStore(tmp_path), reward_holdout=True, clock=Clock())
    store = SqliteStore(tmp_path)
    store.write(lambda tx: tx._run("UPDATE snapshot SET state = x'00'")).result()  # type: ignore[attr-defined]
    with DecisionEngine(store, learn_in_background=False) as engine:
        assert digest(engine.model("shop").state()) == before


def test_a_decision_is_explained_by_the_definition_it_was_made_under(engine: DecisionEngine) -> None:
    unit = policy_unit(engine)
    engine.reward(engine.decide("shop", unit, taste()).id, "buy", 1.0)
    engine.catch_up()
    before = engine.decide("shop", unit, taste(1))
    # The same position again, but with an arm more, and saved so.
    engine.apply(spec(variants=["plain", "sale", "gift", "bundle"]))
    live = engine._experiments.lives["shop"]
    engine._learner._fold(live, save=True)
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


def test_one_experiment_that_cannot_learn_leaves_the_others_alone(tmp_path: Path, clock: Clock) -> None:
    reports: list[str] = []
    with DecisionEngine(SqliteStore(tmp_path), clock=clock, learn_in_background=False) as engine:
        engine.apply_all([spec("broken"), spec()])
        for name in ("broken", "shop"):
            for number in range(10):
                decision = engine.decide(name, f"unit-{number}", taste(number))
                engine.reward(decision.id, "buy", 1.0)
    store = SqliteStore(tmp_path)
    sabotage = "UPDATE decision SET context = x'00' WHERE stream = 1"
    store.write(lambda tx: (tx._run("DELETE FROM snapshot"), tx._run(sabotage))).result()  # type: ignore[attr-defined]
    report = lambda name, error: reports.append(name)  # noqa: E731
    with DecisionEngine(store, clock=clock, report_error=report) as engine:
        assert reports == ["broken"]
        decision = engine.decide("broken", policy_unit(engine), taste())
        assert (decision.degraded, decision.variant) == (True, "plain")
        assert engine.decide("shop", policy_unit(engine), taste()).model_position > 0
        repair = "UPDATE decision SET context = zeroblob(32) WHERE stream = 1"
        store.write(lambda tx: tx._run(repair)).result()  # type: ignore[attr-defined]
        engine.catch_up()
        again = engine.decide("broken", policy_unit(engine), taste())
        assert not again.degraded and again.model_position > 0
        engine.close()


def test_a_policy_that_gives_no_law_degrades(engine: DecisionEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = policy_unit(engine)
    kind = type(engine.model("shop"))

    def unlawful(vector: list[float]) -> Any:
        def into(self: Any, contexts: Any, mask: Any, out: Any) -> None:
            out[:] = vector

        return into

    for vector in ([1.5, -0.5, 0.0], [0.5, 0.0, 0.0], [np.nan, 0.5, 0.5]):
        monkeypatch.setattr(kind, "_propensities_into", unlawful(vector))
        assert engine.decide("shop", unit, taste()).degraded
    monkeypatch.undo()
    assert not engine.decide("shop", unit, taste()).degraded
    with engine._store.read() as reader:
        assert audit(reader, engine._store.secret).passed, "degraded and sound decisions of one model are told apart"


def test_closing_twice_is_closing_once() -> None:
    engine = DecisionEngine(MemoryStore())
    engine.close()
    engine.close()


def test_learning_without_counting(engine: DecisionEngine, clock: Clock) -> None:
    """The model is that of `catch_up`; windows are left alone where that is asked for."""
    open_, rewarded = (engine.decide("shop", policy_unit(engine), taste(seed)) for seed in range(2))
    engine.reward(rewarded.id, "buy", 1.0)
    clock.advance(30)
    assert engine.learn(closing=False) == 1 and engine.learn(closing=False) == 0
    assert engine.learn() == 1 and engine.catch_up() == 0
    assert engine.get("shop").position > 0 and open_.model_position == 0
    assert engine.report("shop").decisions == 2


def test_draws_that_are_given() -> None:
    """In place of the hashes, in order, a seed before its draw; an explanation says that the hash draws another."""
    asked = []

    class Given:
        def draw(self, decision: bytes) -> float:
            asked.append("draw")
            return 0.999

        def seed(self, decision: bytes) -> int:
            asked.append("seed")
            return 7

    policy = {"name": "shared_linear_ts", "floor": 0.1, "arm_features": [[0.0], [1.0], [2.0]]}
    with DecisionEngine(MemoryStore(), chance=Given(), learn_in_background=False) as engine:
        engine.apply(spec(policy=policy))
        decisions = [engine.decide("shop", f"unit-{number}", taste(number)) for number in range(20)]
        drawn = [decision for decision in decisions if decision.group is Group.POLICY]
        assert len(drawn) > 10 and all(decision.variant == "gift" for decision in drawn)
        assert asked == ["seed", "draw"] * 20
        assert not all(engine.explain(decision.id).recomputed for decision in drawn)
