"""Doubly robust sums of a propensity log, what they are shown as, and when they are not."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy import OffPolicy, agreement, compare, log_lift, probability_best

ARMS = ("plain", "bold", "blue")
RATES = np.array([0.3, 0.4, 0.5])


class Log:
    """Rows of a policy over 3 arms with 2 features, whose propensities depend on the first feature."""

    def __init__(self, rows, seed=0, rates=RATES, arms=3):
        g = np.random.default_rng(seed)
        self.contexts = g.standard_normal((rows, 2))
        tilt = np.exp(np.outer(self.contexts[:, 0], np.linspace(0.0, 1.0, arms)))
        self.propensities = 0.9 * tilt / tilt.sum(axis=1, keepdims=True) + 0.1 / arms
        self.arms = (self.propensities.cumsum(axis=1) < g.random((rows, 1))).sum(axis=1).clip(0, arms - 1)
        self.chances = np.clip(rates + 0.1 * self.contexts[:, :1], 0.0, 1.0)
        self.rewards = (g.random(rows) < self.chances[np.arange(rows), self.arms]).astype(float)
        self.units = g.integers(0, 256, rows).astype(np.uint8)

    def columns(self, rows=slice(None)):
        return [column[rows] for column in (self.contexts, self.arms, self.rewards, self.propensities, self.units)]


def folded(log, pages=1, **options):
    found = OffPolicy(log.propensities.shape[1], 2, 0)
    for rows in np.array_split(np.arange(len(log.arms)), pages):
        found.add(*log.columns(rows), **{name: value[rows] for name, value in options.items()})
    return found


def compared(fold, keys=ARMS, **options):
    return compare([(keys, fold)], "plain", 0.1, **options)


def same(one, other):
    mine, theirs = one.state(), other.state()
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[key], theirs[key]) for key in mine)


# The sums.


def test_before_anything_is_learned_scores_are_weighted_outcomes() -> None:
    log = Log(64)
    tally = folded(log).tally
    weights = np.where(np.arange(3) == log.arms[:, None], 1.0 / log.propensities, 0.0)
    scores = weights * log.rewards[:, None]
    for name, rows in {"score": scores, "score2": scores**2, "weight": weights, "weight2": weights**2}.items():
        assert tally.arms[name] == pytest.approx(rows.sum(axis=0), rel=1e-12)
    assert tally.arms["heaviest"] == pytest.approx(weights.max(axis=0))
    assert tally.arms["inverse"] == pytest.approx((1.0 / log.propensities).sum(axis=0))
    by_unit = [np.bincount(log.units, values, minlength=256) for values in (np.ones(64), log.rewards, scores[:, 0])]
    assert tally.groups == pytest.approx(np.array(by_unit))


def test_a_row_is_scored_before_it_is_learned() -> None:
    """The last outcome of a page moves its own arm's score by its own weight, and no other."""
    log, other = Log(1_000), Log(1_000)
    other.rewards[-1] += 1.0
    moved = folded(other).tally.arms["score"] - folded(log).tally.arms["score"]
    weight = np.where(np.arange(3) == log.arms[-1], 1.0 / log.propensities[-1], 0.0)
    assert moved == pytest.approx(weight, abs=1e-9)


def test_the_model_takes_most_of_what_can_be_explained() -> None:
    """Outcomes that are a linear function of the context: after some rows a score is what it would have been."""
    log = Log(4_000)
    log.rewards = 3.0 + 2.0 * log.contexts[:, 1] + log.arms
    values = compared(folded(log))[1]
    for arm, key in enumerate(ARMS):
        assert values[key].value == pytest.approx((3.0 + 2.0 * log.contexts[:, 1] + arm).mean(), abs=0.15)
    plain = OffPolicy(3, 0, 0)
    plain.add(np.empty((4_000, 0)), *log.columns()[1:])
    assert values["blue"].standard_error < 0.8 * compared(plain)[1]["blue"].standard_error


