"""Many experiments at many looks at once: the rule of `banditcore.estimators.lift` on arrays, for simulations.

Experiments compare it with the real one on some of their runs (`differences`), so that it cannot drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.estimators.lift import OPEN_ALPHA, PLANNED_ALPHA, Moments, lift, planned_boundary, verdict
from banditcore.estimators.lift.confidence_sequence import design_information
from banditcore.estimators.lift.log_ratio import FEW_CONVERTED
from banditcore.types import Floats

Z95 = 1.959964
RULE: Mapping[str, Any] = {"open_alpha": OPEN_ALPHA, "planned_alpha": PLANNED_ALPHA}
Truths = npt.NDArray[np.bool_]


def open_boundary(r: Floats, alpha: float) -> Floats:
    """`boundary` on arrays."""
    spent = -2.0 * np.log(alpha)
    x = (spent + np.log1p(spent)) * r
    found: Floats = np.sqrt(2.0 * (1.0 + 1.0 / x) * (0.5 * np.log1p(x) - np.log(alpha)))
    return found


@dataclass
class Looks:
    """Log ratios and their squared errors, (runs, looks), and whether there are counts enough to show them."""

    estimate: Floats
    variance: Floats
    shown: Truths

    def clock(self, target_lift: float) -> Floats:
        """(runs, looks) the information fraction r."""
        return np.asarray(1.0 / (self.variance * design_information(target_lift)))

    def margin(
        self, target_lift: float, open_alpha: float, planned_alpha: float = 0.0, clock: Floats | None = None
    ) -> Floats:
        """(runs, looks) half the interval of the rule; at the horizon, the planned boundary's.

        `clock`: r in place of the information fraction, for those who would count something else.
        """
        r = self.clock(target_lift) if clock is None else clock
        k = open_boundary(r, open_alpha)
        if planned_alpha:
            past = self.shown & (r >= 1.0)
            first = past & (past.cumsum(axis=1) == 1)
            planned = planned_boundary(planned_alpha) / np.sqrt(np.minimum(r, 1.0))
            k = np.where((r < 1.0) | first, np.minimum(k, planned), k)
        return np.asarray(k * np.sqrt(self.variance))

    def outside(
        self,
        target_lift: float,
        open_alpha: float,
        planned_alpha: float = 0.0,
        truth: float | Floats = 0.0,
        clock: Floats | None = None,
    ) -> Truths:
        """(runs, looks) whether the rule excludes the log lift `truth`."""
        margin = self.margin(target_lift, open_alpha, planned_alpha, clock)
        return np.asarray(self.shown & (np.abs(self.estimate - truth) >= margin))

    def peeked(self, truth: float | Floats = 0.0) -> Truths:
        """Whether a fixed 95 % interval excludes it."""
        return np.asarray(self.shown & (np.abs(self.estimate - truth) >= Z95 * np.sqrt(self.variance)))


def share(outside: Truths) -> float:
    """Of runs that have some look outside."""
    return float(outside.any(axis=1).mean())


def grouped(n: Floats, converted: Floats, total: Floats, squares: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, squared relative error of the mean, and squared deviations over the squared mean, of sums (runs, looks)."""
    mean = total / n
    ss = np.maximum(squares - total * mean, 0.0) / mean**2
    return mean, ss / (n - 1) / n, ss


def value_looks(policy: Sequence[Any], holdout: Sequence[Any], pooled: str = "maximum", least: int = 100) -> Looks:
    """`Looks` of two groups' (n, converted, sum, sum of squares); pooled: "maximum" as the real one, "alone" or ""."""
    with np.errstate(divide="ignore", invalid="ignore"):
        (m_t, v_t, s_t), (m_c, v_c, s_c) = grouped(*policy), grouped(*holdout)
        variance = v_t + v_c
        if pooled:
            together = (s_t + s_c) / (policy[0] + holdout[0] - 2) * (1 / policy[0] + 1 / holdout[0])
            few = np.minimum(policy[1], holdout[1]) < FEW_CONVERTED
            larger = together if pooled == "alone" else np.maximum(variance, together)
            variance = np.where(few, larger, variance)
        shown = (policy[1] >= least) & (holdout[1] >= least) & (variance > 0)
        return Looks(np.log(m_t / m_c), np.where(shown, variance, 1.0), shown)


def binary_looks(policy: Sequence[Any], holdout: Sequence[Any], least: int = 25) -> Looks:
    """`Looks` of two groups' (n, converted) for rates well below 1."""
    one, other = ((n, x, 1.0 * x, 1.0 * x) for n, x in (policy, holdout))
    return value_looks(one, other, pooled="", least=least)


def binary(n: Any, converted: Any) -> Moments:
    """Of so many customers, of whom so many converted."""
    count, x = int(n), float(converted)
    return Moments(count, int(converted), x, x, x, x, count, count, x)


def differences(
    looks: Looks,
    groups: Callable[[int, int], tuple[Moments, Moments]],
    kind: str,
    runs: Iterable[int],
    *,
    target_lift: float,
    open_alpha: float,
    planned_alpha: float,
) -> int:
    """Looks of these runs at which `lift` and `verdict` show or claim something else than `looks`; 0 is right.

    groups(run, look): POLICY and HOLDOUT.
    """
    outside, differing = looks.outside(target_lift, open_alpha, planned_alpha), 0
    for run in runs:
        answered = False
        for look in range(outside.shape[1]):
            found = lift(
                [groups(run, look)], kind, target_lift=target_lift, open_alpha=open_alpha, planned_alpha=planned_alpha
            )[2]
            if found is None:
                differing += bool(looks.shown[run, look])
                continue
            claims = found.low > 0.0 or found.high < 0.0
            if found.information >= 1.0 and not answered:
                answered = True
                given = verdict(found, "increase", 0, planned_alpha)
                assert given is not None, "there is an answer at the horizon"
                claims = given.outcome != "undecided"
            same = np.isclose(np.log1p(found.estimate), looks.estimate[run, look], rtol=1e-9, atol=1e-12)
            differing += not (looks.shown[run, look] and same and claims == outside[run, look])
    return differing
