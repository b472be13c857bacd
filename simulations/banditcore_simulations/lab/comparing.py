"""Numbers that analyses have in common: means with their errors, differences by seed, how right propensities are."""

from __future__ import annotations

import math

import numpy as np

from banditcore.types import Floats
from banditcore_simulations.lab.results import Results


def mean_and_error(values: Floats) -> tuple[float, float]:
    """(n,) independent numbers: their mean and its standard error; NaN for one of them."""
    if len(values) < 2:
        return float(values.mean()), math.nan
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def paired(mine: Floats, other: Floats) -> tuple[float, float]:
    """(seeds,) each, in the same order: the mean of how much more mine is, and its standard error."""
    return mean_and_error(mine - other)


def miscalibration(results: Results) -> float:
    """The most that draws are off from claimed propensities in a bin, over all runs, in standard errors.

    Runs must not share draws, as those of one seed do, so these are results of one point. Draws of one run depend on
    one another, but each is off its own claim by chance alone. The variance is that of a
    claim at the bin's mean, never smaller than the true one; where few draws are expected it is that of one more.
    """
    count, claimed, drawn = results.column("calibration").sum(axis=0).reshape(-1, 3).T
    some = count > 0
    count, claimed, drawn = count[some], claimed[some], drawn[some]
    share = claimed / count
    return float(np.max(np.abs(drawn - claimed) / np.sqrt(count * share * (1.0 - share) + 1.0)))