def test_without_features_or_with_too_many_the_mean_has_to_do() -> None:
    log = Log(3_000)
    wide = OffPolicy(3, 300, 0)
    wide.add(np.zeros((3_000, 300)), *log.columns()[1:])
    none = OffPolicy(3, 0, 0)
    none.add(np.empty((3_000, 0)), *log.columns()[1:])
    assert compared(wide)[1] == compared(none)[1]
    assert compared(none)[1]["blue"].value == pytest.approx(0.5, abs=0.06)


@given(st.integers(0, 2**32), st.integers(1, 7))
def test_a_state_goes_on_as_if_it_had_never_stopped(seed: int, pages: int) -> None:
    log = Log(600, seed)
    through, stopped = folded(log, pages), OffPolicy(3, 2, 0)
    for rows in np.array_split(np.arange(600), pages):
        stopped = OffPolicy.from_state(stopped.state())
        stopped.add(*log.columns(rows))
    assert same(through, stopped)
    assert all(isinstance(array, np.ndarray) and array.dtype.kind in "fiuU" for array in stopped.state().values())


def test_a_state_shares_no_memory() -> None:
    fold = folded(Log(300))
    state = fold.state()
    kept = {key: array.copy() for key, array in state.items()}
    fold.add(*Log(300, 1).columns())
    assert all(np.array_equal(state[key], kept[key]) for key in kept)
    OffPolicy.from_state(state).add(*Log(300, 1).columns())
    assert all(np.array_equal(state[key], kept[key]) for key in kept)


def test_an_arm_that_joins_counts_from_then_on() -> None:
    old, new = Log(2_000, arms=2, rates=RATES[:2]), Log(6_000, 1)
    fold = folded(old)
    fold.grow(3)
    fold.add(*new.columns())
    report, values = compared(fold)
    assert fold.tally.arms["rows"].tolist() == [8_000, 8_000, 6_000]
    assert report.status == "ok"
    assert values["blue"].value == pytest.approx(0.5, abs=0.05)
    assert fold.counts.tolist() == (np.bincount(old.arms, minlength=3) + np.bincount(new.arms)).tolist()


def test_growing_past_what_a_regression_may_hold_falls_back_to_means() -> None:
    fold = OffPolicy(2, 100, 0)
    fold.add(np.ones((300, 100)), np.arange(300) % 2, np.ones(300), np.full((300, 2), 0.5), np.zeros(300, np.uint8))
    fold.grow(20)
    fold.add(np.ones((10, 100)), np.zeros(10, int), np.ones(10), np.full((10, 20), 0.05), np.zeros(10, np.uint8))
    assert fold.counts[:3].tolist() == [160, 150, 0]
    assert np.isfinite(fold.tally.arms["score"]).all()


def test_streams_add_up_whatever_the_order_of_their_arms() -> None:
    one, two = Log(3_000, 1), Log(2_000, 2)
    order = [2, 0, 1]
    turned = OffPolicy(3, 2, order.index(0))
    x, arms, rewards, p, units = two.columns()
    turned.add(x, np.argsort(order)[arms], rewards, p[:, order], units)
    straight = compare([(ARMS, folded(one)), (ARMS, folded(two))], "plain", 0.1)
    mixed = compare([(ARMS, folded(one)), ([ARMS[k] for k in order], turned)], "plain", 0.1)
    for key in ARMS:
        assert dataclasses.astuple(mixed[1][key])[:3] == pytest.approx(dataclasses.astuple(straight[1][key])[:3])
    assert (mixed[0].estimate, mixed[0].low) == pytest.approx((straight[0].estimate, straight[0].low))
    alone = compare([(ARMS, folded(one))], "plain", 0.1)
    assert straight[1]["plain"].standard_error < alone[1]["plain"].standard_error


def test_a_variant_of_one_stream_only_counts_there() -> None:
    two = Log(3_000, 2, arms=2, rates=RATES[:2])
    values = compare([(ARMS, folded(Log(3_000, 1))), (("plain", "green"), folded(two))], "plain", 0.1)[1]
    assert set(values) == {"plain", "bold", "blue", "green"}
    assert values["green"].value == pytest.approx(0.4, abs=0.06)


# What is shown.


