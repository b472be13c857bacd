"""What can be asked of a log, how it is written down, and what is refused."""

import re

import numpy as np
import pytest

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.evaluation.spec import parse_policy
from banditcore.evaluation.targets import Function, as_target
from banditcore.policies import LinUCB, get_policy, policy_names

N, K, D = 60, 3, 2
CHANCE = np.random.default_rng(1)
LOG = BanditLog.of(
    CHANCE.normal(size=(N, D)),
    CHANCE.integers(0, K, N),
    CHANCE.integers(0, 2, N),
    propensities=np.full((N, K), 1 / K),
    columns={"mine": np.tile([0.2, 0.3, 0.5], (N, 1)), "own": np.full(N, 0.4), "score": np.arange(N)},
    variants=["plain", "sale", "new"],
)


def asked(target):
    found = as_target(target)
    found.start(LOG)
    return found


@pytest.mark.parametrize("name", sorted(set(policy_names()) - {"fixed", "shared_linear_ts", "hybrid_lin_ucb"}))
def test_every_policy_answers_as_it_serves(name):
    target = asked(name)
    rows = LOG.load()
    policy = get_policy(name).make(K, D, 0.02, {})
    if target.learns:
        target.learn(rows)
        policy.update(rows.contexts, rows.arms, rows.rewards)
    assert np.array_equal(target.propensities(rows), policy.propensities(rows.contexts))
    assert target.learns == (name != "uniform")


def test_parameters_reach_the_policy():
    spec = parse_policy("square_cb:over=rates,gamma=5.5,floor=0")
    policy = spec.make(K, D)
    assert policy.parameters()["over"] == "rates" and policy.parameters()["gamma"] == 5.5 and policy.floor == 0.0
    fixed = parse_policy("fixed:probabilities=[0.2, 0.3, 0.5],floor=0").make(K, D)
    assert fixed.propensities(np.zeros((1, D))).tolist() == [[0.2, 0.3, 0.5]]


def test_a_variant_always():
    assert asked("always:sale").propensities(LOG.load())[0].tolist() == [0.0, 1.0, 0.0]


def test_columns_of_vectors_and_of_single_probabilities():
    assert asked("column:mine").propensities(LOG.load())[0].tolist() == [0.2, 0.3, 0.5]
    assert asked("column:own").propensities(LOG.load()).shape == (N,)


def test_what_was_logged():
    assert (asked("logged").propensities(LOG.load()) == 1 / K).all()


def test_functions_and_policies_of_the_caller():
    policy = LinUCB(K, D, floor=0.1)
    rows = LOG.load()
    policy.update(rows.contexts, rows.arms, rows.rewards)
    target = asked(policy)
    assert np.array_equal(target.propensities(rows), policy.propensities(rows.contexts)) and not target.learns

    def greedy(rows):
        return np.eye(K)[np.argmax(rows.contexts @ np.ones((D, K)), axis=1)]

    assert asked(greedy).label == "greedy" and asked(greedy).propensities(rows).sum() == N


def test_a_function_by_its_place(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef even(rows):\n    return np.full((len(rows), 3), 1 / 3)\n"
    )
    assert asked(f"python:{tmp_path}/mine.py:even").propensities(LOG.load()).shape == (N, K)
    monkeypatch.chdir(tmp_path)
    assert asked("python:mine:even").label == "python:mine:even"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lin_ubc", "did you mean"),
        ("lin_ucb:alhpa=1", "'alhpa' is no parameter of lin_ucb; did you mean alpha?"),
        ("lin_ucb:alpha", "'alpha' is no PARAMETER=VALUE"),
        ("lin_ucb:alpha=-1", "alpha must lie in [0,"),
        ("lin_ucb:alpha=high", "alpha must be a number"),
        ("lin_ucb:floor=2", "floor must lie in [0, 1]"),
        ("always:sales", "'sales' is no variant of the log; did you mean sale?"),
        ("always:", "needs something after the colon"),
        ("column:mien", "did you mean mine?"),
        ("python:nowhere:f", "cannot import nowhere:f"),
        ("python:math:pi", "math:pi is no function"),
        ("model:nothing.npz", "nothing.npz"),
    ],
)
def test_what_cannot_be_asked(text, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        asked(text)


def test_a_column_of_other_numbers_is_no_probability():
    fault = asked("column:score").check(LOG.load())
    assert fault is not None and (fault.row, fault.column) == (2, "score")
    assert fault.wrong == "must be a probability, from 0 to 1, found 2"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda rows: np.ones((len(rows), K)), "must sum to 1, found 3 in row 0"),
        (lambda rows: np.ones(len(rows)), "must give one vector a row"),
        (lambda rows: np.full((len(rows), K + 1), 0.25), "it gives 4, and the log has 3 variants"),
        (lambda rows: np.full((len(rows), K - 1), 0.5), "it gives 2, and the log has 3 variants"),
        (lambda rows: 1 / 0, "failed: ZeroDivisionError: division by zero"),
    ],
)
def test_functions_that_give_no_vectors(answer, message):
    with pytest.raises(InvalidInput, match=message):
        asked(Function(answer, "mine")).propensities(LOG.load())


def test_an_ineligible_arm_is_never_played():
    mask = np.ones((N, K), dtype=bool)
    mask[:, 1] = False
    rows = LOG.load()
    some = BanditLog.of(
        rows.contexts, np.zeros(N, int), rows.rewards, np.full(N, 0.5), eligible=mask, variants=LOG.variants
    )
    target = as_target("beta_ts")
    target.start(some)
    assert (target.propensities(some.load())[:, 1] == 0.0).all()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (LinUCB(K + 1, D), "lin_ucb plays 4 variants, and the log has 3"),
        (LinUCB(K - 1, D), "lin_ucb plays 2 variants, and the log has 3"),
        (LinUCB(K, D + 1), "lin_ucb knows contexts of 3 numbers, the log has 2"),
    ],
)
def test_policies_of_another_world(policy, message):
    with pytest.raises(InvalidInput, match=message):
        asked(policy)


def test_a_trained_policy_says_what_nobody_checks():
    assert "must not have learned from rows of this log" in asked(LinUCB(K, D)).notes[0]
    assert asked(get_policy("uniform").make(K, D, 0.0, {})).notes == ()


def test_a_policy_that_needs_contexts_and_a_log_without():
    bare = BanditLog.of(np.empty((N, 0)), np.zeros(N, int), np.zeros(N), np.full(N, 0.5), n_arms=2)
    with pytest.raises(InvalidInput, match="lin_ucb:alpha=1 needs contexts, and the log has none"):
        as_target("lin_ucb:alpha=1").start(bare)
