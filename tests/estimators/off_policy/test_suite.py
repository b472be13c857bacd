"""What is said of a target: green, amber or refused, and never more than the log carries."""

import math
from dataclasses import replace

import numpy as np
import pytest
from bandit_logs import VARIANTS, drawn, played

from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy import ESTIMATORS, HealthFold, Suite, estimate, weigh


def health(rows, variants=VARIANTS):
    fold = HealthFold(len(variants))
    fold.add(rows)
    return fold.report(variants)


def reported(rows, target, q=None, names=None, **options):
    suite = Suite(names, **options)
    suite.add(weigh(rows, target, q))
    return suite.report("it", health(rows))


def rare(n, share):
    """Vectors under which "bold" has so small a chance."""
    return np.tile([(1.0 - share) / 2.0, share, (1.0 - share) / 2.0], (n, 1))


def rarely(n, share, seed=0):
    g, p = np.random.default_rng(seed), rare(n, share)
    rows = drawn(n, seed)
    shown = (p.cumsum(axis=1) < g.random((n, 1))).sum(axis=1).clip(0, 2)
    return replace(rows, arms=shown, propensity=p[np.arange(n), shown], propensities=p)


BOLD = np.array([0.0, 1.0, 0.0])


def test_a_green_report():
    rows, target = drawn(4_000), played(4_000)
    q = np.full((4_000, 3), 0.3)
    report = reported(rows, target, q)
    assert report.status == "green" and not report.reasons
    assert [each.estimator for each in report.estimates] == list(ESTIMATORS)
    assert [each.role for each in report.estimates] == ["main"] * 2 + ["sensitivity"] * 6
    for each in report.estimates:
        alone = estimate(each.estimator, weigh(rows, target, q))
        assert each.value == alone.value() and each.standard_error == alone.standard_error() > 0.0
        assert math.isnan(each.low) == math.isnan(each.anytime_low) == ESTIMATORS[each.estimator].biased
        if not math.isnan(each.low):
            assert (each.low, each.high) == alone.interval() and (
                each.anytime_low,
                each.anytime_high,
            ) == alone.anytime()
    first, second = report.estimates[:2]
    assert report.gain.estimator == "dr"
    assert report.gain.value == pytest.approx(first.value - rows.rewards.mean())
    assert report.estimators_apart == pytest.approx(abs(first.value - second.value) / first.standard_error)
    dm = next(each for each in report.estimates if each.estimator == "dm")
    assert report.model_apart == pytest.approx((dm.value - first.value) / first.standard_error)
    assert report.lower < first.value < report.upper


def test_without_a_model_or_whole_vectors_the_weighted_ones_are_left():
    rows, target, q = drawn(4_000), played(4_000), np.full((4_000, 3), 0.3)
    for report in (reported(rows, target), reported(rows, target[np.arange(4_000), rows.arms], q)):
        assert [each.estimator for each in report.estimates] == ["snips", "ips", "clipped_ips"]
        assert report.status == "green" and report.gain.estimator == "snips" and math.isnan(report.estimators_apart)
        assert len(report.notes) == 1
    report = reported(rows, target, names=["dr", "ips"])
    assert [each.estimator for each in report.estimates] == ["ips"]
    assert any(note.startswith("dr: left out") for note in report.notes)


def test_what_is_asked_for_is_what_is_shown():
    report = reported(drawn(4_000), played(4_000), np.full((4_000, 3), 0.3), ["ips", "dr", "ips"])
    assert [each.estimator for each in report.estimates] == ["dr", "ips"]


def test_a_target_with_more_than_a_half_percent_of_no_chance_is_refused():
    rows, target = drawn(4_000), played(4_000)
    p, shown = rows.propensities.copy(), rows.arms == 1
    p[~shown, 1] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    rows = replace(rows, propensities=p, propensity=p[np.arange(4_000), rows.arms])
    report = reported(rows, target)
    assert report.status == "refused" and not report.estimates and report.gain is None
    assert any("had no chance in the log" in reason for reason in report.reasons)
    missing = report.weights.unsupported
    assert missing == pytest.approx(target[~shown, 1].sum() / 4_000)
    assert math.isnan(report.estimators_apart) and math.isnan(report.model_apart)


@pytest.mark.parametrize(("share", "status"), [(0.04, "refused"), (0.1, "amber"), (0.3, "green")])
def test_an_effective_sample_decides(share, status):
    rows = rarely(2_000, share)
    report = reported(rows, np.tile(BOLD, (2_000, 1)), np.full((2_000, 3), 0.3), reward_range=(0.0, 1.0))
    assert report.weights.effective_sample == pytest.approx((rows.arms == 1).sum())
    assert report.status == status and bool(report.reasons) == (status != "green")
    assert 0.0 <= report.lower < 0.3 < report.upper <= 1.0
    if status == "amber":
        (only,) = report.estimates
        assert only.estimator == "dr" and math.isnan(only.low) and math.isnan(only.standard_error)
        assert only.anytime_low < only.value < only.anytime_high
        assert math.isnan(report.gain.low) and report.gain.anytime_low < report.gain.value
        assert reported(rows, np.tile(BOLD, (2_000, 1))).estimates[0].estimator == "snips"


