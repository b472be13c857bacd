"""Replay of policies that learn: which rows are accepted, and what is learned from them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from replay_logs import LOGGED, D, K, biased_log, linear, pages_of, spec, uniform_log

from banditcore.bandit_log import BanditLog
from banditcore.kernels import draw
from banditcore.policies import get_policy
from banditcore_simulations.acceptance import Chances, DoublyRobust, Learner, Match, Rejection
from banditcore_simulations.replayed import replayed

# Blocks


def plainly(policy, rows, chances, accepts):
    """One row after the other: a vector, a verdict, a lesson."""
    accepted = []
    for i in range(len(rows)):
        this = slice(i, i + 1)
        mask = None if rows.eligible is None else rows.eligible[this]
        seeds = None if chances.seeds is None else chances.seeds[this]
        vector = policy.propensities(rows.contexts[this], mask, seeds=seeds)[0]
        if accepts(vector, rows.arms[i], rows.propensity[i], chances.uniform[i]):
            when = None if chances.times is None else chances.times[this]
            policy.update(rows.contexts[this], rows.arms[this], rows.rewards[this], None, when)
            accepted.append(i)
    return accepted


def chances_of(rows, policy, seed=3):
    g, n = np.random.default_rng(seed), len(rows)
    seeds = g.integers(0, 2**64, n, dtype=np.uint64) if policy.monte_carlo else None
    return Chances(g.random(n), seeds, np.arange(n, dtype=float) if policy.posterior.half_life else None)


LEARNERS = {
    "lin_ucb": {},
    "lin_ucb, l2 auto": {"l2": "auto"},
    "lin_ucb, half_life": {"half_life": 300.0},
    "lin_ucb, mature_after": {"mature_after": 20},
    "linear_ts": {},
    "logistic_ts": {},
    "hybrid_lin_ucb": {},
    "epsilon_greedy": {},
    "square_cb": {},
    "beta_ts": {},
    "shared_linear_ts": {},
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("rule", ["match", "rejection"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_blocks_are_the_plain_loop(learner, rule, masked):
    name = learner.partition(",")[0]
    log = uniform_log(600, per_arm=name == "shared_linear_ts", clicks=True, masked=masked)
    rows, make = log.load(), partial(get_policy(name).make, K, D, 0.02, LEARNERS[learner])
    bound = 1.3 / rows.propensity.min()
    accepts = {
        "match": lambda vector, arm, p, u: draw(vector, u) == arm,
        "rejection": lambda vector, arm, p, u: u * (bound * p) < vector[arm],
    }[rule]
    plain = make()
    chances = chances_of(rows, plain)
    accepted = plainly(plain, rows, chances, accepts)
    found = Learner(make(), Match() if rule == "match" else Rejection(bound, False))
    found.follow(rows, chances)
    assert len(accepted) > 60 and found.path.accepted == len(accepted)
    assert found.path.total == sum(rows.rewards[accepted].tolist())
    for key, array in plain.state().items():
        assert found.policy.state()[key].tobytes() == array.tobytes(), key


def test_many_arms_and_long_gaps():
    rows = uniform_log(3_000, arms=40).load()
    plain, found = (get_policy("lin_ucb").make(40, D, 0.02, {}) for _ in range(2))
    chances = chances_of(rows, plain)
    accepted = plainly(plain, rows, chances, lambda vector, arm, p, u: draw(vector, u) == arm)
    learner = Learner(found, Match())
    for start in range(0, 3_000, 700):
        part = slice(start, start + 700)
        learner.follow(rows.take(part), Chances(chances.uniform[part], None, None))
    assert learner.path.accepted == len(accepted) > 30 and learner.rows == 3_000
    assert found.state()["A"].tobytes() == plain.state()["A"].tobytes()


def test_doubly_robust_is_the_plain_sum():
    rows = biased_log(2_000).load()
    plain, found = (get_policy("lin_ucb").make(K, D, 0.02, {}) for _ in range(2))
    chances = chances_of(rows, plain)
    q = np.random.default_rng(5).standard_normal((2_000, K))
    scores, vectors = [], []

    def accepts(vector, arm, p, u):
        vectors.append(vector)
        i = len(scores)
        scores.append(vector @ q[i] + vector[arm] / p * (rows.rewards[i] - q[i, arm]))
        return u * 25.0 * p < vector[arm]

    plainly(plain, rows, chances, accepts)
    rule = DoublyRobust(25.0, False, None)
    Learner(found, rule).follow(rows, chances._replace(q=q))
    assert rule.value == pytest.approx(np.mean(scores), rel=1e-12)


def test_the_quantile_rule_lowers_the_bound():
    """c = min(c_max, quantile of p / pi): the arm that is nearly never logged no longer sets it."""
    log = biased_log(3_000)
    whole, cut = (replayed(log, [spec()], method="dr_ns", repeats=2, quantile=q)[0] for q in (None, (1.0, 0.2)))
    assert whole.bound == 25.0 and cut.bound == 1.0
    assert cut.accepted > 1.5 * whole.accepted
    assert cut.over > 0 and cut.status == "amber" and "biases" in " ".join(cut.reasons)


# What is accepted


def test_match_is_playing_online():
    """In the accepted rows the target drew what was logged, so playing them in that order with the same numbers gives
    the same arms and the same state."""
    seen = linear(4, 3_000)
    arms = np.random.default_rng(4).integers(0, K, 3_000)
    rows = BanditLog.of(seen.contexts, arms, seen.rewards[np.arange(3_000), arms], np.full(3_000, 1 / K)).load()
    replayed, online = (get_policy("lin_ucb").make(K, D, 0.1, {}) for _ in range(2))
    chances = chances_of(rows, replayed)
    accepted = plainly(replayed, rows, chances, lambda vector, arm, p, u: draw(vector, u) == arm)
    learner = Learner(get_policy("lin_ucb").make(K, D, 0.1, {}), Match())
    learner.follow(rows, chances)
    for i in accepted:
        context = seen.contexts[i : i + 1]
        arm = draw(online.propensities(context)[0], chances.uniform[i])
        online.update(context, np.array([arm]), seen.rewards[i, [arm]])
    assert learner.policy.state()["A"].tobytes() == online.state()["A"].tobytes()
    assert learner.policy.state()["b"].tobytes() == online.state()["b"].tobytes()


def test_rejection_accepts_by_the_target():
    """Arm a of n rows is accepted n pi(a) / M times; five standard errors, and M only sets how many there are."""
    pi, n = np.array([0.05, 0.05, 0.3, 0.3, 0.3]), 40_000
    rows, uniform = biased_log(n).load(), np.random.default_rng(1).random(n)
    for bound in (25.0, 40.0):
        for arm in range(K):
            learner = Learner(get_policy("fixed").make(K, D, 0.0, {"probabilities": pi}), Rejection(bound, False))
            counted = replace(rows, rewards=(rows.arms == arm).astype(float))
            learner.follow(counted, Chances(uniform, None, None))
            expected = n * pi[arm] / bound
            assert abs(learner.path.total - expected) <= 5 * np.sqrt(expected)


def test_the_logs_own_law_is_accepted_one_row_in_m():
    """pi = p: every row counts with probability 1 / M, whatever arm it has."""
    law = spec("fixed", floor=0.0, probabilities=LOGGED)
    report = replayed(biased_log(20_000), [law], method="rejection", repeats=3, bound=25.0)[0]
    assert abs(report.accepted - 800) <= 5 * np.sqrt(800 / 3)
    assert abs(report.value - report.logged) <= 5 * report.spread / np.sqrt(3) + 0.1


def test_a_served_log_replayed_by_its_own_policy():
    """A policy that learned while it was logged, by rejection: the first rows, until it is ahead, as any other's."""
    seen, uniform = linear(2, 4_000), np.random.default_rng(2).random(4_000)
    server = get_policy("lin_ucb").make(K, D, 0.2, {})
    vectors, arms, at = np.empty((4_000, K)), np.empty(4_000, np.int64), np.arange(4_000)
    for i in range(4_000):
        context = seen.contexts[i : i + 1]
        vectors[i] = server.propensities(context)[0]
        arms[i] = draw(vectors[i], uniform[i])
        server.update(context, arms[i : i + 1], seen.rewards[i, arms[i : i + 1]])
    log = BanditLog.of(seen.contexts, arms, seen.rewards[at, arms], vectors[at, arms], propensities=vectors, n_arms=K)
    report = replayed(log, [spec(floor=0.2)], repeats=4)[0]
    assert report.method == "rejection" and not report.shuffled and report.bound == pytest.approx(25.0)
    assert abs(report.accepted - 160) <= 5 * np.sqrt(160 / 4)


