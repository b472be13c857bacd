"""Other libraries' numbers and whole online runs: MABWiser 2.7.4, and the closed-form LinUCB in float64."""

import numpy as np
import pytest
from greedily import play_greedily
from scipy.special import ndtr

from banditcore.policies import BetaTS, LinearTS, LinUCB
from banditcore_simulations.datasets import digits

# Ten rows and two queries of MABWiser's published cases (2.7.4, tests/test_linucb.py): 5 features, 3 arms.
HISTORY = [
    [0, 1, 2, 3, 5], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [0, 2, 2, 3, 5], [1, 3, 1, 1, 1],
    [0, 0, 0, 0, 0], [0, 1, 4, 3, 5], [0, 1, 2, 4, 5], [1, 2, 1, 1, 3], [0, 2, 1, 0, 0],
]  # fmt: skip


@pytest.mark.parametrize(
    ("alpha", "arms", "rewards", "expected"),
    [
        (
            0.0, "0001112220", "0000001111",
            [[-0.0183783784, 0.0, 0.9966292135], [0.1405405405, 0.0, 0.4325842697]],
        ),
        (
            1.0, "0001122222", "0010000111",
            [[0.9790312459, 1.1617706239, 1.4247056230], [0.8896475809, 0.9233640431, 1.4570855773]],
        ),
    ],
)  # fmt: skip
def test_mabwiser_cases(alpha, arms, rewards, expected):
    policy = LinUCB(3, 5, alpha=alpha)
    policy.update(HISTORY, [int(a) for a in arms], [int(r) for r in rewards])
    np.testing.assert_allclose(policy.scores(HISTORY[:2]), expected, atol=6e-11)


def test_g1():
    g = np.random.default_rng(20240101)
    x, a, r, t = g.standard_normal((60, 4)), g.integers(0, 3, 60), g.integers(0, 2, 60), g.standard_normal((4, 4))
    policy = LinUCB(3, 4, alpha=1.0, l2=1.0, floor=0.0)
    policy.update(x, a, r)
    expected = [
        [0.5767312171, 0.3784173908, 0.2719094953], [-0.2163435920, 0.8112790107, 0.8014493972],
        [0.0560029955, 0.3439554332, 0.3539073048], [1.3133330731, 1.4347466175, 0.4277827264],
    ]  # fmt: skip
    np.testing.assert_allclose(policy.scores(t), expected, atol=6e-11)
    assert (policy.propensities(t) == np.eye(3)[[0, 1, 2, 1]]).all()


@pytest.mark.parametrize(("alpha", "total"), [(1.0, 1426), (0.3, 1576)])
def test_online_digits(alpha, total):
    assert play_greedily(LinUCB(10, 65, alpha=alpha, floor=0.0), digits()) == total


def test_beta_vectors_through_the_policy():
    policy = BetaTS(3, 0, floor=0.0)
    arms = np.repeat([0, 1, 2], [6, 8, 2])
    rewards = np.concatenate([[1] * 2 + [0] * 4, [1] * 5 + [0] * 3, [1, 0]])
    policy.update(np.empty((16, 0)), arms, rewards)  # Beta (3,5), (6,4), (2,2)
    p = policy.propensities(np.empty((2, 0)))
    np.testing.assert_allclose(p, [[0.09346742, 0.56960532, 0.33692726]] * 2, atol=6e-9)
    assert policy.certificate(np.empty((2, 0))).max() <= 1e-9
    np.testing.assert_allclose(BetaTS(4, 0).propensities(np.empty((1, 0))), 0.25, atol=1e-15)


def test_two_gaussian_arms_through_the_policy():
    g = np.random.default_rng(4)
    policy = LinearTS(2, 3, floor=0.0)
    x, a, r = g.standard_normal((40, 3)), g.integers(0, 2, 40), g.random(40)
    policy.update(x, a, r)
    state = policy.state()
    means = np.linalg.solve(state["A"], state["b"][:, :, None])[:, :, 0]
    rss = sum((r[a == k] ** 2).sum() - means[k] @ state["b"][k] for k in (0, 1))
    assert policy.noise_variance == pytest.approx(rss / 40, rel=1e-12)
    mu = x @ means.T
    var = rss / 40 * np.einsum("nd,kde,ne->nk", x, np.linalg.inv(state["A"]), x)
    expected = ndtr((mu[:, 0] - mu[:, 1]) / np.sqrt(var.sum(axis=1)))
    np.testing.assert_allclose(policy.propensities(x)[:, 0], expected, atol=1e-8)
    assert policy.certificate(x).max() <= 1e-9