def test_values_and_lift_are_those_of_the_world() -> None:
    log = Log(40_000)
    report, values = compared(folded(log, 10))
    for arm, key in enumerate(ARMS):
        assert values[key].low < log.chances[:, arm].mean() < values[key].high
        assert values[key].value == pytest.approx(log.chances[:, arm].mean(), abs=0.02)
        assert values[key].reason == ""
    truth = (log.propensities * log.chances).sum(axis=1).mean() / log.chances[:, 0].mean() - 1.0
    assert (report.status, report.reason, report.agrees, report.explanation) == ("ok", "", None, "")
    assert report.low < truth < report.high and report.high - report.low < 0.3
    assert report.estimate == pytest.approx(report.policy_value / report.control_value - 1.0)
    assert report.policy_value == pytest.approx(log.rewards.mean(), rel=1e-12)
    assert 10_000 < report.effective_sample_size < 20_000


def visits(seed, units=100, each=60):
    """Customers who come often, of whom one in five takes to what is personalised and the others do not care."""
    g = np.random.default_rng(seed)
    log = Log(units * each, seed)
    who = np.tile(np.arange(units), each)
    log.units = g.integers(0, 256, units).astype(np.uint8)[who]
    taken = (g.random(units) < 0.2)[who] & (log.arms > 0)
    log.rewards = np.where(taken, 1.0, g.random(len(who)) < 0.3).astype(float)
    return log


def test_the_error_of_the_lift_is_the_scatter_of_lifts() -> None:
    """By unit, which is far more than rows by themselves would say. Chance: 200 runs have their scatter to 5 %."""
    logs = [visits(seed) for seed in range(200)]
    found = [log_lift([(ARMS, folded(log))], "plain") for log in logs]
    scatter = np.std([one.estimate for one in found], ddof=1)
    assert scatter == pytest.approx(np.mean([one.standard_error for one in found]), rel=0.2)
    logs[0].units = np.arange(6_000) % 256
    assert log_lift([(ARMS, folded(logs[0]))], "plain").standard_error < 0.75 * scatter


def test_rewards_in_another_unit_change_no_lift() -> None:
    log = Log(3_000)
    cents = Log(3_000)
    cents.rewards = 100.0 * cents.rewards
    one, other = compared(folded(log))[0], compared(folded(cents))[0]
    assert (other.estimate, other.low, other.high) == pytest.approx((one.estimate, one.low, one.high), rel=1e-6)
    assert other.policy_value == pytest.approx(100.0 * one.policy_value)


def test_an_interval_is_wider_where_it_may_err_less() -> None:
    fold = folded(Log(3_000))
    narrow, wide = compared(fold), compared(fold, alpha=0.01)
    assert wide[0].low < narrow[0].low and wide[0].high > narrow[0].high
    assert wide[1]["bold"].low < narrow[1]["bold"].low


def test_huge_numbers_stay_numbers() -> None:
    """Contexts up to 1e9 beside small ones and outcomes up to 1e12, with small probabilities."""
    log = Log(9_000)
    log.contexts[:, 0] *= 1e9
    log.rewards *= 1e12
    fold = folded(log, 5)
    assert all(np.isfinite(array).all() for array in fold.state().values() if array.dtype.kind == "f")
    report, values = compared(OffPolicy.from_state(fold.state()))
    assert report.status == "ok" and math.isfinite(report.high)
    assert values["blue"].value == pytest.approx(0.5e12, rel=0.15)


def test_constant_outcomes_show_values_but_no_lift() -> None:
    log = Log(5_000)
    log.rewards[:] = 0.0
    report, values = compared(folded(log))
    assert report.status == "refused" and "not clearly above 0" in report.reason
    assert values["bold"].value == values["bold"].low == values["bold"].high == 0.0


def test_raw_means_are_what_they_are_called() -> None:
    log = Log(500)
    fold = folded(log)
    assert fold.raw_means == pytest.approx([log.rewards[log.arms == arm].mean() for arm in range(3)])
    fold.grow(4)
    assert np.isnan(fold.raw_means[3])


# What is refused.


