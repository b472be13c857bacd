"""Every world: the same for a seed and the same visits for every policy; its means are earned, its optimum is one."""

import numpy as np
import pytest
from visited import CHANGING, STILL, T, best, check_visits, check_word, in_turn, run, visits_of

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.formats import write_log
from banditcore_simulations.play import linear_loss, look
from banditcore_simulations.play.chance import Chance, give
from banditcore_simulations.worlds import make_policy, make_world, world_names, world_parameters
from banditcore_simulations.worlds.fitted import fitted_world
from banditcore_simulations.worlds.returning import solved


def test_every_world_is_among_those_tested():
    assert {text.partition(":")[0] for text in STILL + CHANGING} | {"fitted"} == set(world_names())


@pytest.mark.parametrize("text", STILL)
def test_a_world_keeps_its_word(text):
    check_word(text)


@pytest.mark.parametrize("text", STILL)
def test_what_is_played_changes_no_visit_unless_the_world_says_so(text):
    check_visits(text)


@pytest.mark.parametrize("text", ["goals:click_rate=0.3", "delayed:delay=80000", "logistic:base_rate=0.4", "linear"])
def test_every_arm_earns_its_means(text):
    world = make_world(text, 5)
    for arm in range(world.n_arms):
        _, got, means = run(world, 5, lambda worth, eligible, step, arm=arm: arm)
        off = got[:, 0] - means
        assert abs(off.mean()) < 4.5 * off.std() / np.sqrt(T)  # 20 of them: 1 of 7,000 sets of seeds fails


def test_a_world_whose_means_are_not_earned_would_be_found():
    world = make_world("linear", 5)
    _, got, means = run(world, 5, in_turn)
    off = got[:, 0] - (means + 0.2)
    assert abs(off.mean()) > 4.5 * off.std() / np.sqrt(T)


def test_no_policy_earns_more_than_the_oracle():
    """In means, so that luck has no part in it."""
    for text in ("returning:units=60,fatigue=0.6", "logistic:base_rate=0.3,spread=1"):
        oracle = run(text, choose=best)[2].sum()
        others = run(text, choose=in_turn)[2].sum()
        assert oracle > others + 50.0


# Customers who return


def brute_force(rates, tired, visits):
    """The most that any sequence of arms earns."""
    arms, cap = len(rates), len(tired) - 1

    def worth(sequence):
        total, last, streak = 0.0, -1, 0
        for arm in sequence:
            streak = min(streak, cap) if arm == last else 0
            total += rates[arm] * tired[streak]
            last, streak = arm, streak + 1
        return total

    return max(worth(np.unravel_index(code, (arms,) * visits)) for code in range(arms**visits))


def test_backward_induction_is_the_best_of_all_sequences():
    g = np.random.default_rng(0)
    for cap, fatigue in ((1, 0.5), (2, 0.4), (5, 0.2), (3, 0.0), (2, 1.0)):
        rates, tired = g.random((1, 3)), (1.0 - fatigue) ** np.arange(cap + 1.0)
        # `solved` is of what lies ahead: the last entry is of who saw nothing yet.
        assert solved(rates, tired, 6)[0, 5, -1] == pytest.approx(brute_force(rates[0], tired, 5), abs=1e-12)


def test_regret_of_a_customer_is_what_she_lost_against_the_best_sequence():
    world = make_world("returning:units=1,visits=5,arms=3,fatigue=0.5", 2)
    rates, tired = world.constants["rates"][0], world.constants["tired"]
    most = brute_force(rates, tired, 5)
    greedy = lambda worth, eligible, step: (0, 0, 1, 2, 2)[step % 5]  # noqa: E731
    gaps, _, means = run(world, 2, greedy)
    for first in range(0, T, 5):
        assert gaps[first : first + 5].sum() == pytest.approx(most - means[first : first + 5].sum(), abs=1e-12)


def test_greedy_for_the_moment_is_not_optimal_where_customers_tire():
    world = make_world("returning:units=40", 1)
    event, state, (visit, outcome) = world.event(), world.state(), world.functions()
    chances, lost = Chance(world, 1).next(800), 0.0
    for i in range(800):
        give(world, event, i, chances, i)
        visit(state, event)
        lost += event.values.max() - event.values[event.means.argmax()]
        outcome(state, event, int(event.means.argmax()))
    assert lost > 1.0


def test_customers_come_as_often_as_stated_and_keep_their_traits():
    seen, _ = visits_of(make_world("returning:units=20,visits=5,traits=2,told=false", 0), best)
    units, contexts = seen[:100, -1], seen[:100, :2]
    assert (np.bincount(units.astype(int)) == 5).all()
    assert all(len(np.unique(contexts[units == unit], axis=0)) == 1 for unit in range(20))


# What contexts and goals are


def test_binary_contexts_are_sparse_and_few_weights_count():
    world = make_world("sparse:density=0.1,active=3,features=40", 0)
    seen = look(world, 500)
    assert set(np.unique(seen.contexts)) == {0.0, 1.0}
    assert seen.contexts.mean() == pytest.approx(0.1, abs=4.5 * 0.3 / np.sqrt(500 * 40))
    assert ((world.constants["theta"] != 0.0).sum(axis=0) == 3).all()


