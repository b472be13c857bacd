"""What most analyses share: means with their errors, differences by seed, a mean against a bar, right propensities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.types import Floats
from banditcore_simulations.lab.analysis import Check
from banditcore_simulations.lab.results import Results


def values(results: Results, y: str, **where: Any) -> Floats:
    """(seeds,) of a number at the one point with these parameters, by seed, so that two of them pair."""
    rows = sorted(results.where(**where).rows, key=lambda row: row["seed"])
    if not rows or len({row["seed"] for row in rows}) < len(rows):
        raise LookupError(f"{len(rows)} results with {where}, expected one a seed")
    return np.array([row[y] for row in rows], dtype=np.float64)


def mean_and_error(found: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """(n,) independent numbers: their mean, weighted where there are weights, and its standard error; NaN for one."""
    n, w = len(found), np.ones(len(found)) if weights is None else weights
    mean = float(np.average(found, weights=w))
    if n < 2:
        return mean, math.nan
    return mean, math.sqrt(float(((w * (found - mean)) ** 2).sum()) * n / (n - 1)) / float(w.sum())


def standard_error(found: Floats) -> float:
    """Of the mean; NaN of a single run."""
    return mean_and_error(found)[1]


def paired(mine: Floats, other: Floats) -> tuple[float, float]:
    """(seeds,) each, in the same order: the mean of how much more mine is, and its standard error."""
    return mean_and_error(mine - other)


def shown(found: Floats, digits: int = 3) -> str:
    """Mean and standard error."""
    mean, error = mean_and_error(found)
    return _number(mean, digits) + ("" if math.isnan(error) else f" ± {_number(error, 2)}")


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 10.0**digits else f"{value:.{digits}g}"


def at_most(what: str, found: Floats, bar: float) -> Check:
    """The mean over seeds is at most `bar`."""
    return Check(what, shown(found), f"at most {bar:g}", bool(found.mean() <= bar))


def errors_above(differences: Floats) -> float:
    """How many standard errors the mean lies above 0; infinite where all differences are equal and positive."""
    mean, error = mean_and_error(differences)
    if error > 0.0:
        return mean / error
    return math.copysign(math.inf, mean) if mean else 0.0


def worse(what: str, found: Floats, right: Floats, by: float = 3.0) -> Check:
    """On the same seeds, `found` lies above `right` by more than `by` standard errors of the difference."""
    errors = errors_above(found - right)
    measured = f"{shown(found)} against {shown(right)}: {errors:.1f} standard errors"
    return Check(what, measured, f"more than {by:g} standard errors worse", errors > by)


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
