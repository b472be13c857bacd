"""The interval of a replay: what repeats share because their log is the same."""

from functools import partial

import numpy as np
import pytest
from scipy.special import stdtrit

from banditcore.bandit_log import BanditLog
from banditcore.estimators.off_policy.weighted import CLUSTERS
from banditcore.evaluation import PolicySpec
from banditcore_simulations.replayed import replayed
from banditcore_simulations.uncertainty import Grouped, Shared, margin

N, K = 4_000, 4
FIRST = PolicySpec("first", "fixed", {"probabilities": [1.0, 0.0, 0.0, 0.0]}, 0.0)


def log_of(seed=0, copies=1, units=False):
    """Uniform, N rows, each `copies` times with another number of its own."""
    g = np.random.default_rng([seed, 31])
    arms, rewards = (np.repeat(x, copies) for x in (g.integers(0, K, N // copies), g.standard_normal(N // copies)))
    return BanditLog.of(
        np.empty((N, 0)), arms, rewards, np.full(N, 1 / K), units=np.arange(N) // copies if units else None, n_arms=K
    )


def error_of_mean(values):
    return values.std(ddof=1) / np.sqrt(len(values))


def half(report):
    return report.high - report.value


@pytest.mark.parametrize("repeats", [2, 20])
@pytest.mark.parametrize("method", ["match", "rejection"])
def test_repeats_that_are_all_the_same(method, repeats):
    """A policy sure of its arm takes the same rows each time: no spread, and the error of their mean all the same."""
    log = log_of()
    rows = log.load()
    report = replayed(log, [FIRST], method=method, repeats=repeats)[0]
    assert report.spread <= 1e-12
    assert half(report) == pytest.approx(1.96 * error_of_mean(rows.rewards[rows.arms == 0]), rel=0.02)


def test_rows_of_a_unit_count_together():
    """Each row 4 times is a quarter of the rows, where the log tells that they are of one unit."""
    told, untold = (replayed(log_of(copies=4, units=units), [FIRST], repeats=2)[0] for units in (True, False))
    assert told.value == untold.value
    assert half(told) == pytest.approx(2.0 * half(untold), rel=0.02)


def test_repeats_that_take_other_rows_each():
    """A hundredth of the rows: next to nothing is shared, and the interval is that of independent repeats."""
    law = PolicySpec("law", "fixed", {"probabilities": [0.25] * 4}, 0.0)
    report = replayed(log_of(), [law], method="rejection", bound=30.0, repeats=10)[0]
    apart = stdtrit(9, 0.975) * report.spread / np.sqrt(10)
    assert apart <= half(report) * 1.05 and half(report) <= 1.6 * apart


def test_many_repeats_leave_the_error_of_the_log():
    """Uniform play is the mean of the log in the end: its interval ends at the error of that, not at none."""
    log, law = log_of(), PolicySpec("law", "fixed", {"probabilities": [0.25] * 4}, 0.0)
    few, many = (replayed(log, [law], repeats=repeats)[0] for repeats in (5, 40))
    floor = 1.96 * error_of_mean(log.load().rewards)
    assert half(few) > half(many) > 0.9 * floor
    assert half(many) < 1.2 * floor
    assert stdtrit(39, 0.975) * many.spread / 40**0.5 < 0.35 * floor


def test_the_doubly_robust_interval_is_of_its_scores():
    """Rewards without noise by arm: a model knows them, and what is left of the error is little."""
    g = np.random.default_rng(5)
    arms = g.integers(0, K, N)
    log = BanditLog.of(np.empty((N, 0)), arms, arms + 0.01 * g.standard_normal(N), np.full(N, 1 / K), n_arms=K)
    law = PolicySpec("law", "fixed", {"probabilities": [0.1, 0.2, 0.3, 0.4]}, 0.0)
    plain, robust = (replayed(log, [law], method=method, repeats=5)[0] for method in ("rejection", "dr_ns"))
    assert abs(robust.value - 2.0) <= half(robust) < 0.5 * half(plain)


def grouped(units, values):
    found = Grouped()
    found.add(np.asarray(units, dtype=np.uint64), 1.0, np.asarray(values, dtype=float))
    return found.sums


def test_sums_by_group_whatever_the_pieces():
    g = np.random.default_rng(2)
    units, values = g.integers(0, 2**63, 5_000).astype(np.uint64), g.standard_normal(5_000)
    sums = []
    for step in (1, 7, 5_000):
        found = Grouped()
        for start in range(0, 5_000, step):
            found.add(units[start : start + step], 0.25, values[start : start + step])
        sums.append(found.sums)
    groups = (units % CLUSTERS).astype(int)
    assert np.allclose(sums[0][0], 0.25 * np.bincount(groups, minlength=CLUSTERS))
    assert np.allclose(sums[0][1], 0.25 * np.bincount(groups, values, CLUSTERS))
    assert sums[0].tobytes() == sums[1].tobytes() == sums[2].tobytes()


def test_what_is_shared():
    """By hand: two repeats of two rows, of groups 0 and 1 with residuals -1 and 1, then 0 and 2 with -1 and 1."""
    same = Shared.of([grouped([0, 1], [1, 3])] * 2)
    assert same == (1.0, 1.0, 1.0, 2) and same.odds == 0.0  # 2/1 (1/4 + 1/4)
    partly = Shared.of([grouped([0, 1], [1, 3]), grouped([0, 2], [1, 3])])
    assert partly == pytest.approx((0.75, 0.5625, 0.375, 3)) and partly.odds == pytest.approx(1.0)
    apart = Shared.of([grouped([0, 1], [1, 3]), grouped([2, 3], [1, 3])])
    assert apart.log == pytest.approx(0.0) and apart.odds == pytest.approx(0.0)
    assert same.groups < CLUSTERS


def test_a_spread_beyond_what_rows_explain_widens():
    groups = [grouped([0, 1], [1, 3]), grouped([0, 2], [1, 3])]
    quiet, lucky = (margin(spread, groups, groups, 0.05) for spread in (0.1, 3.0))
    assert lucky == pytest.approx(stdtrit((1.5 * 9) ** 2 / ((1.5 * 9) ** 2 + 0.5625**2 / 2), 0.975) * 13.5**0.5)
    assert quiet < lucky
    tiny = [np.array([[1.0], [1e-100]]) * group for group in groups]
    assert margin(3e-100, tiny, tiny, 0.05) == pytest.approx(1e-100 * lucky)


def test_a_single_unit_says_nothing_of_others():
    groups = [grouped([7, 7, 7], [1, 2, 4]), grouped([7, 7], [1, 4])]
    assert np.isnan(margin(0.1, groups, groups, 0.05))


def test_rewards_that_are_all_alike():
    flat = BanditLog.of(np.empty((N, 0)), np.arange(N) % K, np.ones(N), np.full(N, 1 / K), n_arms=K)
    report = replayed(flat, [FIRST], repeats=3)[0]
    assert report.low == report.value == report.high == 1.0


def test_units_survive_pages_and_another_order():
    log = log_of(copies=4, units=True)
    rows = log.load()
    cut = log.with_pages(partial(pages_of, rows, 999))
    whole, paged = (replayed(this, [FIRST], repeats=3, shuffle=False)[0] for this in (log, cut))
    assert (whole.low, whole.high) == (paged.low, paged.high)
    shuffled = replayed(log, [FIRST], repeats=3, shuffle=True)[0]
    assert half(shuffled) == pytest.approx(half(whole), rel=1e-9)


def pages_of(rows, step):
    for start in range(0, len(rows), step):
        yield rows.take(slice(start, start + step))
