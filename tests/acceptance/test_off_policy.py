"""A policy that learns, its holdout and its propensity log: which of the figures made of them can be believed."""

import math
from functools import cache

import numpy as np
import pytest

from banditcore.estimators.off_policy import OffPolicy, agreement, compare, log_lift
from banditcore.policies import BetaTS

ARMS = ("plain", "a", "b", "c", "d")
RATES = {"no lift": np.full(5, 0.05), "lift": np.array([0.05, 0.04, 0.05, 0.06, 0.07])}
CUSTOMERS, PAGE, LOOKS = 20_000, 250, 10


class Run:
    """Beta Thompson sampling over 5 variants, 20,000 customers with a visit each, 10 % of them held out.

    truth (LOOKS,) is the log lift of the policy as it was over the visits by then; off (LOOKS,) what the propensity log
    has for it, with its interval; values (LOOKS, K) the intervals of "always this variant"; shown and converted (K,).
    """

    def __init__(self, world, seed):
        g, rates = np.random.default_rng([seed, 5]), RATES[world]
        policy, fold = BetaTS(5, 0), OffPolicy(5, 0, 0)
        self.rates, self.looks = rates, []
        self.shown, self.converted, self.held = np.zeros(5), np.zeros(5), np.zeros(2)
        worth = rows = 0.0
        for page in range(CUSTOMERS // PAGE):
            held = g.random(PAGE) < 0.1
            n = int(PAGE - held.sum())
            self.held += (PAGE - n, g.binomial(PAGE - n, rates[0]))
            vector = policy.propensities(np.empty((1, 0)))[0]
            arms = g.choice(5, n, p=vector)
            rewards = (g.random(n) < rates[arms]).astype(float)
            fold.add(np.empty((n, 0)), arms, rewards, np.tile(vector, (n, 1)), g.integers(0, 256, n))
            policy.update(np.empty((n, 0)), arms, rewards)
            self.shown += np.bincount(arms, minlength=5)
            self.converted += np.bincount(arms, rewards, minlength=5)
            worth, rows = worth + n * float(vector @ rates), rows + n
            if (page + 1) % (CUSTOMERS // PAGE // LOOKS) == 0:
                self.look(fold, math.log(worth / rows / rates[0]))

    def look(self, fold, truth):
        parts = [(ARMS, fold)]
        report, values = compare(parts, "plain", 0.1)
        own = log_lift(parts, "plain")
        covered = None if own is None else report.low <= math.expm1(truth) <= report.high
        shown = {
            arm: values[key].low <= rate <= values[key].high
            for arm, (key, rate) in enumerate(zip(ARMS, self.rates, strict=True))
            if not values[key].reason
        }
        agrees = None if own is None else agreement(self.by_holdout(), (own.estimate, own.standard_error), 0.1)[0]
        error = None if own is None else own.estimate - truth
        self.looks.append({"covered": covered, "values": shown, "agrees": agrees, "error": error})
        self.worth = {key: value.value for key, value in values.items()}

    def by_holdout(self):
        """Log lift of the policy's customers over those held out, and its standard error."""
        n, x = np.array([self.shown.sum(), self.held[0]]), np.array([self.converted.sum(), self.held[1]])
        return math.log(x[0] / n[0] / (x[1] / n[1])), math.sqrt((1.0 / x - 1.0 / n).sum())

    def naive(self):
        """Whether the usual 95 % intervals of the variants' raw means cover, of those shown 100 times or more."""
        mean = self.converted / self.shown
        error = np.sqrt(mean * (1.0 - mean) / self.shown)
        enough = self.shown >= 100
        return (np.abs(mean - self.rates) <= 1.96 * error)[enough]


@cache
def runs(world, number):
    return [Run(world, seed) for seed in range(number)]


@pytest.mark.parametrize("world", RATES)
def test_intervals_of_a_policy_that_learns(world, full, note):
    """At least .95 of the runs have the truth in every interval of 10 looks, of the policy's lift and of each variant.

    300 runs; small: 30. False alarm: below 1e-3, measured .99 to 1.
    """
    found = runs(world, 300 if full else 30)
    lifts = np.array([all(look["covered"] in (None, True) for look in run.looks) for run in found])
    by_arm = np.array([[all(look["values"].get(a, True) for look in run.looks) for a in range(5)] for run in found])
    shown = np.mean([[a in run.looks[-1]["values"] for a in range(5)] for run in found])
    last = np.mean([run.looks[-1]["covered"] is not None for run in found])
    note(f"off-policy, {world}: runs whose every interval has the policy's lift", lifts.mean(), ">= 0.95")
    note(f"off-policy, {world}: least of the variants, every interval its value", by_arm.mean(axis=0).min(), ">= 0.95")
    note(f"off-policy, {world}: share of variants and of lifts shown at the end", f"{shown:.2f}, {last:.2f}", ">= 0.9")
    assert lifts.mean() >= 0.95 and by_arm.mean(axis=0).min() >= 0.95
    assert min(shown, last) >= 0.9


@pytest.mark.parametrize("world", RATES)
def test_both_figures_agree(world, full, note):
    """With nothing wrong, at most .05 of 300 runs (.1 of 30) say at any look that they do not. False alarm: 1e-3."""
    found, bar = runs(world, 300 if full else 30), 0.05 if full else 0.1
    disagree = np.mean([any(look["agrees"] is False for look in run.looks) for run in found])
    note(f"off-policy, {world}: runs that ever disagree with the holdout", disagree, f"<= {bar}")
    assert disagree <= bar


@pytest.mark.full
def test_naive_means_of_a_policy_that_learns(note):
    """What must not be shown as an effect: raw means are too low, and their 95 % intervals cover below .93."""
    found = [run for world in RATES for run in runs(world, 300)]
    covered = np.concatenate([run.naive() for run in found])
    raw = np.array([np.mean(run.converted / np.maximum(run.shown, 1) / run.rates - 1.0) for run in found])
    values = np.concatenate(
        [[run.worth[key] / r - 1.0 for key, r in zip(ARMS, run.rates, strict=True)] for run in found]
    )
    note("raw means of the variants: coverage of 95 % intervals", covered.mean(), "< 0.93, and fails")
    note("raw means of the variants: relative bias", raw)
    note("doubly robust values of the variants: relative bias where shown", values[np.isfinite(values)])
    assert covered.mean() < 0.93


# Logs of a fixed policy: which of them are refused.


def logged(seed, rows, exploration, arms=5, features=4, factor=1.0):
    """Figures of a softmax policy that explores so much; propensities of one arm are logged `factor` times as high."""
    g = np.random.default_rng([seed, 9])
    x, weights = g.standard_normal((rows, features)), g.standard_normal((features, arms))
    scores = np.exp(2.0 * (x @ weights))
    p = (1.0 - exploration) * scores / scores.sum(axis=1, keepdims=True) + exploration / arms
    drawn = (p.cumsum(axis=1) < g.random((rows, 1))).sum(axis=1).clip(0, arms - 1)
    rewards = (g.random(rows) < 1.0 / (1.0 + np.exp(2.0 - 0.5 * (x @ weights)[np.arange(rows), drawn]))).astype(float)
    p[:, seed % arms] = np.minimum(factor * p[:, seed % arms], 1.0)
    fold = OffPolicy(arms, features, 0)
    fold.add(x, drawn, rewards, p, g.integers(0, 256, rows))
    return compare([(ARMS, fold)], "plain", 0.1)


def reasons(number, rows, exploration, factor=1.0):
    return [logged(seed, rows, exploration, factor=factor)[0].reason for seed in range(number)]


def test_wrong_propensities_are_found(full, note):
    """Logged 1.2 times as high on one of 5 arms: refused at 20,000 rows in at least .98 of the runs, and right ones in
    at most .01. 200 runs; small: 40, and .9. False alarm: 1e-3."""
    number, bar = (200, 0.98) if full else (40, 0.9)
    wrong = np.mean(["cannot be right" in reason for reason in reasons(number, 20_000, 0.02, factor=1.2)])
    right = np.mean(["cannot be right" in reason for reason in reasons(number, 20_000, 0.02)])
    note("propensities of one arm logged x 1.2, 20,000 rows: refused", wrong, f">= {bar}")
    note("propensities as drawn, 20,000 rows: called wrong", right, "<= 0.01")
    assert wrong >= bar and right <= 0.01


def test_logs_that_cannot_carry_a_figure(full, note):
    """Next to no exploration in 2,000 rows: the lift is refused in at least .6 of the runs; with a fifth of
    exploration, or 20,000 rows, in at most .01. 200 runs; small: 40. False alarm: 1e-3."""
    number = 200 if full else 40
    poor, good, long = (
        np.array([logged(seed, *size)[0].status == "refused" for seed in range(number)]).mean()
        for size in ((2_000, 0.002), (2_000, 0.2), (20_000, 0.02))
    )
    note("off-policy, exploration .002, 2,000 rows: refused", poor, ">= 0.6")
    note("off-policy, exploration .2, 2,000 rows: refused", good, "<= 0.01")
    note("off-policy, exploration .02, 20,000 rows: refused", long, "<= 0.01")
    assert poor >= 0.6 and good <= 0.01 and long <= 0.01
