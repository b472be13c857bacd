"""Every policy behind the engine: served, learned, saved, folded afresh, and found again by the audit."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audits import audited
from shop import Clock, policy_unit, spec, taste

from banditcore import DecisionEngine
from banditcore.errors import InvalidInput, NotAllowedNow
from banditcore.learner import digest
from banditcore.storage.copying import copy
from banditcore.storage.opening import open_log, open_store, sole_writer

FEATURES = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
POLICIES: dict[str, dict[str, Any]] = {
    "beta_ts": {"name": "beta_ts"},
    "linear_ts": {"name": "linear_ts", "l2": "auto", "mature_after": 20},
    "logistic_ts": {"name": "logistic_ts", "base_rate": 0.3, "mature_after": 20},
    "lin_ucb": {"name": "lin_ucb", "mature_after": 20},
    "hybrid_lin_ucb": {"name": "hybrid_lin_ucb"},
    "shared_linear_ts": {"name": "shared_linear_ts", "arm_features": FEATURES},
    "marginal": {"name": "shared_linear_ts", "arm_features": FEATURES, "vector": "marginal"},
    "square_cb": {"name": "square_cb", "over": "logistic"},
    "epsilon_greedy": {"name": "epsilon_greedy", "over": "hybrid_linear", "epsilon": 0.2, "floor": 0},
    "fading": {"name": "linear_ts", "half_life": 30.0, "mature_after": 20},
}


def trade(engine: DecisionEngine, clock: Clock, first: int, count: int) -> None:
    chance = np.random.default_rng(first)
    for number in range(first, first + count):
        clock.advance(0.5)
        context = chance.standard_normal(3)
        eligible = ["plain", "sale"] if number % 7 == 0 else []
        decision = engine.decide("shop", f"unit-{number}", {"taste": context}, eligible=eligible)
        assert decision.propensities.sum() == pytest.approx(1.0, abs=1e-12)
        if chance.random() < 0.8:
            engine.reward(decision.id, "buy", float(chance.random() < 0.2 + 0.5 * (decision.arm == 1)))
        if number % 11 == 0:
            engine.catch_up()


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty store that can be opened again."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else str(tmp_path)


@pytest.mark.parametrize("name", POLICIES)
def test_a_log_of_any_policy_is_found_again(name: str, location: str, tmp_path: Path) -> None:
    clock = Clock()
    policy = POLICIES[name]
    grown = policy | ({"arm_features": [*FEATURES, [1.0, 1.0]]} if "arm_features" in policy else {})
    changes = {"policy": policy}, {"policy": grown, "variants": ["plain", "sale", "gift", "bundle"]}
    for first, change in enumerate(changes):
        with DecisionEngine(open_store(location), clock=clock, learn_in_background=False) as engine:
            assert engine.apply(spec(**change)).stream == 1, "what was learned is kept"
            trade(engine, clock, 1000 * first, 150)
            engine.catch_up()
            learned = digest(engine.model("shop").state())
    found = audited(location)
    assert found.passed, found.problems
    assert found.decisions == found.equal == found.identical == 300
    if location != str(tmp_path):
        # Back to the other engine, as its owner might want it.
        location = _copied(location, str(tmp_path))
    store = open_store(location)
    store.write(lambda tx: tx._run("DELETE FROM snapshot")).result()  # type: ignore[attr-defined]
    with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
        assert digest(engine.model("shop").state()) == learned


def _copied(source: str, target: str) -> str:
    with closing(open_log(source)) as log, log.read() as reader, sole_writer(target) as tables:
        copy(reader, tables)
    return target


@pytest.mark.parametrize(
    ("name", "method", "low", "high"),
    [
        ("lin_ucb", "closed form", 0.0, 0.0),
        ("linear_ts", "quadrature", 1e-18, 1e-9),
        ("shared_linear_ts", "monte carlo", 1e-4, 0.1),
    ],
)
def test_the_certificate_is_logged_with_the_decision(
    engine: DecisionEngine, clock: Clock, name: str, method: str, low: float, high: float
) -> None:
    engine.apply(spec(policy=POLICIES[name]))
    trade(engine, clock, 0, 60)
    decision = engine.decide("shop", policy_unit(engine), taste())
    found = engine.explain(decision.id)
    assert found.method == method and found.recomputed
    assert low <= found.decision.certificate == decision.certificate <= high
    again = engine.decide("shop", policy_unit(engine), taste(), request_id="r")
    repeated = engine.decide("shop", policy_unit(engine), taste(), request_id="r")
    assert repeated.duplicate and repeated.certificate == again.certificate


def test_the_same_question_is_drawn_from_another_monte_carlo_vector(engine: DecisionEngine, clock: Clock) -> None:
    """Each decision id seeds its own: reusing one would make the errors of all decisions the same."""
    engine.apply(spec(policy=POLICIES["shared_linear_ts"]))
    trade(engine, clock, 0, 60)
    unit = policy_unit(engine)
    vectors = {engine.decide("shop", unit, taste()).propensities.tobytes() for _ in range(20)}
    assert len(vectors) > 3


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"name": "shared_linear_ts"}, "arm_features"),
        ({"name": "shared_linear_ts", "arm_features": FEATURES[:2]}, "arm_features"),
        ({"name": "shared_linear_ts", "arm_features": FEATURES, "floor": 0}, "floor"),
        ({"name": "square_cb", "over": "shared_linear"}, "arm_features"),
        ({"name": "square_cb", "over": "logistc"}, "over"),
        ({"name": "square_cb", "over": "linear", "base_rate": 0.1}, "base_rate"),
        ({"name": "epsilon_greedy", "epsilon": 0, "floor": 0}, "floor"),
        ({"name": "hybrid_lin_ucb", "floor": 0}, "floor"),
        ({"name": "hybrid_lin_ucb", "n_shared": 4}, "n_shared"),
        ({"name": "hybrid_lin_ucb", "n_shared": 1.5}, "n_shared"),
        ({"name": "lin_ucb", "alpha": "high"}, "alpha"),
        ({"name": "lin_ucb", "l2": "automatic"}, "l2"),
        ({"name": "logistic_ts", "base_rate": 1.0}, "base_rate"),
        ({"name": "linear_ts", "half_life": -1.0}, "half_life"),
    ],
)
def test_what_cannot_serve_is_refused_with_its_field(
    engine: DecisionEngine, policy: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        engine.apply(spec(policy=policy))
    assert caught.value.field == f"experiments.shop.policy.{field}"


def test_clicks_want_a_binary_goal(engine: DecisionEngine) -> None:
    goals = [{"name": "spend", "kind": "value"}]
    with pytest.raises(InvalidInput, match="binary"):
        engine.apply(spec("other", policy={"name": "square_cb", "over": "logistic"}, goals=goals, learn="spend"))


def test_variants_stay_where_their_features_are_counted(engine: DecisionEngine) -> None:
    engine.apply(spec(policy=POLICIES["shared_linear_ts"]))
    with pytest.raises(NotAllowedNow, match="count variants"):
        engine.apply(spec(policy=POLICIES["shared_linear_ts"], variants=["plain", "gift", "sale"]))
    stream = engine.get("shop").stream
    four = {"name": "shared_linear_ts", "arm_features": [*FEATURES, [1.0, 2.0]]}
    assert engine.apply(spec(policy=four, variants=["plain", "sale", "gift", "bundle"])).stream == stream
    other = {"name": "shared_linear_ts", "arm_features": [*FEATURES, [1.0, 2.5]]}
    assert engine.apply(spec(policy=other, variants=["plain", "sale", "gift", "bundle"])).stream == stream + 1


def test_what_only_serving_reads_keeps_what_was_learned(engine: DecisionEngine, clock: Clock) -> None:
    engine.apply(spec(policy={"name": "linear_ts", "exploration": 1.0}))
    trade(engine, clock, 0, 30)
    stream = engine.get("shop").stream
    assert engine.apply(spec(policy={"name": "linear_ts", "exploration": 0.5})).stream == stream
    assert engine.apply(spec(policy={"name": "linear_ts", "half_life": 60.0})).stream == stream + 1


@pytest.mark.parametrize("stated", [None, float("nan"), [0.0, 0.0], "good"])
def test_a_certificate_that_is_none_is_not_logged(
    engine: DecisionEngine, stated: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(engine.model("shop")), "_propensities_into", lambda *arguments: stated)
    decision = engine.decide("shop", policy_unit(engine), taste())
    assert (decision.degraded, decision.variant, decision.certificate) == (True, "plain", 0.0)
