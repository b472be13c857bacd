"""How far the mean of many repeats on one log may be from what the policy earns on all logs like it.

All repeats take their rows from the same log, so more of them only show what this one log says. What part of a repeat's
variance comes from the log is measured: two repeats share it as far as they count the same rows. That is rarely the
share of rows accepted. A policy that is nearly sure of its arms accepts nearly the same rows each time, so that
repeats differ little and yet would all be wrong together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from banditcore.bandit_log import Units
from banditcore.estimators.off_policy.weighted import CLUSTERS, cluster_of
from banditcore.types import Floats

PIECES = 256
SAME = 1e-9
"""Share of the variance between repeats below which they are all the same."""


class Grouped:
    """Sums over what a repeat counts by group of units. Pieces wait for others: a call a piece takes longer than sums.

    They are added one by one in their order, so that where a page ends leaves no trace.
    """

    def __init__(self) -> None:
        self._sums = np.zeros((2, CLUSTERS))
        self._waiting: list[tuple[Units, float, Floats]] = []

    def add(self, units: Units, weight: float, values: Floats) -> None:
        """units, values: (n,), all of one weight."""
        self._waiting.append((units, weight, values))
        if len(self._waiting) == PIECES:
            self._fold()

    @property
    def sums(self) -> Floats:
        """(2, CLUSTERS) weights, and weights times values."""
        self._fold()
        return self._sums

    def _fold(self) -> None:
        if self._waiting:
            units, weights, values = zip(*self._waiting, strict=True)
            groups, of_each = cluster_of(np.concatenate(units)), np.repeat(weights, list(map(len, units)))
            np.add.at(self._sums[0], groups, of_each)
            np.add.at(self._sums[1], groups, of_each * np.concatenate(values))
            self._waiting.clear()


class Shared(NamedTuple):
    """Variances of a weighted mean, linearised, as if the policy's course had been the same whatever the rows."""

    repeat: float
    """Of one repeat, over logs and its own draws."""
    mean: float
    """Of the mean of all repeats."""
    log: float
    """The part of both that comes from the log."""
    groups: int
    """Groups of units that it was taken between."""

    @classmethod
    def of(cls, grouped: Sequence[Floats]) -> Shared:
        """grouped: two repeats at least, each what `Grouped` sums; rows of a unit may depend on each other anyhow."""
        sums = np.array(grouped)
        weights = sums[:, 0].sum(axis=1)
        value = sums[:, 1].sum() / weights.sum()
        residuals = (sums[:, 1] - value * sums[:, 0]) / weights[:, None]
        groups, repeats = int(sums[:, 0].any(axis=0).sum()), len(sums)
        scale = groups / max(groups - 1.0, 1.0)
        repeat = scale * float(np.square(residuals).sum()) / repeats
        mean = scale * float(np.square(residuals.mean(axis=0)).sum())
        return cls(repeat, mean, max(0.0, (repeats * mean - repeat) / (repeats - 1)), groups)

    @property
    def odds(self) -> float:
        """The log's part over the part that repeats differ in; 0 where they do not."""
        own = self.repeat - self.log
        return self.log / own if own > SAME * self.repeat else 0.0


def margin(spread: float, counted: Sequence[Floats], learned: Sequence[Floats], alpha: float) -> float:
    """Half of the 1 - alpha interval of the policy's expected value over logs like this one, from R repeats' mean.

    spread: standard deviation between repeats; counted, learned: what `Grouped` sums over what each repeat's value is
    made of, and over the rows it learned from (the same but for dr_ns).

    The variance is that of the mean by groups of units, where it is whatever the policy learns, and as much of the
    spread as that does not explain: luck in learning. Repeats share it as they share the rows they learn from, so it
    counts (1 / R + odds) times. Where both are the same rows this is max(mean, spread^2 (1 / R + odds)), of which
    spread^2 (1 + odds) is a repeat's variance over logs and draws. The quantile is of t, its degrees of freedom by
    Welch and Satterthwaite: R - 1 where the spread sets the variance, many where the log does. NaN for a single group.
    """
    repeats, linear = len(counted), Shared.of(counted)
    times = 1.0 / repeats + Shared.of(learned).odds
    luck = max(0.0, spread**2 - (linear.repeat - linear.log))
    variance = linear.mean + times * luck
    if linear.groups < 2:
        return math.nan
    if not variance > 0.0:
        return 0.0
    by_rows, by_spread = linear.mean / variance, times * spread**2 / variance
    freedom = 1.0 / (by_rows**2 / (linear.groups - 1) + by_spread**2 / (repeats - 1))
    return float(stdtrit(freedom, 1.0 - 0.5 * alpha)) * math.sqrt(variance)