@pytest.mark.parametrize("method", ["match", "rejection"])
def test_ineligible_arms_are_never_played(method):
    log = uniform_log(3_000, masked=True)
    report = replayed(log, [spec("lin_ucb")], method=method, repeats=3)[0]
    assert report.accepted == pytest.approx(1_000, abs=5 * np.sqrt(1_000))
    assert report.bound == pytest.approx(3.0)


def test_features_of_every_arm():
    report = replayed(uniform_log(4_000, per_arm=True), [spec("shared_linear_ts", draws=200)], repeats=2)[0]
    assert report.value > report.logged + 0.5


def test_a_floor_of_one_is_uniform_play():
    log = uniform_log(5_000)
    half, whole = replayed(log, [spec(floor=0.5), spec(floor=1.0)], repeats=5)
    assert half.value > whole.value + 0.5
    assert abs(whole.value - whole.logged) <= 0.2


def test_rows_that_the_policy_did_not_draw_are_left_out():
    log = uniform_log(2_000)
    rows = log.load()
    strange = np.arange(2_000) % 3 == 0
    spoilt = replace(rows, rewards=np.where(strange, 1e6, rows.rewards), fallback=strange)
    found = replayed(log.with_pages(partial(pages_of, spoilt, 2_000)), [spec()], repeats=2)[0]
    sound = rows.take(~strange)
    assert found == replayed(log.with_pages(partial(pages_of, sound, 2_000)), [spec()], repeats=2)[0]
    assert found.rows == (~strange).sum()