@pytest.mark.parametrize("kind, apart", [("equal", 0.6), ("decaying", 0.36)])
def test_features_correlate_as_stated(kind, apart):
    x = look(make_world(f"correlated:kind={kind},correlation=0.6,features=4", 0), 4_000).contexts
    found = np.corrcoef(x[:, :3].T)
    assert found[0, 1] == pytest.approx(0.6, abs=0.06) and found[0, 2] == pytest.approx(apart, abs=0.06)


def test_goals_agree_about_what_happened_whichever_is_learned():
    seen = {}
    for goal in ("click", "order", "revenue"):
        world = make_world(f"goals:learn={goal},click_rate=0.4", 0)
        assert world.goals[0] == goal and world.unit_interval == (goal != "revenue")
        got = run(world, 0, in_turn)[1]
        seen[goal] = got[:, [world.goals.index(name) for name in ("click", "order", "revenue")]]
    assert np.array_equal(seen["click"], seen["order"]) and np.array_equal(seen["click"], seen["revenue"])
    click, order, revenue = seen["click"].T
    assert (order <= click).all() and ((revenue > 0.0) == (order == 1.0)).all() and 0 < order.sum() < click.sum()


def test_conversions_arrive_by_their_law_and_failures_never():
    for law, half in (("lognormal", 5_000.0), ("exponential", 5_000.0 * np.log(2.0))):
        delays = _delays(f"delayed:law={law},delay=5000,window=20000,counted=ever,base_rate=0.5")
        arrived = delays[np.isfinite(delays)]
        assert np.median(arrived) == pytest.approx(half, rel=0.25)
        assert np.isinf(delays).any() and (arrived > 20_000.0).any()
    slow = _delays("delayed:delay=[10,20000,10,10,10],base_rate=0.5", arm=1)
    assert np.median(slow[np.isfinite(slow)]) > 10_000.0


def _delays(text, arm=0):
    world = make_world(text, 0)
    event, state, (visit, outcome) = world.event(), world.state(), world.functions()
    chances, delays = Chance(world, 0).next(T), np.empty(T)
    for i in range(T):
        give(world, event, i, chances, i)
        visit(state, event)
        outcome(state, event, arm)
        delays[i] = event.delay[0]
        assert event.outcomes[0] in (0.0, 1.0) and (np.isfinite(delays[i]) or event.outcomes[0] == 0.0)
    return delays


def test_each_audience_has_a_best_arm_and_its_share():
    world = make_world("audiences:audiences=4,arms=4,ratio=0.5", 0)
    seen = look(world, 3_000)
    assert world.features == ("audience=0", "audience=1", "audience=2", "audience=3")
    group = seen.contexts.argmax(axis=1)
    assert (seen.contexts.sum(axis=1) == 1.0).all()
    assert np.bincount(group) / 3_000 == pytest.approx(np.array([8, 4, 2, 1]) / 15, abs=0.04)
    tops = {(int(g), int(arm)) for g, arm in zip(group, seen.means.argmax(axis=1), strict=True)}
    assert len(tops) == 4 and len({arm for _, arm in tops}) == 4


def test_arms_told_apart_by_features_suit_the_policy_that_takes_them():
    world = make_world("many_arms:arms=30", 0)
    policy = make_policy("shared_linear_ts", world)
    assert policy.posterior.arm_features.shape == (30, 4)
    seen = look(world, 400)
    model = policy.posterior.features(seen.contexts).reshape(-1, 20)
    rest = np.linalg.lstsq(model, seen.means.ravel(), rcond=None)[1]
    assert rest[0] < 1e-18, "one model for all arms has all their means"


def test_what_linear_models_lose_is_measured():
    right, wrong = (linear_loss(make_world(f"misspecified:wrong={share}", 0), 4_000) for share in (0, 1))
    assert right.linear == 0.0 < right.uniform
    # Uniform play loses gap / 2; no straight line loses less than gap / 3.
    assert wrong.uniform == pytest.approx(0.5) and wrong.linear > 0.30


