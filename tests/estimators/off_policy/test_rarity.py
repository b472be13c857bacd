"""How many rewards a figure rests on."""

import math
from dataclasses import replace

import numpy as np
import pytest
from bandit_logs import VARIANTS, drawn, played

from banditcore.estimators.off_policy import HealthFold, Suite, weigh
from banditcore.estimators.off_policy.rarity import Rarity

BOLD = np.array([0.0, 1.0, 0.0])


def folded(weighted, parts=1):
    found = Rarity()
    for part in np.array_split(np.arange(len(weighted)), parts):
        one = Rarity()
        one.add(weighted.take(slice(part[0], part[-1] + 1)))
        found = found + one
    return found


def reported(rows, target, q=None, **options):
    fold, suite = HealthFold(3), Suite(**options)
    fold.add(rows)
    suite.add(weigh(rows, target, q))
    return suite.report("it", fold.report(VARIANTS))


def uniform(n, seed=0, **more):
    arms = np.random.default_rng(seed).integers(0, 3, n)
    return thirds(n, arms, **more)


def thirds(n, arms, **more):
    third = np.full((n, 3), 1.0 / 3.0)
    return replace(drawn(n), arms=arms, propensity=third[:, 0], propensities=third, **more)


def conversions(n, shown, elsewhere=0, value=1.0, usual=0.0):
    """Rows of a uniform log in which so many of the arm "bold" and of the others earned `value`."""
    rows = uniform(n)
    rewards = np.full(n, usual)
    rewards[np.flatnonzero(rows.arms == 1)[:shown]] = value
    rewards[np.flatnonzero(rows.arms != 1)[:elsewhere]] = value
    return replace(rows, rewards=rewards)


@pytest.mark.parametrize("level", [0.0, 1e6])
@pytest.mark.parametrize("model", [False, True])
def test_it_is_the_skewness_of_the_scores(level, model):
    n, target = 5_000, played(5_000)
    rows = replace(drawn(n), rewards=level + np.random.default_rng(3).exponential(1.0, n))
    weighted = weigh(rows, target, level + played(n, 2) if model else None)
    w, r = weighted.weight, rows.rewards - level
    scores = weighted.expected - level + w * weighted.residual if model else w * (r - (w @ r) / w.sum())
    centred = scores - scores.mean()
    skewness = (centred**3).mean() / (centred**2).mean() ** 1.5
    for parts in (1, 4):
        assert folded(weighted, parts).even_rows == pytest.approx(n / skewness**2, rel=1e-3 if level else 1e-9)


def test_both_are_the_number_of_conversions():
    found = folded(weigh(conversions(9_000, 20), np.tile(BOLD, (9_000, 1))))
    assert found.events == (20, pytest.approx(20.0, rel=0.02)) and found.usual == 0.0
    assert found.even_rows == pytest.approx(20.0, rel=0.03)
    # 20 in 9,000 rows, of which a third are those of the target
    assert found.foreseen == pytest.approx(20.0 / 3.0, rel=0.05)


@pytest.mark.parametrize(
    ("usual", "value"), [(0.0, 1.0), (1.0, 0.0), (-2.0, 5.0), (3.0, 3.5)], ids=["clicks", "stays", "losses", "prices"]
)
def test_what_is_usual_may_be_the_least_or_the_largest(usual, value):
    rows = conversions(3_000, 30, 30, value, usual)
    target = np.tile(BOLD, (3_000, 1))
    for parts in (1, 7):
        found = folded(weigh(rows, target), parts)
        assert found.usual == usual and found.events[0] == 30


def test_dense_rewards_have_no_usual_one():
    rows = replace(uniform(3_000), rewards=np.random.default_rng(1).normal(5.0, 1.0, 3_000))
    found = folded(weigh(rows, np.tile(BOLD, (3_000, 1))))
    assert math.isnan(found.usual) and found.events[0] == (rows.arms == 1).sum()


@pytest.mark.parametrize(
    ("shown", "status"), [(0, "refused"), (9, "refused"), (11, "amber"), (24, "amber"), (60, "green")]
)
def test_conversions_decide(shown, status):
    rows = conversions(9_000, shown, 2 * shown + 40)
    report = reported(rows, np.tile(BOLD, (9_000, 1)), np.full((9_000, 3), 0.01), reward_range=(0.0, 1.0))
    assert report.status == status and report.weights.effective_sample > 2_900.0
    assert report.weights.effective_rewards == pytest.approx(shown, abs=0.05 * shown)
    if status == "refused":
        assert report.reasons == (f"{shown} of its rows earned anything, and 10 are needed",)
        assert not report.estimates and 0.0 <= report.lower < report.upper <= 1.0
    if status == "amber":
        assert f"{shown} of its rows earned anything: only" in report.reasons[0]
        first, *others = report.estimates
        assert first.anytime_low < first.value < first.anytime_high and np.isnan([first.low, first.high]).all()
        assert others and all(np.isnan([each.low, each.anytime_low, each.standard_error]).all() for each in others)


def test_luck_is_not_called_certain():
    """40 conversions of the target where the other two thirds of the log had none: to be expected were 13."""
    report = reported(conversions(9_000, 40), np.tile(BOLD, (9_000, 1)))
    assert report.status == "amber" and "about 13 of its rewards were to be expected" in report.reasons[0]


def test_revenue_of_a_few_is_refused():
    rows = conversions(9_000, 100, 200)
    large = rows.rewards * np.exp(2.0 * np.random.default_rng(2).normal(size=9_000))
    report = reported(replace(rows, rewards=large), np.tile(BOLD, (9_000, 1)))
    assert report.status == "refused" and "few make up most of the figure, and 10 are needed" in report.reasons[0]


def test_a_customer_with_all_conversions_counts_once():
    rows = conversions(9_000, 60, 120)
    alone = replace(rows, units=np.arange(9_000, dtype=np.uint64))
    one = replace(rows, units=np.where(rows.rewards > 0.0, 0, np.arange(9_000)).astype(np.uint64))
    target = np.tile(BOLD, (9_000, 1))
    assert reported(alone, target).status == "green"
    assert reported(one, target).status == "refused"


def test_rewards_that_are_all_one_number_are_certain_but_for_zero():
    rows, target = uniform(3_000), np.tile(BOLD, (3_000, 1))
    one = reported(replace(rows, rewards=np.ones(3_000)), target)
    assert one.status == "green" and all(each.value == 1.0 for each in one.estimates if each.role == "main")
    none = reported(replace(rows, rewards=np.zeros(3_000)), target)
    assert none.status == "refused" and "0 of its rows earned anything" in none.reasons[0]


def test_what_had_no_chance_is_known_by_what_was_eligible():
    """3 % of the rows could not show "bold", and the log has no vectors."""
    n = 9_000
    rows = uniform(n)
    mask = np.ones((n, 3), dtype=bool)
    never = (np.arange(n) % 33 == 0) & (rows.arms != 1)
    mask[never, 1] = False
    told = replace(rows, propensities=None, eligible=mask, propensity=1.0 / mask.sum(axis=1))
    report = reported(told, np.tile(BOLD, (n, 1)))
    assert report.weights.unsupported == pytest.approx(never.mean()) and report.status == "refused"
    assert "1.8 % of what it plays had no chance in the log" in report.reasons[0]
    assert math.isnan(reported(replace(rows, propensities=None), np.tile(BOLD, (n, 1))).weights.unsupported)