def refused(report, values, words) -> None:
    assert report.status == "refused" and words in report.reason
    numbers = (report.policy_value, report.control_value, report.estimate, report.low, report.high)
    assert all(math.isnan(number) for number in numbers)
    for value in values.values():
        assert math.isnan(value.value) and words in value.reason


def test_nothing_counted_is_nothing_shown() -> None:
    refused(*compared(OffPolicy(3, 2, 0)), "no decision of the policy")
    assert log_lift([], "plain") is None
    assert compare([], "plain", 0.1)[0].status == "refused"


def test_a_control_that_had_no_chance_is_refused() -> None:
    log = Log(5_000)
    eligible = np.ones((5_000, 3), dtype=bool)
    eligible[:40, 0] = log.arms[:40] == 0
    report, values = compared(folded(log, eligible=eligible))
    assert report.status == "refused" and "plain had no chance in" in report.reason
    assert math.isnan(values["plain"].value) and values["bold"].reason == ""
    eligible[20:] = True
    assert compared(folded(log, eligible=eligible))[0].status == "ok"


def test_no_probability_is_no_chance() -> None:
    log = Log(5_000)
    log.propensities[:40, 2] = np.where(log.arms[:40] == 2, log.propensities[:40, 2], 0.0)
    report, values = compared(folded(log))
    assert report.status == "ok"
    assert "blue had no chance in 0." in values["blue"].reason


@pytest.mark.parametrize("factor", [1.2, 1 / 1.2])
def test_wrong_propensities_are_found(factor: float) -> None:
    log = Log(20_000)
    log.propensities[:, 1] = np.minimum(factor * log.propensities[:, 1], 1.0)
    refused(*compared(folded(log, 4)), "the propensities cannot be right: bold was shown")


def test_few_rows_are_refused_then_amber_then_fine() -> None:
    seen = []
    for rows in (200, 600, 4_000):
        report, _ = compared(folded(Log(rows)))
        seen.append(report.status)
        assert ("rows" in report.reason) == (report.status != "ok")
    assert seen == ["refused", "amber", "ok"]


def test_rows_to_come_count_by_their_probabilities() -> None:
    """A control that was tried early and has next to no chance since: what was drawn alone would look sufficient."""
    log = Log(60_000)
    log.propensities[3_000:] = [1e-5, 0.5, 0.49999]
    log.arms[3_000:] = 1 + np.arange(57_000) % 2
    report, values = compared(folded(log))
    assert report.status == "refused" and values["plain"].reason == report.reason != ""


def test_one_heavy_row_is_refused() -> None:
    log = Log(3_000)
    log.propensities[7, log.arms[7]] = 1.0 / 200.0
    values = compared(folded(log))[1]
    assert "of all the weight" in values[ARMS[log.arms[7]]].reason


def test_rows_the_policy_did_not_draw_are_left_out_and_limited() -> None:
    log = Log(4_000)
    fallback = np.zeros(4_000, dtype=bool)
    fallback[:150] = True
    log.propensities[:150] = [1.0, 0.0, 0.0]
    fold = folded(log, fallback=fallback)
    assert compared(fold)[0].status == "ok"
    assert fold.tally.arms["rows"].tolist() == [3_850] * 3 and fold.counts.sum() == 4_000
    fallback[:250] = True
    refused(*compared(folded(log, fallback=fallback)), "6.2 % of the decisions were not drawn")
    refused(*compared(folded(log, fallback=np.ones(4_000, dtype=bool))), "100.0 %")


def test_few_units_are_refused() -> None:
    fold = folded(Log(4_000))
    refused(*compared(fold, units=199), "199 units of the 200 needed")
    assert compared(fold, units=200)[0].status == "ok"


