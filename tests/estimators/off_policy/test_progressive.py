"""Expected outcomes of a row come from earlier rows only."""

from dataclasses import replace

import numpy as np
import pytest

from banditcore.bandit_log import Rows, concatenated
from banditcore.estimators.off_policy import (
    ArmFeatureModel,
    OffPolicy,
    OutcomeModel,
    Suite,
    estimate,
    outcome_model,
    predicted,
    progressive,
    weigh,
)
from banditcore.types import Floats


def linear(n: int, seed: int = 0, own: bool = False) -> Rows:
    """Rewards that are linear in two features, of the visit or of the arm that was shown, and noise of .1."""
    g = np.random.default_rng(seed)
    x = g.standard_normal((n, 3, 2) if own else (n, 2))
    p = g.dirichlet(np.full(3, 5.0), n)
    arms = (p.cumsum(axis=1) < g.random((n, 1))).sum(axis=1).clip(0, 2)
    at = np.arange(n)
    means = 1.0 + x @ [2.0, -1.0] if own else x @ np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]])
    return Rows(x, arms, means[at, arms] + g.normal(0.0, 0.1, n), p[at, arms], propensities=p, columns={"mean": means})


def fitted(rows: Rows) -> list[tuple[Rows, Floats]]:
    return list(progressive(outcome_model(3, rows.contexts), [rows]))


@pytest.mark.parametrize("own", [False, True])
def test_a_row_is_expected_before_it_is_learned(own: bool) -> None:
    rows = linear(2_000, own=own)
    moved = replace(rows, rewards=np.append(rows.rewards[:-1], 50.0))
    before, after = fitted(rows), fitted(moved)
    assert all((one[1] == other[1]).all() for one, other in zip(before, after, strict=True))
    assert (before[0][1] == rows.rewards[0]).all(), "nothing is known but the first outcome"
    assert [len(part) for part, _ in before][:9] == [1, 1, 1, 1, 2, 3, 4, 6, 9]
    assert (concatenated([part for part, _ in before]).rewards == rows.rewards).all()


@pytest.mark.parametrize("own", [False, True])
def test_what_can_be_explained_is(own: bool) -> None:
    last, q = fitted(linear(8_000, own=own))[-1]
    inside = np.abs(last.columns["mean"]) < 4.0  # predictions stay within the outcomes seen
    assert np.abs(q - last.columns["mean"])[inside].mean() < 0.03


def test_pages_are_gone_through_in_order() -> None:
    rows = linear(1_000)
    pages = [rows.take(slice(0, 400)), rows.take(slice(400, 1_000))]
    found = list(progressive(outcome_model(3, rows.contexts), pages))
    assert (concatenated([part for part, _ in found]).rewards == rows.rewards).all()


def test_fallbacks_are_learned_from_and_not_given() -> None:
    rows = replace(linear(1_000), fallback=np.arange(1_000) < 500)
    model = outcome_model(3, rows.contexts)
    found = list(progressive(model, [rows]))
    assert sum(len(part) for part, _ in found) == 500 and model.shown.sum() == 1_000
    assert not any(part.fallback is not None and part.fallback.any() for part, _ in found)
    assert (found[0][1] != 0.0).any()


def test_it_is_what_a_running_experiment_is_scored_with_once_something_is_known() -> None:
    rows = linear(3_000)
    assert rows.propensities is not None
    fold = OffPolicy(3, 2, 0)
    fold.add(rows.contexts, rows.arms, rows.rewards, rows.propensities, np.zeros(3_000, dtype=int))
    scores = 0.0
    for part, q in fitted(rows):
        always = np.tile([0.0, 1.0, 0.0], (len(part), 1))
        scores += len(part) * estimate("dr", weigh(part, always, q)).value()
    # The first 64 rows are expected to earn 0 there, and to earn what those before did here.
    assert abs(scores - fold.tally.arms["score"][1]) / 3_000 < 0.02


@pytest.mark.parametrize("own", [False, True])
def test_a_constant_on_all_outcomes_moves_every_expectation(own: bool) -> None:
    rows = linear(1_000, own=own)
    moved = replace(rows, rewards=rows.rewards + 1_000.0)
    for (_, q), (_, other) in zip(fitted(rows), fitted(moved), strict=True):
        assert other == pytest.approx(q + 1_000.0, abs=1e-6)


@pytest.mark.parametrize("own", [False, True])
def test_outcomes_of_one_are_worth_exactly_one(own: bool) -> None:
    rows = linear(1_000, own=own)
    rows = replace(rows, rewards=np.ones(1_000))
    target = np.random.default_rng(4).dirichlet(np.ones(3), 1_000)
    suite, seen = Suite(["dr", "snips"]), 0
    for part, q in fitted(rows):
        suite.add(weigh(part, target[seen : seen + len(part)], q))
        seen += len(part)
    for each in suite.estimators.values():
        assert each.value() == 1.0 and each.interval() == (1.0, 1.0)


def test_a_model_of_before_outcomes_had_an_origin_goes_on() -> None:
    rows = linear(2_000)
    model = OutcomeModel(3, 2)
    model.learn(rows.contexts, rows.arms, rows.rewards)
    state = model.state()
    again = OutcomeModel(3, 2)
    again.take(state)
    assert (again.predict(rows.contexts) == model.predict(rows.contexts)).all() and state["origin"] != 0.0
    again.take({key: array for key, array in state.items() if key != "origin"})
    assert again.origin == 0.0
    again.learn(rows.contexts, rows.arms, rows.rewards)
    assert again.origin == 0.0, "what it learned was counted from 0"


def test_the_model_fits_the_contexts() -> None:
    assert isinstance(outcome_model(3, np.empty((5, 2))), OutcomeModel)
    assert isinstance(outcome_model(3, np.empty((5, 0))), OutcomeModel)
    own = outcome_model(3, np.empty((5, 3, 2)))
    assert isinstance(own, ArmFeatureModel)
    assert predicted(own, linear(5, own=True)).shape == (5, 3)


def test_one_regression_over_the_features_of_arms_is_the_closed_form() -> None:
    rows = linear(300, own=True)
    model = ArmFeatureModel(3, 2)
    for part in (slice(0, 100), slice(100, 300)):
        piece = rows.take(part)
        model.learn(piece.contexts, piece.arms, piece.rewards)
    x = np.column_stack([rows.contexts[np.arange(300), rows.arms], np.ones(300)])
    first = rows.rewards[0]
    weights = np.linalg.solve(x.T @ x + np.eye(3), x.T @ (rows.rewards - first))
    expected = np.clip(rows.contexts @ weights[:-1] + weights[-1] + first, rows.rewards.min(), rows.rewards.max())
    assert predicted(model, rows) == pytest.approx(expected)


def test_numbers_beyond_reason_fall_back_to_the_mean() -> None:
    model = ArmFeatureModel(2, 1)
    model.learn(np.ones((4, 2, 1)), np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 3.0, 2.0]))
    found = model.predict(np.array([[[1e308], [-1e308]], [[1.0], [1.0]]]) * 1.5)
    assert np.isfinite(found).all() and ((found >= 1.0) & (found <= 3.0)).all()
