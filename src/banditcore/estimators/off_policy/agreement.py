"""Whether the propensity log and the holdout tell the same story, and which variant is likely the best."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from banditcore.estimators.lift.confidence_sequence import boundary, design_information
from banditcore.kernels import gaussian_vectors
from banditcore.types import Floats

TOO_WIDE = math.log(1.25)


def agreement(
    holdout: tuple[float, float], off_policy: tuple[float, float], target_lift: float, alpha: float = 0.05
) -> tuple[bool | None, str]:
    """Whether two log lifts by decision differ by no more than chance, and what that means. Standard errors above 0.

    None where their errors together are wider than `TOO_WIDE` and than half of what they show, so that hardly anything
    could disagree. Valid at every look: the difference against the open boundary at level `alpha`. The two are treated
    as independent. They share the POLICY group, whose outcomes move both the same way, so the difference varies less
    than that: a disagreement is rarer than `alpha` where there is nothing to it.
    """
    difference = off_policy[0] - holdout[0]
    error = math.hypot(holdout[1], off_policy[1])
    z = difference / error
    margin = boundary(1.0 / (error * error * design_information(target_lift)), alpha)
    both = f"by decision the propensity log shows {_percent(off_policy[0])}, the holdout {_percent(holdout[0])}"
    if abs(z) <= margin and margin * error > max(TOO_WIDE, 0.5 * abs(holdout[0]), 0.5 * abs(off_policy[0])):
        return None, f"Too early to tell: {both}, and their errors are too wide for a disagreement to show."
    if abs(z) <= margin:
        return True, (
            f"The two figures agree within their errors: {both}. One rests on who was held out, the other on the "
            "probabilities that were logged, so neither is likely to be spoilt."
        )
    return False, f"The figures differ by {abs(z):.1f} standard errors: {both}. {_meaning(difference)}"


def _meaning(difference: float) -> str:
    if difference > 0.0:
        return (
            "Either held-out customers were shown personalised variants somewhere (a leak, which hides part of the "
            "lift), or the logged propensities are not what was drawn from, or what one visit of a customer gains a "
            "later one loses. Trust the holdout unless it leaks."
        )
    return (
        "Either what was shown at one visit helps later ones, which the holdout sees and the log does not, or the "
        "logged propensities are not what was drawn from. Trust the holdout."
    )


def _percent(log_ratio: float) -> str:
    return f"{math.expm1(min(log_ratio, 700.0)):+.1%}"


def probability_best(values: npt.ArrayLike, standard_errors: npt.ArrayLike) -> Floats:
    """(K,) P(its value is the largest) for independent normal values (K,) with their standard errors.

    Those that are NaN take no part and stay NaN. Exact but for the normal approximation: `kernels.gaussian`.
    """
    mean, sd = np.asarray(values, dtype=np.float64), np.asarray(standard_errors, dtype=np.float64)
    known = np.isfinite(mean) & np.isfinite(sd)
    found = np.full(mean.shape, np.nan)
    if known.any():
        out = np.empty((1, int(known.sum())))
        gaussian_vectors(mean[known][None], sd[known][None], None, 0.0, out, None)
        found[known] = out[0]
    return found
