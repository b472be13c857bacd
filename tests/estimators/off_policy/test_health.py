"""Whether a log can carry an evaluation: what is found in it, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
from bandit_logs import VARIANTS, drawn

from banditcore.bandit_log import Rows
from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy import HealthFold
from banditcore.estimators.off_policy.units import LIMIT, DistinctUnits


def folded(*pages, n_arms=3):
    fold = HealthFold(n_arms)
    for page in pages:
        fold.add(page)
    return fold


def health(*pages, variants=VARIANTS):
    return folded(*pages, n_arms=len(variants)).report(variants)


def scalar(rows):
    """The same without whole vectors."""
    return replace(rows, propensities=None)


def test_a_sound_log():
    rows = drawn(5_000)
    found = health(rows)
    assert found.status == "green" and not found.reasons and found.rows == 5_000
    assert found.has_vectors and not found.has_units and not found.has_times and found.units == 5_000
    assert found.mean_reward == pytest.approx(rows.rewards.mean()) and (found.least_reward, found.most_reward) == (0, 1)
    assert found.reward_error == pytest.approx(rows.rewards.std(ddof=1) / np.sqrt(5_000), rel=1e-9)
    assert found.certain == 0.0 and found.fallback_share == 0.0 and math.isnan(found.largest_unit)
    for at, arm in enumerate(found.arms):
        own = rows.arms == at
        assert arm.variant == VARIANTS[at] and arm.shown == own.sum() and arm.eligible == 5_000
        assert arm.mean == pytest.approx(rows.rewards[own].mean())
        assert arm.inverse == pytest.approx((own / rows.propensity).mean())
        assert arm.least == pytest.approx(rows.propensity[own].min()) and arm.surprise < 4.0


def test_both_checks_of_an_arm_are_the_textbooks():
    rows = drawn(5_000)
    for at, arm in enumerate(health(rows).arms):
        p, own = rows.propensities[:, at], rows.arms == at
        drawn_off = abs((own - p).sum()) / math.sqrt((p * (1 - p)).sum())
        weight_off = (own / p - 1.0).sum() / math.sqrt((1.0 / p - 1.0).sum())
        assert arm.surprise >= drawn_off - 1e-9
        assert arm.surprise <= max(drawn_off, abs(weight_off), 1.0) + 1e-9


@pytest.mark.parametrize("factor", [1.3, 1 / 1.3])
@pytest.mark.parametrize("vectors", [True, False])
def test_wrong_propensities_are_refused(factor, vectors):
    rows = drawn(20_000)
    p = rows.propensities.copy()
    p[:, 1] = np.minimum(factor * p[:, 1], 1.0)
    wrong = replace(rows, propensities=p, propensity=p[np.arange(20_000), rows.arms])
    found = health(wrong if vectors else scalar(wrong))
    assert found.status == "refused" and "the propensities cannot be right: bold was shown" in found.reasons[0]
    assert len(found.can) == 1 and "are not what was drawn from" in found.cannot[0]


def test_an_arm_that_came_later_is_no_error_where_the_log_says_so():
    n, g = 6_000, np.random.default_rng(6)
    late = np.arange(n) >= 3_000
    arms = np.where(late, g.integers(0, 3, n), g.integers(0, 2, n))
    rows = Rows(np.empty((n, 0)), arms, np.zeros(n), np.where(late, 1 / 3, 1 / 2))
    told = replace(rows, eligible=np.column_stack([np.ones((n, 2), dtype=bool), late]))
    assert health(told).status == "green"
    found = health(rows)
    assert found.status == "refused" and "unless it could not always be shown" in found.reasons[0]


def test_right_ones_are_not():
    """Of 200 logs of 17 arms and 3,000 rows with whole vectors, and as many without: at most .005."""
    number, keys = 200, tuple(f"v{at}" for at in range(17))
    logs = [drawn(3_000, seed, arms=17, sharpness=2.0) for seed in range(number)]
    shares = [
        np.mean([health(rows, variants=keys).status == "refused" for rows in each])
        for each in (logs, [scalar(rows) for rows in logs])
    ]
    assert max(shares) <= 0.005


def test_an_arm_that_was_hardly_to_be_expected_tells_nothing():
    n = 4_000
    p = np.tile([0.6, 0.399, 0.001], (n, 1))
    arms = np.where(np.random.default_rng(1).random(n) < 0.6, 0, 1)  # the third one never, where 4 were expected
    rows = Rows(np.empty((n, 0)), arms, np.zeros(n), p[np.arange(n), arms], propensities=p)
    for found in (health(rows), health(scalar(rows))):
        assert found.status == "green" and math.isnan(found.arms[2].surprise) and math.isnan(found.arms[2].mean)
        assert math.isnan(found.arms[2].least)


def test_propensities_of_one_that_are_none():
    """Two arms shown half of the time each, all logged as certain."""
    n = 4_000
    rows = Rows(np.empty((n, 0)), np.arange(n) % 2, np.zeros(n), np.ones(n))
    found = health(rows, variants=("a", "b"))
    assert found.status == "refused" and "cannot be right" in found.reasons[0] and found.certain == 1.0


def test_a_policy_that_never_tries_anything_else():
    n = 1_000
    found = health(Rows(np.empty((n, 0)), np.zeros(n, dtype=int), np.ones(n), np.ones(n)))
    assert found.status == "refused" and found.reasons == (
        "every propensity is 1: nothing else was tried, so nothing is known of any other policy",
    )
    assert "nothing of any other" in found.can[0]


def test_arms_without_a_chance_are_told_apart_from_those_with_one():
    rows = drawn(3_000)
    p = rows.propensities.copy()
    out = (np.arange(3_000) % 2 == 0) & (rows.arms != 2)
    p[out, 2] = 0.0
    p[out] /= p[out].sum(axis=1, keepdims=True)
    found = health(replace(rows, propensities=p, propensity=p[np.arange(3_000), rows.arms]))
    assert [arm.eligible for arm in found.arms] == [3_000, 3_000, 3_000 - out.sum()]
    mask = p > 0.0
    found = health(replace(scalar(rows), eligible=mask))
    assert found.arms[2].eligible == 3_000 - out.sum()


def test_fallbacks_are_counted_and_used_for_nothing_else():
    rows = drawn(4_000)
    some = np.arange(4_000) % 25 == 0
    marked = replace(rows, fallback=some, rewards=np.where(some, 99.0, rows.rewards))
    found = health(marked)
    assert found.status == "green" and found.rows == 3_840 and found.fallback_share == pytest.approx(0.04)
    assert found.most_reward == 1.0 and sum(arm.shown for arm in found.arms) == 3_840
    found = health(replace(rows, fallback=np.arange(4_000) % 15 == 0))
    assert found.status == "refused" and "6.7 % of the decisions were not drawn" in found.reasons[0]


def test_few_units_are_refused():
    rows = drawn(3_000)
    found = health(replace(rows, units=np.arange(3_000, dtype=np.uint64) % 199))
    assert found.status == "refused" and "199 units of the 200 needed" in found.reasons[0]
    assert health(replace(rows, units=np.arange(3_000, dtype=np.uint64) % 200)).status == "green"
    assert "199 rows of the 200 needed" in health(drawn(199)).reasons[0]


def test_errors_are_those_of_units():
    rows = drawn(3_000)
    one = replace(rows, units=np.arange(3_000, dtype=np.uint64))
    four = replace(one.take(np.repeat(np.arange(3_000), 4)))
    alone, together = health(one), health(four)
    assert together.reward_error == pytest.approx(alone.reward_error, rel=1e-9)
    assert (alone.units, together.units, together.rows) == (3_000, 3_000, 12_000)
    assert together.largest_unit == pytest.approx(1.0 / 3_000)
    assert abs(together.drift) == pytest.approx(abs(alone.drift), rel=0.15)


def test_one_unit_with_most_of_the_rows_is_warned_of():
    units = np.where(np.arange(3_000) % 10 == 0, 7, np.arange(3_000)).astype(np.uint64)
    found = health(replace(drawn(3_000), units=units))
    assert found.status == "amber" and "10.0 % of the rows are of one group of units" in found.reasons[0]
    assert found.largest_unit == pytest.approx(0.1, abs=1e-3)


def test_left_out_rows_are_told_and_warned_of():
    rows = replace(drawn(1_000), left_out={"no reward yet": 30, "sticky": 5})
    more = replace(drawn(1_000, 1), left_out={"no reward yet": 3})
    found = health(rows, more)
    assert found.left_out == {"no reward yet": 33, "sticky": 5} and found.status == "green"
    found = health(replace(rows, left_out={"no reward yet": 200}))
    assert found.status == "amber" and "16.7 % of the rows were left out" in found.reasons[0]


def test_rows_left_out_at_random_or_as_the_newest_are_no_reason_to_warn():
    left = {"holdout": 250, "no final reward": 400, "not exposed": 40}
    found = health(replace(drawn(1_000), left_out=left))
    assert found.status == "green" and found.left_out == left
    assert health(replace(drawn(1_000), left_out={**left, "not exposed": 400})).status == "amber"


def test_time_runs_backwards_where_it_does():
    times = np.arange(1_000.0)
    times[[10, 500]] = 0.0
    rows = replace(drawn(1_000), times=times)
    found = health(rows, rows)
    assert found.has_times and found.steps_back == 5
    halves = folded(rows) + folded(rows)
    assert halves.report(VARIANTS).steps_back == 5
    assert not health(drawn(1_000)).has_times


def test_drift_is_found_in_long_logs_and_in_short_ones():
    for n in (400, 300_000):
        rows = drawn(n)
        later = np.where(np.arange(n) >= n / 2, 0.5, 0.0)
        pages = [replace(rows, rewards=rows.rewards + later).take(part) for part in np.array_split(np.arange(n), 3)]
        whole = replace(rows, rewards=rows.rewards + later)
        halves = whole.rewards[: n // 2], whole.rewards[n // 2 :]
        error = math.hypot(*(half.std(ddof=1) / math.sqrt(len(half)) for half in halves))
        assert health(*pages).drift == pytest.approx((halves[1].mean() - halves[0].mean()) / error, rel=0.03)
        assert abs(health(rows).drift) < 4.0


def test_a_log_out_of_order_and_one_that_drifts_are_warned_of():
    rows = drawn(4_000)
    few, many = np.arange(4_000.0), np.arange(4_000.0)
    few[::200] = 0.0
    many[::50] = 0.0
    assert health(replace(rows, times=few)).status == "green"
    found = health(replace(rows, times=many))
    assert found.status == "amber" and "sort the log by time" in found.reasons[0]
    later = np.arange(4_000) >= 2_000
    for sign, side in ((1.0, "more"), (-1.0, "less")):
        found = health(replace(rows, rewards=rows.rewards + sign * later))
        assert found.status == "amber" and f"its second half earned {side} than its first" in found.reasons[0]


def test_repeated_propensities_are_found():
    n = 20_000
    rows = scalar(drawn(n))
    third = np.where(np.arange(n) % 3 == 0, 0.25, rows.propensity)
    assert health(replace(rows, propensity=third)).repeated == pytest.approx(1 / 3, abs=1e-3)
    assert health(rows).repeated < 0.01
    late = replace(rows, propensity=np.full(n, 0.25))
    assert health(rows, late).repeated == pytest.approx(0.5)


def test_a_uniform_log_replays_by_matching():
    n, g = 3_000, np.random.default_rng(2)
    mask = np.ones((n, 3), dtype=bool)
    mask[::2, 2] = False
    arms = np.where(np.arange(n) % 2 == 0, g.integers(0, 2, n), g.integers(0, 3, n))
    rows = Rows(np.empty((n, 0)), arms, np.zeros(n), 1.0 / mask.sum(axis=1), eligible=mask)
    assert any("by matching" in sentence for sentence in health(rows).can)
    biased = health(drawn(3_000))
    assert any("by rejection" in sentence for sentence in biased.can)
    assert not any("by matching" in sentence for sentence in biased.can)


def test_what_a_log_lacks_is_said():
    rows = drawn(1_000)
    full = replace(rows, units=np.arange(1_000, dtype=np.uint64), times=np.arange(1_000.0))
    assert len(health(full).cannot) == 1
    said = " ".join(health(scalar(rows)).cannot)
    assert "no whole vectors" in said and "rows as independent" in said and "the order in time" in said
    features = replace(rows, contexts=np.zeros((1_000, 3, 2)))
    assert any("features of each arm" in sentence for sentence in health(features).can)


@pytest.mark.parametrize("units", [False, True])
def test_parts_are_the_whole(units):
    n = 30_000
    rows = drawn(n, times=np.arange(float(n)), fallback=np.arange(n) % 100 == 0)
    rows = replace(rows, units=np.arange(n, dtype=np.uint64) // 2) if units else rows
    pages = [rows.take(part) for part in np.array_split(np.arange(n), 7)]
    whole, parts = folded(rows), HealthFold(3)
    for page in pages:
        parts = parts + folded(page)
    mine, theirs = whole.report(VARIANTS), parts.report(VARIANTS)
    for name in ("rows", "status", "units", "steps_back", "fallback_share", "certain", "can", "cannot"):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert mine.largest_unit == pytest.approx(theirs.largest_unit, nan_ok=True)
    assert mine.reward_error == pytest.approx(theirs.reward_error, rel=1e-9)
    assert mine.drift == pytest.approx(theirs.drift, abs=0.1)
    for one, other in zip(mine.arms, theirs.arms, strict=True):
        assert one.surprise == pytest.approx(other.surprise, rel=1e-6) and one.shown == other.shown


def test_units_that_only_some_pages_tell_are_not_told():
    with_units = replace(drawn(1_000), units=np.arange(1_000, dtype=np.uint64))
    for fold in (
        folded(with_units, drawn(1_000, 1)),
        folded(drawn(1_000, 1), with_units),
        folded(with_units) + folded(drawn(1_000, 1)),
    ):
        found = fold.report(VARIANTS)
        assert not found.has_units and found.units == 2_000 and math.isfinite(found.reward_error)


def test_no_rows():
    found = health(drawn(0))
    assert found.status == "refused" and found.rows == 0 and math.isnan(found.mean_reward)
    assert "no decision" in found.reasons[0] and math.isnan(found.least_reward)
    everything = replace(drawn(50), fallback=np.ones(50, dtype=bool))
    assert health(everything).fallback_share == 1.0


def test_bad_sizes_are_refused():
    with pytest.raises(InvalidInput, match="3 keys"):
        folded(drawn(10)).report(("a", "b"))
    with pytest.raises(InvalidInput, match="of 3 arms"):
        HealthFold(3) + HealthFold(2)


# Different units.


@pytest.mark.parametrize("count", [1, 5_000, LIMIT])
def test_units_are_counted_exactly_up_to_a_limit(count):
    found = DistinctUnits()
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(count)
        found.add(order.astype(np.uint64))
        found.add(order[: count // 2].astype(np.uint64))
    assert found.count == count


def test_many_units_are_estimated():
    for units in (np.arange(600_000, dtype=np.uint64), np.random.default_rng(1).integers(0, 2**63, 600_000) * 2):
        pages = [units[at : at + 50_000].astype(np.uint64) for at in range(0, 600_000, 50_000)]
        whole, parts = DistinctUnits(), DistinctUnits()
        for page in pages * 2:
            whole.add(page)
        for page in pages:
            one = DistinctUnits()
            one.add(page)
            parts = parts + one
        assert whole.count == pytest.approx(600_000, rel=0.02)
        assert parts.count == whole.count


# Customers who come back.


def sticky(seed, units, rows, arms=4, shares=None):
    """Each customer keeps the arm that was drawn for it; between 1 and 2 * rows rows of each."""
    g = np.random.default_rng([seed, units])
    unit = np.repeat(np.arange(units), g.integers(1, 2 * rows, units))
    p = np.full(arms, 1.0 / arms) if shares is None else np.asarray(shares)
    shown = g.choice(arms, units, p=p)[unit]
    order = g.permutation(len(unit))
    rewards = (g.random(len(unit)) < g.beta(1.0, 4.0, units)[unit]).astype(float)
    vectors = np.tile(p, (len(unit), 1))
    hashes = unit.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    found = Rows(np.empty((len(unit), 0)), shown, rewards, p[shown], propensities=vectors, units=hashes)
    return found.take(order)


@pytest.mark.parametrize("vectors", [True, False])
def test_an_arm_that_customers_keep_is_no_error(vectors):
    """Of 400 logs of 400 customers at most .01 are refused; row by row more than .4 would be."""
    number, keys = 400, tuple("abcd")
    logs = [sticky(seed, 400, 10) for seed in range(number)]
    logs = logs if vectors else [scalar(rows) for rows in logs]
    refused, by_row = (
        np.mean([health(rows, variants=keys).status == "refused" for rows in each])
        for each in (logs, [replace(rows, units=None) for rows in logs])
    )
    assert refused <= 0.01 and by_row > 0.4


def test_wrong_propensities_of_arms_that_customers_keep_are_found():
    rows = sticky(1, 3_000, 8, shares=[0.4, 0.3, 0.2, 0.1])
    told = np.array([0.3, 0.4, 0.2, 0.1])
    wrong = replace(rows, propensity=told[rows.arms], propensities=np.tile(told, (len(rows), 1)))
    for each in (wrong, scalar(wrong)):
        assert health(each, variants=tuple("abcd")).status == "refused"
        assert health(replace(each, propensity=rows.propensity, propensities=None), variants=tuple("abcd")).status == (
            "green"
        )


@pytest.mark.parametrize("vectors", [True, False])
def test_groups_of_units_add_up_to_the_textbooks_variance(vectors):
    rows = replace(drawn(6_000, arms=3), units=np.arange(6_000, dtype=np.uint64) // 4)
    mask = np.ones((6_000, 3), dtype=bool)
    mask[(np.arange(6_000) // 4 % 5 == 0) & (rows.arms != 2), 2] = False
    p = np.where(mask, rows.propensities, 0.0)
    p /= p.sum(axis=1, keepdims=True)
    rows = replace(rows, propensities=p if vectors else None, eligible=mask, propensity=p[np.arange(6_000), rows.arms])
    own = rows.arms[:, None] == np.arange(3)
    weights = np.where(own, 1.0 / np.where(p > 0.0, p, 1.0), 0.0)
    off = np.where(mask, weights - weights.sum(axis=0) / mask.sum(axis=0), 0.0)
    by_unit = off.reshape(1_500, 4, 3).sum(axis=1)
    expected = np.fmax((by_unit**2).sum(axis=0) * 1_500 / 1_499 / (off**2).sum(axis=0), 1.0)
    fold = folded(rows)
    halves = folded(rows.take(slice(0, 2_000))) + folded(rows.take(slice(2_000, None)))
    assert fold.arms.alike == pytest.approx(expected, rel=1e-9)
    assert halves.arms.alike == pytest.approx(expected, rel=1e-9)
