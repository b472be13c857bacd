"""Fieller's set for a ratio of means, which needs no logarithm: a cross-check of the log ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

from banditcore.estimators.lift.moments import Moments
from banditcore.estimators.lift.outcome import BINARY, Outcome, outcome

TOO_SMALL = "unbounded: the control group is too small"


@dataclass(frozen=True, slots=True)
class FiellerSet:
    """Relative lifts rho - 1 that k standard errors do not exclude; -inf and inf, with a reason, where it has no
    end."""

    low: float
    high: float
    note: str = ""


def fieller(policy: Moments, holdout: Moments, k: float, kind: str = BINARY, capped: bool = True) -> FiellerSet:
    """{rho: (m_T - rho m_C)^2 <= k^2 (v_T / n_T + rho^2 v_C / n_C)} - 1, for k > 0 and two units or more a group.

    Exact for normal means of known variance (Fieller 1954), whatever the ratio. It is an interval if and only if the
    control's own mean is more than k of its standard errors from 0. No covariate and no pooled error: this is a
    check of the scale alone, and close to the log ratio's interval once both means are well above their errors.
    """
    t, c = outcome(policy, kind, capped), outcome(holdout, kind, capped)
    v_t, v_c = k * k * _variance(t), k * k * _variance(c)
    leading = c.mean * c.mean - v_c
    if not leading > 0.0:
        return FiellerSet(-math.inf, math.inf, TOO_SMALL)
    middle = t.mean * c.mean
    root = math.sqrt(max(middle * middle - leading * (t.mean * t.mean - v_t), 0.0))
    return FiellerSet((middle - root) / leading - 1.0, (middle + root) / leading - 1.0)


def _variance(group: Outcome) -> float:
    """Of the mean; infinite below two units, where nothing is known."""
    return group.ee / (group.n - 1) / group.n if group.n > 1 else math.inf