# Bad input.


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("contexts", {0: np.zeros((10, 5))}),
        ("contexts", {0: np.full((10, 2), np.nan)}),
        ("contexts", {0: np.zeros((10, 3, 2))}),
        ("arms", {1: np.full(10, 3)}),
        ("rewards", {2: np.full(10, np.inf)}),
        ("propensities", {3: np.full((10, 2), 0.5)}),
        ("propensities", {3: np.full((10, 3), 1.5)}),
        ("propensities", {3: np.full((10, 3), np.nan)}),
        ("unit_buckets", {4: np.full(10, 256)}),
        ("unit_buckets", {4: np.zeros(10)}),
        ("eligible", {5: np.ones((10, 2), dtype=bool)}),
        ("fallback", {6: np.zeros(10)}),
    ],
)
def test_bad_rows_name_their_field_and_change_nothing(field: str, changes: dict[int, np.ndarray]) -> None:
    fold = folded(Log(100))
    before = OffPolicy.from_state(fold.state())
    columns = [*Log(10).columns(), None, None]
    for index, column in changes.items():
        columns[index] = column
    with pytest.raises(InvalidInput) as caught:
        fold.add(*columns)
    assert caught.value.field == field
    assert same(fold, before)


@pytest.mark.parametrize("sizes", [(0, 2, 0), (3, -1, 0), (3, 2, 3), (3, 2, 0, 1)])
def test_impossible_sizes_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        OffPolicy(*sizes)


def test_arms_do_not_leave() -> None:
    with pytest.raises(InvalidInput, match="at least 3"):
        OffPolicy(3, 2, 0).grow(2)


def test_half_a_state_is_refused() -> None:
    state = folded(Log(10)).state()
    del state["groups"]
    with pytest.raises(InvalidInput, match="lacks groups"):
        OffPolicy.from_state(state)


@pytest.mark.parametrize("keys", [("plain", "bold"), ("plain", "bold", "bold"), ("bold", "plain", "blue")])
def test_keys_that_do_not_fit_are_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="parts must name"):
        compare([(keys, folded(Log(10)))], "plain", 0.1)


def test_streams_grouped_otherwise_are_refused() -> None:
    with pytest.raises(InvalidInput, match="number of buckets"):
        compare([(ARMS, OffPolicy(3, 2, 0)), (ARMS, OffPolicy(3, 2, 0, buckets=16))], "plain", 0.1)


# The two figures, and the best.


def test_figures_agree_within_their_errors() -> None:
    agrees, words = agreement((0.10, 0.02), (0.12, 0.02), 0.1)
    assert agrees and words.startswith(
        "The two figures agree within their errors: by decision the propensity log shows +12.7%, "
    )


def test_a_larger_off_policy_lift_points_at_the_holdout() -> None:
    agrees, words = agreement((0.10, 0.02), (0.30, 0.02), 0.1)
    assert not agrees and "differ by 7.1 standard errors" in words and "a leak" in words


def test_a_smaller_off_policy_lift_points_at_returning_customers() -> None:
    agrees, words = agreement((0.30, 0.02), (0.10, 0.02), 0.1)
    assert not agrees and "helps later ones" in words and "Trust the holdout" in words


def test_wide_errors_say_nothing() -> None:
    agrees, words = agreement((0.10, 0.2), (0.35, 0.2), 0.1)
    assert agrees is None and words.startswith("Too early to tell")
    assert agreement((0.60, 0.06), (0.55, 0.03), 0.1)[0] is True


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(1e-3, 1), st.floats(1e-3, 1))
def test_agreement_is_the_same_either_way_round(one: float, other: float, a: float, b: float) -> None:
    assert agreement((one, a), (other, b), 0.1)[0] == agreement((other, b), (one, a), 0.1)[0]
    assert agreement((one, a), (one, b), 0.1)[0] is not False


def test_the_better_of_two_has_the_closed_form() -> None:
    found = probability_best([0.10, 0.12], [0.01, 0.02])
    assert found[1] == pytest.approx(stats.norm.cdf(0.02 / math.hypot(0.01, 0.02)), abs=1e-8)
    assert found.sum() == pytest.approx(1.0)


def test_what_was_refused_cannot_be_the_best() -> None:
    found = probability_best([math.nan, 0.1, 0.1], [math.nan, 0.01, 0.01])
    assert math.isnan(found[0]) and found[1:] == pytest.approx([0.5, 0.5])
    assert np.isnan(probability_best([math.nan], [math.nan])).all()
    assert probability_best([0.1], [0.0]).tolist() == [1.0]
