"""Bounds that hold whatever the overlap."""

import math
from dataclasses import replace

import numpy as np
import pytest
from bandit_logs import drawn, played

from banditcore.estimators.off_policy.bins import Bins
from banditcore.estimators.off_policy.bounds import LIMITS, bounds
from banditcore.estimators.off_policy.weighted import weigh


def binned(rows, target):
    bins = Bins()
    bins.add(weigh(rows, target))
    return bins


def by_hand(w, r, low, high, alpha):
    """Maurer and Pontil's inequality for every limit, with NumPy."""

    def most(gains):
        best, n, level = 0.0, len(w), math.log(4 * len(LIMITS) / alpha)
        for limit in LIMITS:
            x = np.minimum(w, limit) * gains
            margin = math.sqrt(2 * x.var(ddof=1) * level / n) + 7 * limit * (high - low) * level / (3 * (n - 1))
            best = max(best, x.mean() - margin)
        return best

    return low + most(r - low), high - most(high - r)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.0, 5.0)])
@pytest.mark.parametrize("sharpness", [0.3, 6.0])
def test_they_are_maurer_and_pontils(low, high, sharpness):
    rows, target = drawn(5_000, sharpness=sharpness), played(5_000, sharpness=0.5)
    w = target[np.arange(5_000), rows.arms] / rows.propensity
    found = bounds(binned(rows, target), low, high, 0.05)
    assert found == pytest.approx(by_hand(w, rows.rewards, low, high, 0.05), rel=1e-9)


def test_they_hold_where_nothing_else_does():
    """A target with hardly any overlap: of 200 logs .95 of the bounds hold, and they say something."""
    g, held, width = np.random.default_rng(4), [], []
    for _ in range(200):
        x = g.integers(0, 2, 3_000)
        p = np.where(x == 0, 0.5, 1e-4)  # of arm 1, which the target always plays; worth .6 and .2
        arms = (g.random(3_000) < p).astype(int)
        rewards = (g.random(3_000) < np.where(arms == 1, np.where(x == 0, 0.6, 0.2), 0.3)).astype(float)
        rows = replace(drawn(3_000), arms=arms, rewards=rewards, propensity=np.where(arms == 1, p, 1 - p))
        lower, upper = bounds(binned(replace(rows, propensities=None), (arms == 1).astype(float)), 0.0, 1.0)
        held.append(lower <= 0.4 <= upper)
        width.append(upper - lower)
    assert np.mean(held) >= 0.95 and 0.5 < np.mean(width) < 0.8


def test_rows_of_few_units_widen_them():
    rows, target = drawn(5_000), played(5_000)
    grouped = replace(rows, units=np.arange(5_000, dtype=np.uint64) // 10)
    alone, together = (bounds(binned(each, target), 0.0, 1.0) for each in (rows, grouped))
    assert together[0] < alone[0] and together[1] > alone[1]


def test_without_rows_there_are_none():
    assert all(math.isnan(bound) for bound in bounds(Bins(), 0.0, 1.0))
    single = binned(drawn(1), played(1))
    assert bounds(single, 0.0, 1.0) == (0.0, 1.0)