def test_heavy_rows_that_have_not_come_yet_count():
    """A tenth of the rows gives "bold" next to no chance, and it was not drawn there: the weights look fine."""
    rows = rarely(3_000, 0.5)
    p = rows.propensities.copy()
    few = np.arange(3_000) % 10 == 0
    p[few] = rare(int(few.sum()), 1e-4)
    shown = np.where(few & (rows.arms == 1), 0, rows.arms)
    rows = replace(rows, arms=shown, propensities=p, propensity=p[np.arange(3_000), shown])
    report = reported(rows, np.tile(BOLD, (3_000, 1)))
    assert report.weights.effective_sample > 1_000.0 > 100.0 > report.weights.foreseen_sample
    assert report.status == "refused" and "plays what was rarely shown" in report.reasons[0]


def test_one_heavy_row_is_refused():
    rows = drawn(2_000)
    weight = np.ones(2_000)
    weight[5] = 150.0
    report = reported(replace(rows, propensities=None), weight * rows.propensity)
    assert report.status == "refused" and any("one row has 7.0 %" in reason for reason in report.reasons)


def test_a_target_that_never_plays_what_was_shown():
    rows = replace(drawn(2_000), propensities=None)
    report = reported(rows, np.zeros(2_000), reward_range=(0.0, 1.0))
    assert report.status == "refused" and report.weights.effective_sample == 0.0 and report.weights.zero_share == 1.0
    assert report.weights.edges == () and (report.lower, report.upper) == (0.0, 1.0)


def test_weights_whose_mean_cannot_be_are_refused_without_bounds():
    rows = replace(drawn(20_000), propensities=None)
    report = reported(rows, 1.2 * np.full(20_000, 1.0 / 3.0))
    assert report.status == "refused" and "have a mean of 1.2" in report.reasons[0]
    assert math.isnan(report.lower) and math.isnan(report.upper)


def test_wrong_propensities_leave_nothing_to_say():
    rows = drawn(20_000)
    p = rows.propensities.copy()
    p[:, 1] *= 1.3
    report = reported(replace(rows, propensities=p, propensity=p[np.arange(20_000), rows.arms]), played(20_000))
    assert report.status == "refused" and "cannot be right: bold" in report.reasons[0]
    assert not report.estimates and math.isnan(report.lower)


def test_what_the_log_is_refused_for_refuses_the_target():
    n = 4_000
    rows = drawn(n, units=np.arange(n, dtype=np.uint64) % 150)
    report = reported(rows, played(n))
    assert report.status == "refused" and report.reasons == ("there are 150 units of the 200 needed",)
    assert math.isfinite(report.lower)


def test_no_rows_at_all():
    report = Suite().report("it", health(drawn(0)))
    assert report.status == "refused" and math.isnan(report.lower) and math.isnan(report.weights.mean)


def test_main_estimators_that_contradict_each_other_are_refused():
    """Logged are the shares over all visits, not those in this context: no arm by itself looks wrong."""
    n, g = 20_000, np.random.default_rng(0)
    kind = g.integers(0, 2, n)
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.2, 0.5]])[kind]
    shown = (p.cumsum(axis=1) < g.random((n, 1))).sum(axis=1).clip(0, 2)
    chance = 0.1 + 0.3 * (kind == 0)
    told = np.tile([0.5, 0.2, 0.3], (n, 1))
    rewards = (g.random(n) < chance).astype(float)
    rows = replace(drawn(n), arms=shown, rewards=rewards, propensity=told[np.arange(n), shown], propensities=told)
    target, q = np.tile([0.0, 0.0, 1.0], (n, 1)), np.tile(chance[:, None], 3)
    report = reported(rows, target, q)
    assert report.status == "refused" and not report.estimates and math.isfinite(report.lower)
    assert "DR and SNIPS contradict each other by" in report.reasons[0]
    assert reported(rows, target, q, ["snips"]).status == "green"


def test_the_policy_of_the_log_gains_nothing():
    rows = drawn(4_000)
    report = reported(rows, rows.propensities)
    assert report.status == "green" and report.gain.value == pytest.approx(0.0, abs=1e-12)
    assert report.gain.standard_error <= 1e-9 and report.weights.surprise == 0.0
    rounded = replace(rows, propensity=rows.propensity.astype(np.float32).astype(float))
    assert reported(rounded, rows.propensities).status == "green"


def test_the_histogram_counts_every_weight_once():
    weight = np.array([0.0, 1e-9, 0.3, 0.5, 0.99, 1.0, 3.9, 4.0, 1e9])
    rows = replace(drawn(9), propensity=np.ones(9), propensities=None)
    suite = Suite(["ips"])
    suite.add(weigh(rows, weight))
    weights = suite.weights
    assert weights.edges[0] == 0.0 and weights.edges[-1] == math.inf
    found = dict(zip(weights.edges, weights.counts, strict=False))
    expected = {0.0: 1, 0.25: 1, 0.5: 2, 1.0: 1, 2.0: 1, 4.0: 1, 2.0**20: 1}
    assert {edge: count for edge, count in found.items() if count} == expected
    assert weights.zero_share == pytest.approx(1 / 9)
    alike = Suite(["ips"])
    alike.add(weigh(rows, np.full(9, 34.0)))
    assert alike.weights.edges == (0.0, 32.0, 64.0, math.inf) and alike.weights.counts == (0, 9, 0)


