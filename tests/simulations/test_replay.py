"""Replay of policies that learn: what is accepted, what is learned, and what is refused."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.evaluated import LogHealth
from banditcore.evaluation import PolicySpec
from banditcore.kernels import draw
from banditcore.policies import get_policy
from banditcore_simulations import datasets as worlds
from banditcore_simulations.acceptance import Chances, DoublyRobust, Learner, Match, Path, Rejection
from banditcore_simulations.replay import replay
from banditcore_simulations.replayed import replayed
from banditcore_simulations.runner import play

K, D = 5, 4


def spec(name="lin_ucb", floor=0.02, **params):
    return PolicySpec(name, name, params, floor)


def pages_of(rows, step):
    for start in range(0, len(rows), step):
        yield rows.take(slice(start, start + step))


def uniform_log(n=4_000, seed=0, arms=K, per_arm=False, clicks=False, masked=False, times=None):
    """Linear rewards, or clicks; `masked` leaves 3 arms eligible in every row."""
    g = np.random.default_rng([seed, 9])
    world = (worlds.shared_linear if per_arm else worlds.linear)(seed, n, arms=arms, features=D)
    rewards = (world.rewards > 0.5).astype(float) if clicks else world.rewards
    mask = np.argsort(g.random((n, arms)), axis=1) < 3 if masked else np.ones((n, arms), dtype=bool)
    shares = mask / mask.sum(axis=1, keepdims=True)
    shown = np.array([draw(row, u) for row, u in zip(shares, g.random(n), strict=True)])
    return BanditLog.of(
        world.contexts,
        shown,
        rewards[np.arange(n), shown],
        shares[np.arange(n), shown],
        eligible=mask if masked else None,
        times=times,
        n_arms=arms,
    )


LOGGED = np.array([0.5, 0.25, 0.15, 0.06, 0.04])


def biased_log(n=6_000, seed=0, vectors=False, law=LOGGED):
    g = np.random.default_rng([seed, 8])
    world = worlds.linear(seed, n, arms=K, features=D)
    shown = g.choice(K, n, p=law)
    return BanditLog.of(
        world.contexts,
        shown,
        world.rewards[np.arange(n), shown],
        law[shown],
        propensities=np.tile(law, (n, 1)) if vectors else None,
        n_arms=K,
    )


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
    world = worlds.linear(4, 3_000, arms=K, features=D)
    arms = np.random.default_rng(4).integers(0, K, 3_000)
    rows = BanditLog.of(world.contexts, arms, world.rewards[np.arange(3_000), arms], np.full(3_000, 1 / K)).load()
    replayed, online = (get_policy("lin_ucb").make(K, D, 0.1, {}) for _ in range(2))
    chances = chances_of(rows, replayed)
    accepted = plainly(replayed, rows, chances, lambda vector, arm, p, u: draw(vector, u) == arm)
    learner = Learner(get_policy("lin_ucb").make(K, D, 0.1, {}), Match())
    learner.follow(rows, chances)
    for i in accepted:
        context = world.contexts[i : i + 1]
        arm = draw(online.propensities(context)[0], chances.uniform[i])
        online.update(context, np.array([arm]), np.array([world.reward(i, arm)]))
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
    world = worlds.linear(2, 4_000, arms=K, features=D)
    server = get_policy("lin_ucb").make(K, D, 0.2, {})
    vectors = np.empty((4_000, K))
    ask = server.propensities
    at = iter(range(4_000))

    def recorded(context, *, seeds):
        vector = ask(context, seeds=seeds)
        vectors[next(at)] = vector[0]
        return vector

    server.propensities = recorded
    arms = play(server, world, 2)
    rows = np.arange(4_000)
    log = BanditLog.of(
        world.contexts, arms, world.rewards[rows, arms], vectors[rows, arms], propensities=vectors, n_arms=K
    )
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


# How it is run


@pytest.mark.parametrize("method", ["rejection", "dr_ns"])
def test_pages_and_memory_change_nothing(method):
    rows, log = biased_log(3_000).load(), biased_log(3_000)
    specs = [spec(), spec("linear_ts")]

    def ask(log, specs, **options):
        reports = replayed(log, specs, method=method, repeats=2, **options)
        return [replace(report, logged=round(report.logged, 12)) for report in reports]  # a sum of sums of pages

    kept = ask(log, specs)
    assert ask(log.with_pages(partial(pages_of, rows, 37)), specs, in_memory=False) == kept
    assert ask(log.with_pages(partial(pages_of, rows, 1_000)), specs, in_memory=True) == kept


@pytest.mark.parametrize("method", ["rejection", "dr_ns"])
def test_pages_in_which_all_are_eligible(method):
    """They go without a mask, and others have one: the same as a mask in all."""
    log = uniform_log(1_500, masked=True)
    rows = log.load()
    mask = np.where(np.arange(1_500)[:, None] < 700, True, rows.eligible)
    rows = replace(rows, eligible=mask, propensity=1.0 / mask.sum(axis=1))
    whole, cut = (
        replayed(log.with_pages(partial(pages_of, rows, step)), [spec()], method=method, repeats=2, shuffle=False)[0]
        for step in (1_500, 100)
    )
    streamed = replayed(
        log.with_pages(partial(pages_of, rows, 100)), [spec()], method=method, repeats=2, in_memory=False
    )[0]
    assert whole.value == cut.value == streamed.value and whole.accepted == streamed.accepted > 100


def test_workers_change_nothing():
    log, specs = uniform_log(1_500), [spec(), spec("linear_ts")]
    alone = replayed(log, specs, repeats=3)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert replayed(log, specs, repeats=3, run=lambda function, tasks: list(pool.map(function, tasks))) == alone


def test_a_policy_is_the_same_whoever_is_beside_it():
    log = uniform_log(1_500)
    assert replayed(log, [spec("linear_ts"), spec()], repeats=2)[1] == replayed(log, [spec()], repeats=2)[0]


def test_repeats_differ_in_the_order_of_rows_where_it_may_be_changed():
    uniform, biased = uniform_log(1_500), biased_log(6_000)
    assert replayed(uniform, [spec()], repeats=2)[0].shuffled
    timed = uniform_log(1_500, times=np.arange(1_500.0))
    assert not replayed(timed, [spec(half_life=500.0)], repeats=2)[0].shuffled
    assert not replayed(uniform, [spec()], repeats=2, in_memory=False)[0].shuffled
    assert not replayed(uniform, [spec()], repeats=2, shuffle=False)[0].shuffled
    kept, asked = (replayed(biased, [spec()], repeats=2, shuffle=shuffle)[0] for shuffle in (None, True))
    assert not kept.shuffled and "order of the log" in kept.notes[0]
    assert asked.shuffled and "wrong if" in asked.notes[0]
    assert kept.spread > 0.0 and asked.value != kept.value


def test_a_half_life_follows_the_times_of_the_log():
    fading = [spec(half_life=100.0)]
    with pytest.raises(InvalidInput, match="cannot learn this log: a half_life needs times, and the log has none"):
        replayed(uniform_log(2_000), fading, repeats=2)
    seconds, hours = (
        replayed(uniform_log(2_000, times=np.arange(2_000.0) * s), fading, repeats=2)[0] for s in (1, 3600)
    )
    assert hours.value < seconds.value - 0.1
    shuffled = replayed(uniform_log(2_000, times=np.arange(2_000.0)), fading, repeats=2, shuffle=True)[0]
    assert abs(shuffled.value - seconds.value) < 0.3  # not all at once: times that run back would count as none


# What is told


def test_the_report():
    report = replayed(uniform_log(8_000), [spec()], repeats=4)[0]
    assert (report.status, report.reasons, report.method, report.repeats) == ("green", (), "match", 4)
    assert report.least < report.value < report.most and report.low < report.value < report.high
    assert report.high - report.low > 2 * 1.96 * report.spread / 2  # more than repeats with logs of their own
    assert any("over logs like this one" in note for note in report.notes)
    assert report.rows == 8_000 and 1_450 < report.accepted < 1_750
    course = report.course
    assert 40 <= len(course.steps) <= 50 and list(course.steps) == sorted(set(course.steps))
    assert all(low <= mean <= high for low, mean, high in zip(course.low, course.mean, course.high, strict=True))
    assert course.steps[-1] <= report.accepted + 100 and abs(course.mean[-1] - report.value) < 0.1
    assert "advised" in report.notes[-1]


def test_a_path_keeps_few_points_and_the_right_ones():
    path, rewards = Path(), np.random.default_rng(0).random(10_000)
    for reward in rewards.tolist():
        path.add(reward)
    assert len(path.sums) <= 1_024 and path.every == 16
    marks = path.every * np.arange(1, len(path.sums) + 1)
    assert np.allclose(path.sums, np.cumsum(rewards)[marks - 1], rtol=1e-12)


def test_a_bound_that_is_too_small_is_refused_and_the_remedy_told():
    log = biased_log(6_000)
    report = replayed(log, [spec()], repeats=2, bound=5.0)[0]
    assert report.status == "refused" and report.over > 0 and np.isnan(report.value) and report.course.steps == ()
    assert "bound 5 is too small" in report.reasons[0] and "25," in report.reasons[0]
    assert replayed(log, [spec()], repeats=2, bound=25.0)[0].over == 0


def test_arms_that_had_no_chance_are_refused():
    """The fourth arm is eligible and never logged: a policy that plays it cannot be replayed."""
    law = np.array([0.5, 0.3, 0.2, 0.0, 0.0])
    log = biased_log(6_000, vectors=True, law=law)
    uniform, known = replayed(
        log, [spec("uniform"), spec("fixed", floor=0.0, probabilities=[0.2, 0.2, 0.6, 0.0, 0.0])], repeats=2
    )
    assert uniform.status == "refused" and "40.0%" in uniform.reasons[0]
    assert known.status == "green"


def test_few_accepted_rows_are_refused_or_amber():
    short, middle = (replayed(uniform_log(n), [spec()], repeats=2)[0] for n in (300, 2_000))
    assert short.status == "refused" and "100 are the least" in short.reasons[0] and np.isnan(short.low)
    rare = replayed(biased_log(1_000), [spec()], repeats=2)[0]
    assert "smallest propensity is larger: it is 0.04, and so one row in 25 counts" in rare.reasons[0]
    assert middle.status == "amber" and "only" in middle.reasons[0] and np.isfinite(middle.value)


def test_a_refused_log_refuses_all():
    nan = float("nan")
    health = LogHealth(
        rows=2_000, left_out={}, status="refused", reasons=("the propensities cannot be right",), can=(), cannot=(),
        arms=(), units=2_000, has_units=False, largest_unit=nan, has_vectors=False, has_times=False, steps_back=0,
        fallback_share=0.0, repeated=1.0, certain=0.0, drift=0.0, mean_reward=0.0, reward_error=0.0,
        least_reward=0.0, most_reward=0.0,
    )  # fmt: skip
    report = replayed(uniform_log(2_000), [spec()], repeats=2, health=health)[0]
    assert report.status == "refused" and report.reasons == health.reasons


@pytest.mark.parametrize(
    ("log", "options", "wrong"),
    [
        (biased_log, {"method": "match"}, 'not uniform.*Use method "rejection"'),
        (uniform_log, {"method": "mach"}, "method must be"),
        (uniform_log, {"method": "match", "bound": 9.0}, "bound is for"),
        (uniform_log, {"bound": 0.5}, "bound must lie"),
        (uniform_log, {"quantile": (1.0, 0.05)}, "quantile is for"),
        (uniform_log, {"method": "dr_ns", "quantile": (2.0, 0.05)}, "quantile must lie"),
        (uniform_log, {"repeats": 1}, "repeats must be"),
        (uniform_log, {"shuffle": True, "in_memory": False}, "shuffle needs"),
    ],
)
def test_what_cannot_be_asked(log, options, wrong):
    with pytest.raises(InvalidInput, match=wrong):
        replayed(log(500), [spec()], **options)


def test_policies_that_do_not_fit():
    with pytest.raises(InvalidInput, match=r"beta_ts learns rewards in \[0, 1\], and the log has"):
        replayed(uniform_log(500), [spec("beta_ts")])
    plain = BanditLog.of(np.empty((400, 0)), np.arange(400) % 2, np.zeros(400), np.full(400, 0.5))
    with pytest.raises(InvalidInput, match="lin_ucb needs contexts, and the log has none"):
        replayed(plain, [spec()])
    assert replayed(plain, [spec("beta_ts")], repeats=2)[0].value == 0.0
    with pytest.raises(InvalidInput, match=r"'alfa' is no parameter of lin_ucb; did you mean alpha\?"):
        replayed(uniform_log(500), [spec(alfa=1.0)])


def test_match_needs_as_many_eligible_arms_in_every_row():
    """Rows with few arms would be accepted more often; rejection takes them as they come."""
    rows = uniform_log(3_000).load()
    mask = np.ones((3_000, K), dtype=bool)
    mask[::2] = np.eye(K, dtype=bool)[rows.arms[::2]] | np.eye(K, dtype=bool)[(rows.arms[::2] + 1) % K]
    rows = replace(rows, eligible=mask, propensity=1.0 / mask.sum(axis=1))
    log = uniform_log(3_000).with_pages(partial(pages_of, rows, 3_000))
    with pytest.raises(InvalidInput, match="differs from row to row"):
        replayed(log, [spec()], method="match")
    report = replayed(log, [spec()], repeats=2)[0]
    assert report.method == "rejection" and report.shuffled and report.bound == 5.0


def test_an_empty_log():
    with pytest.raises(InvalidInput, match="no decision"):
        replayed(BanditLog(["a", "b"], partial(iter, ())), [spec()])


def test_a_bound_that_is_too_small_is_the_only_reason():
    report = replayed(biased_log(6_000), [spec()], method="rejection", bound=1.01, repeats=2)[0]
    assert report.status == "refused" and "is too small" in report.reasons[0]
    assert not any("does not show what they earn" in reason for reason in report.reasons)


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_are_counted_before_anything_is_read(jobs):
    with pytest.raises(InvalidInput, match="jobs must be an integer of at least 1"):
        replay(uniform_log(200), ["no_policy"], jobs=jobs)
