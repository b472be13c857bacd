"""Calibration, learning on digits, invariance to the unit of rewards.

Seeds are fixed, so nothing here is flaky; the false-alarm rate of each statistical test is what a *new* seed
would risk.
"""

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from banditcore.kernels import draw, draw_many
from banditcore.policies import LinearTS, LinUCB
from banditcore_simulations import worlds


def taught(arms=10, d=6, n=400):
    g = np.random.default_rng(11)
    policy = LinearTS(arms, d)
    x, a = g.standard_normal((n, d)), g.integers(0, arms, n)
    policy.update(x, a, (x[:, 0] * (a - 4.5) / 10 + g.standard_normal(n)))
    return policy, g.standard_normal((100, d))


def p_values(law, logged, draws, g):
    """Chi-square of `draws` arms drawn from each row of `law` against the logged row."""
    found = []
    for true, claimed in zip(law, logged, strict=True):
        drawn = draw_many(np.broadcast_to(true, (draws, len(true))).copy(), g.random(draws))
        counts = np.bincount(drawn, minlength=len(true))
        found.append(chi2.sf(((counts - draws * claimed) ** 2 / (draws * claimed)).sum(), len(true) - 1))
    return np.array(found)


def test_calibration():
    """100 contexts x 50,000 draws. False alarm: 1 % (min p) + 0.1 % (KS)."""
    policy, contexts = taught()
    p = policy.propensities(contexts)
    found = p_values(p, p, 50_000, np.random.default_rng(12))
    assert found.min() > 1e-4
    assert kstest(found, "uniform").pvalue > 1e-3


def test_calibration_finds_half_a_percent_of_corruption():
    """Exploration of 0.5 % that was played but not logged; 87-92 % of contexts over seeds 13-17, none without it.

    Under a floor of 2 % the same mixture moves no probability by much and is found in 29 %: there it is harmless.
    """
    policy, contexts = taught()
    policy.floor = 0.0
    p = policy.propensities(contexts)
    g = np.random.default_rng(13)
    assert (p_values(0.995 * p + 0.005 / p.shape[1], p, 50_000, g) < 1e-3).mean() >= 0.85
    assert (p_values(p, p, 50_000, g) < 1e-3).mean() <= 0.02


def test_inverse_propensities_average_to_the_number_of_arms():
    """mean(1 / p_a) = K within 4 standard errors: false alarm 6e-5."""
    policy, contexts = taught()
    p = np.repeat(policy.propensities(contexts), 2_000, axis=0)
    arms = draw_many(p, np.random.default_rng(14).random(len(p)))
    weights = 1.0 / p[np.arange(len(p)), arms]
    assert abs(weights.mean() - p.shape[1]) < 4.0 * weights.std() / np.sqrt(len(p))


def test_counting_wins_would_fail_the_log():
    """Sabotage: vectors from 1,000 joint draws give 0 to arms that are played, and miss by far more than 1e-8."""
    policy, contexts = taught()
    p = policy.propensities(contexts)
    wins = np.random.default_rng(15).multinomial(1_000, p) / 1_000
    assert np.abs(wins - p).max() > 1e-8 and (wins == 0.0).any()


def progressive_error(policy, x, y, seed, scale=1.0):
    g = np.random.default_rng(seed)
    order = np.concatenate([g.permutation(len(x)) for _ in range(3)])
    u, arms = g.random(len(order)), np.empty(len(order), dtype=np.int64)
    for i, j in enumerate(order):
        row = x[j : j + 1]
        arms[i] = draw(policy.propensities(row)[0], u[i])
        policy.update(row, arms[i : i + 1], np.array([scale * (arms[i] == y[j])]))
    return float((arms != y[order]).mean()), arms


@pytest.fixture(scope="module")
def digits():
    world = worlds.digits()
    return world.contexts, world.labels


def test_progressive_error_on_digits(digits):
    """Three passes, four seeds; bars .11 and .14 (measured .104 and .092), greedy on the same rows is worse."""
    rules = {
        "ucb": lambda: LinUCB(10, 65, floor=0.0),
        "ts": lambda: LinearTS(10, 65, floor=0.0),
        "greedy": lambda: LinUCB(10, 65, alpha=0.0, floor=0.0),
    }
    error = {k: np.mean([progressive_error(make(), *digits, s)[0] for s in range(4)]) for k, make in rules.items()}
    assert error["ucb"] <= 0.11 and error["ts"] <= 0.14
    assert max(error["ucb"], error["ts"]) < error["greedy"]


def test_the_unit_of_the_reward_does_not_matter(digits):
    x, y = digits
    _, arms = progressive_error(LinearTS(10, 65, floor=0.0), x[:600], y[:600], 0)
    _, scaled = progressive_error(LinearTS(10, 65, floor=0.0), x[:600], y[:600], 0, scale=100.0)
    assert (arms == scaled).all()
    _, fixed = progressive_error(LinUCB(10, 65, floor=0.0), x[:600], y[:600], 0)
    _, shifted = progressive_error(LinUCB(10, 65, floor=0.0), x[:600], y[:600], 0, scale=100.0)
    assert (fixed != shifted).any()  # LinUCB's alpha has the reward's unit: the invariance is not automatic
