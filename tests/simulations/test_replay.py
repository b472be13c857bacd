"""Replay of policies that learn: how it is run, what it tells, and what is refused."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
from replay_logs import K, biased_log, pages_of, spec, uniform_log

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.evaluated import LogHealth
from banditcore_simulations.acceptance import Path
from banditcore_simulations.replay import replay
from banditcore_simulations.replayed import replayed

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