def test_a_labelled_table_is_shown_row_by_row_and_pays_for_the_right_class(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("kind,a,b\nx,1,10\ny,2,20\nz,3,60\n", encoding="utf-8")
    seen = look(make_world(f"classification:data={path},label=kind,passes=2", 0), 12)
    assert (seen.means.sum(axis=1) == 1.0).all()
    assert all(sorted(seen.means[at : at + 3].argmax(axis=1)) == [0, 1, 2] for at in (0, 3, 6, 9))
    assert np.array_equal(seen.contexts[:6], seen.contexts[6:])
    order = np.argsort(seen.means[:3].argmax(axis=1))
    assert seen.contexts[:3][order][:, 0] == pytest.approx([-1.2247, 0.0, 1.2247], abs=1e-3)
    np.savez(tmp_path / "t.npz", X=np.array([[1.0, 10], [2, 20], [3, 60]]), y=np.array(["x", "y", "z"]))
    assert np.array_equal(look(make_world(f"classification:data={tmp_path / 't.npz'},passes=2", 0), 12), seen)


# A world fitted to a log


def logged(text, n=4_000, seed=1):
    """A log of arms drawn unevenly in a world, whose rewards follow its law."""
    world, g = make_world(text, seed), np.random.default_rng(seed)
    seen, shares = look(world, n, seed), np.array([0.6, 0.3, 0.1])
    arms = g.choice(3, n, p=shares)
    means = seen.means[np.arange(n), arms]
    rewards = (g.random(n) < means) * 1.0 if world.outcome == "clicks" else means + g.standard_normal(n)
    return world, BanditLog.of(seen.contexts, arms, rewards, shares[arms], n_arms=3)


@pytest.mark.parametrize("text", ["logistic:arms=3,features=4,base_rate=0.3", "linear:arms=3,features=4"])
def test_a_fitted_world_has_the_means_of_what_it_was_fitted_to(text, tmp_path):
    true, log = logged(text)
    fitted = fitted_world(log, np.random.default_rng(0))
    world = fitted.world
    assert world.outcome == true.outcome
    seen = look(world, 300)
    assert seen.contexts.shape[1] == (4 if "logistic" in text else 5), "a constant is appended where there is none"
    theta = true.constants["theta"]
    weights = theta.T if text.startswith("linear") else theta
    scores = seen.contexts[:, :4] @ weights + true.constants.get("offset", 0.0)
    means = 1.0 / (1.0 + np.exp(-scores)) if world.outcome == "clicks" else scores
    assert np.abs(seen.means - means).mean() < 0.12
    assert fitted.explained > 0.04
    count, predicted, observed, error = fitted.calibration.T
    assert count.sum() == pytest.approx(800, abs=120) and (np.diff(predicted) > 0.0).all()
    assert (np.abs(observed - predicted) < 4.5 * error + 0.03).all()
    if world.outcome == "normal":
        assert world.noise == pytest.approx(1.0, abs=0.06)
    write_log(log, tmp_path / "log.parquet")
    again = fitted_world(log, np.random.default_rng([0, 0])).world
    from_file = make_world(f"fitted:log={tmp_path / 'log.parquet'}", 0)
    assert np.array_equal(from_file.constants["theta"], again.constants["theta"])


def test_calibration_shows_a_model_of_rewards_that_contexts_do_not_explain():
    _, log = logged("linear:arms=3,features=4")
    rows = log.load()
    g = np.random.default_rng(0)
    noise = BanditLog.of(rows.contexts, rows.arms, g.standard_normal(len(rows)), rows.propensity, n_arms=3)
    assert fitted_world(noise, np.random.default_rng(0)).explained < 0.01


def test_an_arm_that_was_never_shown_cannot_be_fitted():
    _, log = logged("linear:arms=3,features=4", 200)
    rows = log.load()
    one = BanditLog.of(rows.contexts, rows.arms * 0, rows.rewards, rows.propensity, n_arms=3)
    with pytest.raises(InvalidInput, match="no row of 1 to fit"):
        fitted_world(one, np.random.default_rng(0))


# Parameters


@pytest.mark.parametrize(
    "text, said",
    [
        ("liner", "'liner' is no world; did you mean linear"),
        ("linear:arm=3", "'arm' is no parameter of world linear; did you mean arms"),
        ("fitted", "world fitted needs log"),
        ("linear:arms=0", "arms must be an integer of at least 1"),
        ("linear:arms=some", "arms must be an integer of at least 1, found 'some'"),
        ("linear:noise=-1", "noise must lie in"),
        ("logistic:base_rate=1", "base_rate must be below 1"),
        ("drift:kind=season", "did you mean seasonal"),
        ("drift:rewards=click", "did you mean clicks"),
        ("delayed:delay=[1,2]", "delay must be one number or one for each of the 5 arms"),
        ("delayed:window=0", "window must lie in"),
        ("sparse:active=1000", "active must be at most"),
        ("goals:learn=orders", "did you mean order"),
        ("audiences:lift=30", "must be at most 1, found 1.55"),
        ("returning:units=10000000", "too large to solve"),
        ("returning:told=1", "told must be true or false"),
        ("many_arms:per_arm=1", "per_arm must be true or false"),
        ("misspecified:features=2", "features must be an integer of at least 3"),
        ("new_arm:arms=1", "arms must be an integer of at least 2"),
        ("replaced:rate=2", "rate must lie in"),
        ("correlated:correlation=1", "correlation must lie in"),
        ("classification:data=digit", "did you mean digits"),
        ("classification:data=none.csv", "none.csv cannot be read"),
        ("classification:data=none.npz", "none.npz cannot be read"),
    ],
)
def test_a_bad_parameter_is_named_in_one_line(text, said):
    with pytest.raises(InvalidInput, match=said) as caught:
        make_world(text, 0)
    assert "\n" not in str(caught.value)


def test_parameters_are_listed_with_their_defaults():
    assert world_parameters("linear") == {"arms": 10, "features": 20, "noise": 1.0, "spread": 1.0, "alike": 0.0}
