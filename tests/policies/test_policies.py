"""What is particular to one policy, and the registry."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from banditcore.errors import InvalidInput
from banditcore.kernels import gaussian_argmax, gaussian_vectors
from banditcore.policies import (
    BetaTS,
    EpsilonGreedy,
    Fixed,
    LinearTS,
    LinUCB,
    Policy,
    SharedLinearTS,
    Uniform,
    get_policy,
    policy_names,
)
from banditcore.posteriors.base import log

X = np.ones((1, 2))


def test_registry_finds_and_suggests():
    assert {"lin_ucb", "linear_ts", "beta_ts", "uniform", "fixed"} <= set(policy_names())
    assert get_policy("lin_ucb") is LinUCB
    with pytest.raises(InvalidInput, match="lin_ucb") as caught:
        get_policy("linucb")
    assert caught.value.field == "policy"


def test_defining_a_class_registers_it():
    from banditcore.policies.base import registered

    class Mine(Uniform):
        name = "mine_for_a_test"

    try:
        assert get_policy("mine_for_a_test") is Mine
    finally:
        del registered["mine_for_a_test"]


def test_flags():
    assert LinUCB.deterministic and not LinearTS.deterministic
    assert BetaTS(2, 2).reward_kind == "unit_interval" and LinUCB(2, 2).reward_kind == "any"
    kinds = (LinUCB, LinearTS, BetaTS, Uniform)
    assert [kind(2, 2).needs_context for kind in kinds] == [True, True, False, False]
    assert EpsilonGreedy(2, 2, epsilon=0.0).deterministic and not EpsilonGreedy(2, 2).deterministic
    assert LinUCB.serving_params == {"alpha"}


def test_prior_arms_tie_exactly():
    for policy in (LinUCB(7, 2, floor=0.0), LinearTS(7, 2, floor=0.0)):
        p = policy.propensities(X)
        assert (p == p[0, 0]).all()


def test_uniform_and_fixed_vectors():
    mask = np.array([True, False, True, True])
    np.testing.assert_allclose(Uniform(4, 2).propensities(X, mask), [[1 / 3, 0, 1 / 3, 1 / 3]])
    shares = Fixed(4, 2, probabilities=[0.1, 0.5, 0.3, 0.1], floor=0.0)
    np.testing.assert_allclose(shares.propensities(X, mask), [[0.2, 0, 0.6, 0.2]])
    np.testing.assert_allclose(Fixed(4, 2, arm=1, floor=0.0).propensities(X, mask), [[1 / 3, 0, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(Fixed(4, 2, arm=1, floor=0.2).propensities(X), [[0.05, 0.85, 0.05, 0.05]])


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: Fixed(2, 2), "arm"),
        (lambda: Fixed(2, 2, arm=2), "arm"),
        (lambda: Fixed(2, 2, arm=0, probabilities=[1, 0]), "arm"),
        (lambda: Fixed(2, 2, probabilities=[0.5, 0.6]), "probabilities"),
        (lambda: Fixed(2, 2, probabilities=[1.0]), "probabilities"),
        (lambda: LinUCB(2, 2, alpha=-1), "alpha"),
        (lambda: LinUCB(2, 2, l2=0), "l2"),
        (lambda: LinUCB(2, 0), "n_features"),
        (lambda: LinearTS(2, 2, noise_scale=1.0), "noise_scale"),
        (lambda: BetaTS(2, 0, prior_successes=0), "prior_successes"),
    ],
)
def test_bad_parameters_name_the_field(build, field):
    with pytest.raises(InvalidInput) as caught:
        build()
    assert caught.value.field == field


def test_resume_refuses_another_regulariser_but_not_another_alpha():
    state = LinUCB(2, 2, alpha=1.0, l2=1.0).state()
    LinUCB(2, 2, alpha=0.3, l2=1.0).resume(state)
    with pytest.raises(InvalidInput, match="l2"):
        LinUCB(2, 2, alpha=1.0, l2=2.0).resume(state)


def test_contributions_add_up_to_the_mean():
    g = np.random.default_rng(0)
    policy = LinearTS(3, 2)
    policy.update(g.standard_normal((30, 2)), g.integers(0, 3, 30), g.random(30))
    x = np.array([0.5, -2.0])
    parts = policy.contributions(x)
    assert parts.shape == (3, 2)
    np.testing.assert_allclose(parts.sum(axis=1), policy.scores(x[None])[0], rtol=1e-14)
    np.testing.assert_array_equal(policy.contributions(np.tile(x, (3, 1))), parts)
    assert BetaTS(3, 2).contributions(x) is None


def test_a_single_context_gets_a_helpful_refusal():
    with pytest.raises(InvalidInput, match=r"x\[None, :\]"):
        LinUCB(2, 3).propensities(np.ones(3))


def test_rewards_of_zero_leave_linear_ts_finite():
    policy = LinearTS(3, 2)
    policy.update(np.ones((50, 2)), np.arange(50) % 3, np.zeros(50))
    assert policy.noise_variance == 1.0
    assert np.isfinite(policy.propensities(X)).all()


def test_noise_prior_holds_before_data():
    assert LinearTS(2, 2, noise_shape=2.0, noise_scale=6.0).noise_variance == 3.0


# The odds of a share whose logarithm in glibc depends on whether the CPU has a fused multiply-add.
SHARE = 0.11400854883885314


@pytest.mark.parametrize("x", [SHARE / (1.0 - SHARE), 0.4411 / (1.0 - 0.4411), 2.0, 1e-300, 5e-324, 1.0])
def test_the_logarithm_is_rounded_correctly(x):
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(x).ln()
        for neighbour in (np.nextafter(log(x), -np.inf), np.nextafter(log(x), np.inf)):
            assert abs(Decimal(log(x)) - exact) < abs(Decimal(float(neighbour)) - exact)


def test_the_width_of_the_shared_posterior_is_squared_by_a_product():
    width, noise = 2.759, 3.0  # glibc's width**2 is another number, where the CPU has a fused multiply-add
    features = [[1.0], [2.0], [3.0]]
    params = {"arm_features": features, "exploration": width, "noise_shape": 1.0, "noise_scale": noise}
    policy = SharedLinearTS(3, 2, vector="marginal", floor=0.0, **params)
    contexts = np.random.default_rng(0).random((50, 2))
    mean, sd, expected = (np.empty((50, 3)) for _ in range(3))
    policy.posterior.moments(contexts, np.sqrt(width * width * noise), mean, sd)
    gaussian_vectors(mean, sd, None, 0.0, expected, None)
    assert (policy.propensities(contexts) == expected).all()


def test_beta_remembers_per_eligible_set_and_forgets_on_update():
    policy = BetaTS(3, 0, floor=0.0)
    none, two = np.empty((1, 0)), np.array([True, True, False])
    assert policy.propensities(none, two)[0].tolist() == pytest.approx([0.5, 0.5, 0.0])
    policy.update(none, [0], [1.0])
    assert policy.propensities(none, two)[0, 0] == pytest.approx(2 / 3)
    assert policy.propensities(none)[0, 0] == pytest.approx(0.5)


def test_policies_pickle_nothing():
    for name in policy_names():
        cls = get_policy(name)
        state = cls(2, 2, **cls.example_params(2, {})).state()
        assert all(isinstance(a, np.ndarray) and a.dtype.kind != "O" for a in state.values())
    assert issubclass(Fixed, Policy)


@pytest.mark.parametrize("name", policy_names())
def test_ten_thousand_arms(name):
    kind, g = get_policy(name), np.random.default_rng(8)
    policy = kind(10_000, 2, **kind.example_params(10_000, {}))
    x, arms = g.standard_normal((3_000, 2)), g.integers(0, 10_000, 3_000)
    policy.update(x, arms, (g.random(3_000) < 0.3).astype(float))
    for eligible in (None, g.random(10_000) < 0.01, np.arange(10_000) == 77):
        p = policy.propensities(x[:2], eligible)
        allowed = np.ones(10_000, dtype=bool) if eligible is None else eligible
        assert np.abs(p.sum(axis=1) - 1.0).max() <= 1e-12
        assert (p[:, allowed] >= policy.floor / allowed.sum() * (1 - 1e-12)).all() and (p[:, ~allowed] == 0.0).all()
        assert policy.certificate(x[:2], eligible).max() <= (0.1 if policy.monte_carlo else 1e-9)


def test_a_refused_row_leaves_the_state_as_it_was():
    policy = SharedLinearTS(3, 4, half_life=10.0)
    g = np.random.default_rng(0)
    policy.update(g.standard_normal((50, 3, 4)), g.integers(0, 3, 50), g.random(50), times=np.zeros(50))
    before = policy.state()
    with pytest.raises(InvalidInput, match="arm_features"):
        policy.update(np.ones((1, 4)), [0], [1.0], times=[100.0])
    assert all(before[key].tobytes() == array.tobytes() for key, array in policy.state().items())


@pytest.mark.parametrize("sd", [0.0, 5e-324, 1e-310, 1e-200, 1e-150, 1e-100])
def test_widths_of_any_size_end(sd):
    p, certificate = gaussian_argmax(np.array([0.0, 1.0, 1.0]), np.full(3, sd))
    assert certificate <= 1e-9 and np.abs(p - [0.0, 0.5, 0.5]).max() <= 1e-12


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: LinearTS(2, 2, exploration=1e-310), "exploration"),
        (lambda: LinearTS(2, 2, noise_shape=1e-310, noise_scale=1.0), "noise_shape"),
        (lambda: SharedLinearTS(2, 2, draws=1e9), "draws"),
        (lambda: LinearTS(2, 2, half_life=1e-9), "half_life"),
        (lambda: LinUCB(2, 2, l2="1"), "l2"),
        (lambda: LinUCB(2, 2, l2=np.array([1.0, 2.0])), "l2"),
        (lambda: LinUCB(2, 2, l2=1e-30), "l2"),
        (lambda: LinUCB(2, 2).propensities(X, threads=0), "threads"),
        (lambda: LinUCB(2, 2).propensities(X, seeds=[2**64]), "seeds"),
    ],
)
def test_more_bad_parameters_name_the_field(build, field):
    with pytest.raises(InvalidInput) as caught:
        build()
    assert caught.value.field == field


def test_seeds_may_be_a_list_of_any_size():
    policy = SharedLinearTS(2, 1, arm_features=[[1.0], [-1.0]])
    assert policy.propensities(np.ones((2, 1)), seeds=[2**63, 1]).shape == (2, 2)
    assert policy.propensities(np.ones((0, 1)), seeds=[]).shape == (0, 2)


def test_a_built_in_name_cannot_be_taken():
    with pytest.raises(TypeError, match="another name"):

        class Mine(LinearTS):
            name = "linear_ts"


@pytest.mark.parametrize("scale", [1e4, 1e7, 1e8])
def test_a_warm_start_on_equal_columns_predicts_what_was_seen(scale):
    g = np.random.default_rng(0)
    c = scale * (1.0 + 0.1 * g.standard_normal(20_000))
    x = np.column_stack([c, c, np.ones(20_000)])
    for policy in (LinUCB(2, 3), EpsilonGreedy(2, 3, over="hybrid_linear")):
        policy.warm_start(x, g.integers(0, 2, 20_000), np.ones(20_000))
        scores = policy.propensities(x[:50]), policy.posterior.seen()
        means = np.empty((50, 2))
        policy.posterior.means(x[:50], means)
        assert np.isfinite(scores[0]).all() and np.abs(means - 1.0).max() < 1e-2


def test_ten_thousand_equal_arms_are_certified():
    assert BetaTS(10_000, 0).certificate(np.empty((1, 0)))[0] <= 1e-9
    g = np.random.default_rng(1)
    rare = BetaTS(10, 0, prior_failures=1e9)
    rare.update(np.empty((50, 0)), g.integers(0, 10, 50), g.integers(0, 2, 50))
    assert rare.certificate(np.empty((1, 0)))[0] <= 1e-9


WAYS = {
    "linear_ts": {"l2": "auto"},
    "lin_ucb": {"l2": "auto", "mature_after": 20},
    "square_cb": {"over": "linear", "l2": "auto"},
    "epsilon_greedy": {"over": "linear", "l2": "auto"},
    "logistic_ts": {"mature_after": 20},
    "hybrid_lin_ucb": {},
    "beta_ts": {},
}


@pytest.mark.parametrize("name", WAYS)
def test_when_an_arm_is_added_leaves_no_trace(name: str) -> None:
    """Servers learn of a new variant at different moments, and the log does not say when: past 256 and 512 rows too."""
    chance = np.random.default_rng(0)
    contexts, rewards = chance.standard_normal((700, 5)), (chance.random(700) < 0.4).astype(float)
    arms = np.concatenate([chance.integers(0, 3, 600), chance.integers(0, 4, 100)])

    def learned(added_at: int) -> list[bytes]:
        early = get_policy(name).make(3, 5, 0.02, WAYS[name])
        early.update(contexts[:added_at], arms[:added_at], rewards[:added_at])
        late = get_policy(name).make(4, 5, 0.02, WAYS[name])
        late.resume(early.state())
        late.update(contexts[added_at:], arms[added_at:], rewards[added_at:])
        return [array.tobytes() for array in late.state().values()]

    assert all(learned(at) == learned(0) for at in (10, 255, 256, 300, 513, 599))
