"""Figures that other libraries or closed forms give, to the digits they are known to.

`log` is synthetic and made to be repeated: g = numpy.random.default_rng(7), 200 rows of 4 arms; in this order the log's
vectors g.dirichlet(1.5), the target's g.dirichlet(0.7), the arms row by row, the chances of a reward uniform in .1 to
.9, the rewards, and a model that is off by normal errors of .15. Its figures are those of Open Bandit Pipeline (obp
0.5, Saito et al., arXiv:2008.07146) and of NumPy one-liners.
"""

from functools import cache

import numpy as np
import pytest

from banditcore.bandit_log import BanditLog, Rows
from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy import ESTIMATORS, Suite, estimate, make_estimator, weigh


@cache
def log():
    g = np.random.default_rng(7)
    n, arms = 200, 4
    p, target = g.dirichlet(1.5 * np.ones(arms), n), g.dirichlet(0.7 * np.ones(arms), n)
    shown = np.array([g.choice(arms, p=row) for row in p])
    q = g.uniform(0.1, 0.9, (n, arms))
    rewards = g.random(n) < q[np.arange(n), shown]
    model = np.clip(q + g.normal(0.0, 0.15, (n, arms)), 0.0, 1.0)
    rows = BanditLog.of(np.empty((n, 0)), shown, rewards, propensities=p).load()
    return rows, target, model, q


@pytest.mark.parametrize(
    ("name", "params", "value"),
    [
        ("ips", {}, 0.371500078924),
        ("clipped_ips", {"limit": 3.0}, 0.355685583396),
        ("snips", {}, 0.380525434495),
        ("dm", {}, 0.469857869353),
        ("dr", {}, 0.335217707062),
        ("dr", {"limit": 3.0}, 0.374412445541),
        ("sndr", {}, 0.331946710883),
        ("switch_dr", {"threshold": 1.0}, 0.465438945201),
        ("switch_dr", {"threshold": 3.0}, 0.429202668636),
        ("switch_dr", {"threshold": 10.0}, 0.335217707062),
        ("dros", {"shrinkage": 1.0}, 0.456697343430),
        ("dros", {"shrinkage": 3.0}, 0.442155176252),
        ("dros", {"shrinkage": 10.0}, 0.416772256673),
        ("dros", {"shrinkage": float("inf")}, 0.335217707062),
        ("dros", {"shrinkage": 0.0}, 0.469857869353),
    ],
)
def test_values_of_the_synthetic_log(name, params, value):
    rows, target, model, _ = log()
    assert estimate(name, weigh(rows, target, model), **params).value() == pytest.approx(value, abs=6e-13)


def test_weights_of_the_synthetic_log():
    rows, target, _, q = log()
    suite = Suite(["ips"])
    suite.add(weigh(rows, target))
    weights = suite.weights
    assert float((target * q).sum(axis=1).mean()) == pytest.approx(0.464799345, abs=5e-10)
    assert rows.rewards.mean() == 0.445
    assert weights.mean == pytest.approx(0.976282, abs=5e-7)
    assert weights.largest == pytest.approx(6.9239, abs=5e-5)
    assert weights.effective_sample == pytest.approx(81.0339, abs=5e-5)
    assert weights.foreseen_sample == pytest.approx(200.0 / (target**2 / rows.propensities).sum(axis=1).mean())


@pytest.mark.parametrize(("arm", "ips", "snips"), [(0, 0.448, 224 / 504), (1, 0.506, 253 / 496)])
def test_a_coin_and_costs(arm, ips, snips):
    """The rcv1 log of Vowpal Wabbit's tests: 1,000 rows of a fair coin, arms shown 504 and 496 times, mean cost .477.
    The sums are all that "always this arm" depends on: 224 and 253 of cost."""
    arms, costs = np.repeat([0, 1], [504, 496]), np.zeros(1_000)
    costs[:224], costs[504 : 504 + 253] = 1.0, 1.0
    rows = BanditLog.of(np.empty((1_000, 0)), arms, costs, np.full(1_000, 0.5)).load()
    weighted = weigh(rows, (arms == arm).astype(float))
    assert costs.mean() == 0.477
    assert estimate("ips", weighted).value() == pytest.approx(ips, rel=1e-12)
    assert estimate("snips", weighted).value() == pytest.approx(snips, rel=1e-12)


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_errors_are_those_of_the_textbook(name):
    """The sample variance of w r, of w (r - V) over sum of w, and of the doubly robust scores."""
    rows, target, model, _ = log()
    at, w = np.arange(200), target[np.arange(200), rows.arms] / rows.propensity
    scores = {
        "ips": w * rows.rewards,
        "snips": 200.0 * w * (rows.rewards - (w @ rows.rewards) / w.sum()) / w.sum(),
        "dr": (target * model).sum(axis=1) + w * (rows.rewards - model[at, rows.arms]),
    }[name]
    found = estimate(name, weigh(rows, target, model))
    assert found.standard_error() == pytest.approx(scores.std(ddof=1) / np.sqrt(200.0), rel=1e-9)
    assert found.gain_error() == pytest.approx((scores - rows.rewards).std(ddof=1) / np.sqrt(200.0), rel=1e-9)


