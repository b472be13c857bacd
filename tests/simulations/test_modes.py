"""Kernel mode and engine mode are one truth: the same arms, propensities and learned bytes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from banditcore.audit import audit
from banditcore.engine import DecisionEngine
from banditcore.errors import InvalidInput
from banditcore.learner import digest
from banditcore.policies import policy_names
from banditcore.policies.lin_ucb import LinUCB
from banditcore_simulations.play import Happened, stretches, visits
from banditcore_simulations.play.engine import InEngine
from banditcore_simulations.worlds import World, make_policy, make_world

K, D, T = 4, 3, 250


def visit(world: Any, event: Any) -> None:
    """Customers who return with a memory, and arms that come and go."""
    event.unit[0] = int(event.uniforms[0] * world.seen.size)
    event.context[:] = event.normals
    event.context[0] = 1.0
    event.context[1] += world.shown * world.seen[event.unit[0]]
    for k in range(event.means.size):
        z = 0.1 * world.seen[event.unit[0]]
        for i in range(event.context.size):
            z += world.theta[k, i] * event.context[i]
        event.means[k] = 1.0 / (1.0 + np.exp(-z))
        event.eligible[k] = k == 0 or (event.step[0] // 50 + k) % world.away > 0


def outcome(world: Any, event: Any, arm: int) -> None:
    """Clicks, most of them late, some later than the window and some never; and what else they bring."""
    clicked = event.luck[1] < event.means[arm]
    event.outcomes[0] = 1.0 if clicked else 0.0
    event.outcomes[1] = event.luck[0] if clicked else 0.0
    if world.late > 0.0:
        event.delay[0] = max(0.0, event.luck[0] + 0.5) * world.late
        if event.uniforms[1] < 0.2:
            event.delay[0] = np.inf
    if event.step[0] >= world.remembers:
        world.seen[event.unit[0]] += 1.0


NEVER = 1_000_000


def make(
    *, late: float = 0.0, away: int = NEVER, seconds: float = 1.0, remembers: int = 0, shown: float = 0.0
) -> World:
    """late: seconds, about; away: one arm in so many is not eligible; remembers: from which visit on; shown: how much
    of it contexts tell."""
    theta = np.random.default_rng(5).standard_normal((K, D))
    return World(
        "busy",
        K,
        D,
        visit,
        {"theta": theta, "seen": np.zeros(60), "late": float(late), "away": away}
        | {"remembers": remembers, "shown": shown},
        outcome=outcome,
        normals=D,
        uniforms=2,
        goals=("buy", "spend"),
        seconds=seconds,
        window=2.0 * late,
        units=60,
        arm_features=np.random.default_rng(6).standard_normal((K, 2)),
        unit_interval=True,
    )


WORLDS = {
    "prompt": make(),
    "arms come and go": make(away=3),
    "late": make(late=8.0, away=3),
    "late, in odd microseconds": make(late=0.0123457, seconds=0.001234567),
    "late, seldom visited": make(late=3.0, seconds=7.0),
    "forgets": make(away=3, remembers=NEVER),
}
REMEMBERING = {
    "forgets": WORLDS["forgets"],
    "remembers in contexts": make(shown=0.1),
    "remembers late, in means": make(remembers=120),
}
POLICIES = [
    *[name for name in policy_names() if name not in ("fixed", "shared_linear_ts")],
    "fixed:probabilities=[0.1,0.2,0.3,0.4]",
    "shared_linear_ts:draws=100",
    "lin_ucb:half_life=40,floor=0.2",
    "logistic_ts:half_life=40",
    "lin_ucb:l2=auto",
    "linear_ts:mature_after=9",
]


def joined(blocks: Any) -> Happened:
    return Happened(*map(np.concatenate, zip(*blocks, strict=True)))


def end(world: World, policy: str, mode: Any = "kernel", events: int = T, **options: Any) -> dict[str, bytes]:
    """Everything that a run comes to."""
    player = make_policy(policy, world)
    happened = joined(visits(world, player, events, 9, mode=mode, **options))
    return {name: array.tobytes() for name, array in happened._asdict().items()} | {"state": digest(player.state())}


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_in_a_world_that_has_everything(policy):
    options = {"learn_every": 3, "holdout": 0.2}
    assert end(WORLDS["late"], policy, "engine", **options) == end(WORLDS["late"], policy, **options)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_that_decides_for_many_at_once(policy):
    options = {"learn_every": 7, "holdout": 0.2}
    assert end(WORLDS["forgets"], policy, "engine", **options) == end(WORLDS["forgets"], policy, **options)


@pytest.mark.parametrize("world", ["forgets", "remembers in contexts", "remembers late, in means"])
@pytest.mark.parametrize("learn_every", [100, 1_000])
def test_lessons_apart(learn_every, world, monkeypatch):
    """Blocks end within stretches, and stretches within blocks."""
    monkeypatch.setattr(stretches, "BLOCK", 130)
    options = {"learn_every": learn_every, "holdout": 0.2, "events": 610}
    assert end(REMEMBERING[world], "lin_ucb", "engine", **options) == end(REMEMBERING[world], "lin_ucb", **options)


@pytest.mark.parametrize("world", ["forgets", "remembers in contexts"])
def test_calls(world, monkeypatch):
    """One for the visits between two lessons; where the world remembers, one for each visit."""
    calls: list[int] = []
    submit = DecisionEngine.submit_batch

    def counted(self: DecisionEngine, name: str, units: list[str], *args: Any, **options: Any) -> Any:
        calls.append(len(units))
        return submit(self, name, units, *args, **options)

    monkeypatch.setattr(DecisionEngine, "submit_batch", counted)
    list(visits(REMEMBERING[world], LinUCB(K, D), T, 9, mode="engine", learn_every=60))
    after = [20, 60, 60, 10] if world == "forgets" else [1] * (T - stretches.TRIAL)
    assert calls == [1] * stretches.TRIAL + after


def test_a_world_that_begins_to_remember_is_not_played_on():
    world = make(remembers=130, shown=0.5)
    with pytest.raises(InvalidInput, match=r"world busy, visit 1..: who comes hangs on what was played before") as said:
        list(visits(world, LinUCB(K, D), T, 9, mode="engine", learn_every=50))
    assert "learn_every=1" in str(said.value) and "\n" not in str(said.value)
    assert end(world, "lin_ucb", "engine") == end(world, "lin_ucb")


def test_a_fault_within_a_stretch_is_found_at_its_visit(monkeypatch):
    """As in kernel mode, after the visits before it."""
    monkeypatch.setattr(stretches, "TRIAL", 1)
    world, said = replace(WORLDS["forgets"], units=59), []
    for mode in ("kernel", "engine"):
        with pytest.raises(InvalidInput, match="unit is 59: it must be one of the 59") as refused:
            list(visits(world, LinUCB(K, D), T, 9, mode=mode, learn_every=1_000))
        said.append(str(refused.value))
    assert said[0] == said[1] and "visit 0:" not in said[0]


@pytest.mark.parametrize("options", [{}, {"learn_every": 90, "holdout": 0.3}], ids=str)
@pytest.mark.parametrize("world", WORLDS)
def test_every_world(world, options):
    policy = "lin_ucb:half_life=20"
    assert end(WORLDS[world], policy, "engine", **options) == end(WORLDS[world], policy, **options)


@pytest.mark.parametrize("world", ["linear:arms=5,features=4", "logistic"])
def test_worlds_by_name(world):
    for policy in ("lin_ucb", "linear_ts"):
        made = make_world(world, 1)
        assert end(made, policy, "engine", events=300, learn_every=9) == end(made, policy, events=300, learn_every=9)


# Sabotage: what the comparison above would notice


SABOTAGE = {
    "learns a visit late": (WORLDS["late"], {"learn_every": 2, "holdout": 0.2}),
    "the holdout teaches": (WORLDS["late"], {"holdout": 0.0}),
    "holds out others": (WORLDS["late"], {"holdout": 0.3}),
    "closes windows a second early": (replace(WORLDS["late"], window=15.0), {"holdout": 0.2}),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_a_loop_that_does_otherwise_is_noticed(sabotage):
    world, options = SABOTAGE[sabotage]
    truth, other = end(WORLDS["late"], "lin_ucb", "engine", holdout=0.2), end(world, "lin_ucb", **options)
    assert truth.keys() == other.keys()
    assert all(truth[what] != other[what] for what in ("arms", "propensity", "state"))


def test_the_order_of_lessons_is_noticed():
    """Two rewards of one arm that change places leave other bytes: sums of floats hang on their order."""
    contexts = np.random.default_rng(1).standard_normal((30, D))
    states = []
    for order in (np.arange(30), np.r_[np.arange(28), 29, 28]):
        policy = LinUCB(K, D)
        policy.update(contexts[order], np.zeros(30, int), contexts[order, 0])
        states.append(digest(policy.state()))
    assert states[0] != states[1]


def test_what_never_comes_is_learned_as_a_zero():
    """All but the visits whose windows are still open, or were not found closed yet."""
    world = make(late=8.0)
    policy = make_policy("beta_ts", world)
    happened = joined(visits(world, policy, T, 9))
    clicks, learned = happened.outcomes[:, 0].sum(), policy.state()
    assert learned["successes"].sum() < 0.85 * clicks
    assert T - 20 < learned["successes"].sum() + learned["failures"].sum() < T


# The engine's side


@pytest.mark.parametrize("policy", ["lin_ucb", "shared_linear_ts:draws=100"])
def test_a_log_with_the_engines_own_draws_is_audited_to_the_end(policy):
    arms = []
    for hashed in (True, True, False):
        world = WORLDS["late"]
        with InEngine(world, make_policy(policy, world), 9, learn_every=1, holdout=0.2, hashed=hashed) as run:
            arms.append(joined(run.visits(T)).arms.tolist())
            with run.store.read() as reader:
                found = audit(reader, run.store.secret)
        if hashed:
            assert found.passed and found.equal == found.identical == found.decisions == T
            assert found.resolutions > 0.6 * T
        else:
            assert len(found.problems) == 1
    assert arms[0] == arms[1] != arms[2]


def test_given_draws_are_all_that_an_audit_finds_fault_with():
    world = WORLDS["prompt"]
    with InEngine(world, make_policy("lin_ucb", world), 9, learn_every=1, holdout=0.2) as run:
        list(run.visits(50))
        with run.store.read() as reader:
            found = audit(reader, run.store.secret)
    assert "was logged, the draw gives arm" in found.problems[0]


def test_an_engine_that_plays_reports():
    """Its ledger has every goal, refuses what is late, and never sees what is censored."""
    world = WORLDS["late"]
    with InEngine(world, make_policy("lin_ucb", world), 9, learn_every=1, holdout=0.2) as run:
        happened = joined(run.visits(T))
        report = run.engine.report("simulation")
    assert report.decisions == T
    assert [goal.goal for goal in report.goals] == ["buy", "spend"]
    assert 30 < report.goals[0].policy.units < 60 and report.goals[0].holdout.units == 60 - report.goals[0].policy.units
    assert 0.1 < happened.held_out.mean() < 0.3


def test_a_policy_has_learned_what_the_engine_has_and_plays_on_from_nothing():
    world = WORLDS["prompt"]
    policy = make_policy("lin_ucb", world)
    list(visits(world, policy, 50, mode="engine"))
    with pytest.raises(InvalidInput, match="lin_ucb has learned already, and an engine starts from the prior"):
        next(visits(world, policy, 50, mode="engine"))


# What cannot be


class Unregistered(LinUCB):
    """Has no name of its own."""


REFUSED = {
    "mode must be one of kernel, engine, server, found 'motor'": ({"mode": "motor"}, {}, None),
    "has a context for every arm": ({}, {"per_arm": True}, None),
    "is not the policy that is registered": ({}, {}, Unregistered(K, D)),
    "lin_ucb has 3 arms and 3 features, world busy 4 and 3": ({}, {}, LinUCB(3, D)),
    "floor must be above 0": ({}, {}, LinUCB(K, D, floor=0.0)),
    "visit 0: its control, arm 3, is not eligible": ({}, {"control": 3}, None),
    "visit 0: delay is .*0 in a world without a window": ({}, {"window": 0.0}, None),
}


@pytest.mark.parametrize("words", REFUSED)
def test_bad_input(words):
    options, change, policy = REFUSED[words]
    world = replace(WORLDS["late"], **change)
    with pytest.raises(InvalidInput, match=words) as refused:
        list(visits(world, policy or LinUCB(K, D), 50, **{"mode": "engine"} | options))
    assert "\n" not in str(refused.value)


# Server mode: the arms are the server's own, so laws are compared


def test_a_real_server(tmp_path, monkeypatch):
    """Propensities that it logged are those it draws by, within 5 standard errors; it learns; nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    world, policy = make(late=5.0, away=3), LinUCB(K, D, floor=0.2)
    happened = joined(visits(world, policy, 500, 2, mode="server", holdout=0.2))
    mine = ~happened.held_out
    turn, claimed = np.flatnonzero(mine) % K, happened.probes[mine]
    strayed = ((happened.arms[mine] == turn) - claimed).sum()
    assert abs(strayed) < 5 * np.sqrt((claimed * (1 - claimed)).sum())
    assert 0.0 < claimed.mean() < 1.0 and (happened.propensity[mine] >= 0.2 / K).all()
    assert (happened.arms[~mine] == 0).all() and (happened.propensity[~mine] == 1.0).all()
    early, late = np.array_split(happened.gaps[mine], 2)
    assert late.mean() < early.mean()
    assert 0 < policy.state()["n"].sum() <= mine.sum()
    assert not list(tmp_path.iterdir())
