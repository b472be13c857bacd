"""Checks that most experiments make: a mean over seeds against a bar, and two policies on the same seeds."""

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


def standard_error(found: Floats) -> float:
    """Of the mean; NaN of a single run."""
    return float(found.std(ddof=1) / math.sqrt(len(found))) if len(found) > 1 else math.nan


def shown(found: Floats, digits: int = 3) -> str:
    """Mean and standard error."""
    mean = _number(float(found.mean()), digits)
    return mean if len(found) < 2 else f"{mean} ± {_number(standard_error(found), 2)}"


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 10.0**digits else f"{value:.{digits}g}"


def at_most(what: str, found: Floats, bar: float) -> Check:
    """The mean over seeds is at most `bar`."""
    return Check(what, shown(found), f"at most {bar:g}", bool(found.mean() <= bar))


def errors_above(differences: Floats) -> float:
    """How many standard errors the mean lies above 0; infinite where all differences are equal and positive."""
    mean, error = float(differences.mean()), standard_error(differences)
    if error > 0.0:
        return mean / error
    return math.copysign(math.inf, mean) if mean else 0.0


def worse(what: str, found: Floats, right: Floats, by: float = 3.0) -> Check:
    """On the same seeds, `found` lies above `right` by more than `by` standard errors of the difference."""
    errors = errors_above(found - right)
    measured = f"{shown(found)} against {shown(right)}: {errors:.1f} standard errors"
    return Check(what, measured, f"more than {by:g} standard errors worse", errors > by)