# What must hold whatever the log.


def world(n=200_000, seed=3):
    g = np.random.default_rng(seed)
    p, target = g.dirichlet(np.full(4, 2.0), n), g.dirichlet(np.full(4, 1.0), n)
    arms = (p.cumsum(axis=1) < g.random((n, 1))).sum(axis=1).clip(0, 3)
    q = g.uniform(0.1, 0.9, (n, 4))
    rewards = (g.random(n) < q[np.arange(n), arms]).astype(float)
    return Rows(np.empty((n, 0)), arms, rewards, p[np.arange(n), arms], propensities=p), target, q


def test_the_truth_is_found():
    """Of 200,000 rows, with a model that is wrong everywhere: all unbiased ones within 4 of their errors."""
    rows, target, q = world()
    truth = float((target * q).sum(axis=1).mean())
    for name, kind in ESTIMATORS.items():
        if not kind.biased:
            found = estimate(name, weigh(rows, target, np.full_like(q, 0.7)))
            assert abs(found.value() - truth) <= 4.0 * found.standard_error() <= 0.05
    assert estimate("dm", weigh(rows, target, np.full_like(q, 0.7))).value() == pytest.approx(0.7)


def test_with_the_right_model_only_noise_is_left():
    """Var(DR) = Var(sum of pi q) + E[w^2 noise]: with q the truth the model's error is gone."""
    rows, target, q = world()
    found = estimate("dr", weigh(rows, target, q))
    noise = (target**2 / rows.propensities * q * (1.0 - q)).sum(axis=1).mean()
    expected = (target * q).sum(axis=1).var() + noise
    assert len(rows) * found.standard_error() ** 2 == pytest.approx(expected, rel=0.03)
    assert found.standard_error() < 0.75 * estimate("ips", weigh(rows, target)).standard_error()


def test_slope_takes_little_bias_for_much_error():
    """Where clipping costs nothing it clips, where it costs much more than the error it does not."""
    g = np.random.default_rng(5)
    n = 20_000
    weight = np.where(g.random(n) < 0.01, 50.0, 0.5)
    rare = BanditLog.of(np.empty((n, 0)), np.zeros(n), (weight > 1.0) * 1.0, np.ones(n)).load()
    common = BanditLog.of(np.empty((n, 0)), np.zeros(n), (weight < 1.0) * 1.0, np.ones(n)).load()
    assert estimate("clipped_ips", weigh(common, weight)).parameter == 1.0
    assert estimate("clipped_ips", weigh(rare, weight)).parameter >= 16.0


def test_names_and_parameters_that_do_not_exist():
    for name, params in (("nobody", {}), ("ips", {"limit": 3.0}), ("dr", {"threshold": 1.0})):
        with pytest.raises(InvalidInput) as caught:
            make_estimator(name, **params)
        assert caught.value.field == "estimator"
    for name, params in (("dr", {"limit": 0.0}), ("clipped_ips", {"limit": -1.0}), ("dros", {"shrinkage": np.nan})):
        with pytest.raises(InvalidInput) as caught:
            make_estimator(name, **params)
        assert caught.value.field in params
    with pytest.raises(InvalidInput):
        make_estimator("switch_dr", threshold="much")


def test_only_the_same_can_be_added():
    with pytest.raises(InvalidInput, match="same kind"):
        make_estimator("dr") + make_estimator("dr", limit=3.0)
    with pytest.raises(InvalidInput, match="same kind"):
        make_estimator("dr") + make_estimator("ips")