@pytest.mark.parametrize("units", [False, True])
def test_parts_are_the_whole(units):
    n, q = 6_000, 0.3 + 0.1 * played(6_000, seed=1)
    rows = drawn(n, units=np.arange(n, dtype=np.uint64) // 3) if units else drawn(n)
    target = played(n)
    whole, parts = Suite(reward_range=(0.0, 1.0)), Suite(reward_range=(0.0, 1.0))
    whole.add(weigh(rows, target, q))
    for part in np.array_split(np.arange(n), 5):
        one = Suite(reward_range=(0.0, 1.0))
        one.add(weigh(rows.take(part), target[part], q[part]))
        parts = parts + one
    mine, theirs = (suite.report("it", health(rows)) for suite in (whole, parts))
    assert mine.weights.counts == theirs.weights.counts and mine.status == theirs.status == "green"
    for one, other in zip(mine.estimates, theirs.estimates, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-12)
        assert one.standard_error == pytest.approx(other.standard_error, rel=1e-9)
    assert (mine.lower, mine.upper) == pytest.approx((theirs.lower, theirs.upper), rel=1e-12)
    assert mine.weights.surprise == pytest.approx(theirs.weights.surprise)


def test_adding_up_leaves_the_parts_alone():
    rows, target = drawn(500), played(500)
    one, empty = Suite(), Suite()
    one.add(weigh(rows, target))
    both = empty + one
    both.add(weigh(rows, target))
    assert one.bins.rows == 500 and one.estimators["ips"].rows == 500 and both.bins.rows == 1_000


def test_suites_that_differ_do_not_add_up():
    rows, target = drawn(500), played(500)
    for other in (Suite(["ips"]), Suite(alpha=0.1), Suite(reward_range=(0.0, 1.0)), Suite(bootstrap=True)):
        one = Suite()
        for suite in (one, other):
            suite.add(weigh(rows, target))
        with pytest.raises(InvalidInput, match="same estimators and settings"):
            one + other


def test_a_bootstrap_without_units_needs_to_be_asked_for():
    rows, target = drawn(9_000), played(9_000)
    asked, not_asked = Suite(bootstrap=True), Suite()
    for suite in (asked, not_asked):
        for part in (slice(4_000), slice(4_000, None)):
            suite.add(weigh(rows.take(part), target[part]))
    low, high = asked.bootstrap("snips", 500, seed=2)
    one = asked.estimators["snips"].interval()
    assert (high - low) / (one[1] - one[0]) == pytest.approx(1.0, abs=0.15)
    assert (low, high) == asked.bootstrap("snips", 500, seed=2)
    assert one == not_asked.estimators["snips"].interval(), "errors are those of rows all the same"
    for suite, name in ((not_asked, "snips"), (asked, "dm")):
        with pytest.raises(InvalidInput):
            suite.bootstrap(name)


def test_bad_settings_are_refused():
    for options in ({"alpha": 0.0}, {"alpha": 1.0}, {"reward_range": (1.0, 1.0)}, {"reward_range": (0.0, math.nan)}):
        with pytest.raises(InvalidInput) as caught:
            Suite(**options)
        assert caught.value.field in options
    with pytest.raises(InvalidInput, match="must be one of dr, snips"):
        Suite(["dr", "nobody"])
    with pytest.raises(InvalidInput, match="does not hold the rewards, from 0 to 1"):
        reported(drawn(500), played(500), reward_range=(0.0, 0.5))


def test_what_had_no_chance_is_not_missed_in_the_mean():
    """.3 % of a target that had none are borne with, in a log so long that its absence shows."""
    n = 400_000
    rows = drawn(n)
    none = (np.arange(n) % 100 == 0) & (rows.arms != 2)
    p = rows.propensities.copy()
    p[none, 2] = 0.0
    p[none] /= p[none].sum(axis=1, keepdims=True)
    target = p.copy()
    target[none] = [0.0, 0.6, 0.4]
    report = reported(replace(rows, propensities=p, propensity=p[np.arange(n), rows.arms]), target, names=["ips"])
    weights = report.weights
    assert 0.002 < weights.unsupported < 0.005 and weights.surprise < 4.0 and report.status == "green"
    assert abs(weights.mean - 1.0) > 0.5 * weights.unsupported


def test_weights_beyond_reason_are_refused():
    rows = replace(drawn(2_000), propensities=None)
    for least in (1e-30, 1e-200, 5e-324):
        p = rows.propensity.copy()
        p[7] = least
        spoilt = replace(rows, propensity=p)
        for target in (rows.propensity, np.where(np.arange(2_000) == 7, 1.0, rows.propensity)):
            report = reported(spoilt, target, reward_range=(0.0, 1.0))
            assert report.status == "refused" and not report.estimates
            assert 0.0 <= report.lower < report.upper <= 1.0
