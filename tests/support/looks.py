"""Many experiments at many looks at once: the rule of `banditcore.estimators.lift` on arrays, for simulations.

Acceptance tests compare it with the real one on some of their runs (`same_as_the_real_one`), so that it cannot drift.
"""

from dataclasses import dataclass

import numpy as np

from banditcore.estimators.lift import lift, planned_boundary, verdict
from banditcore.estimators.lift.confidence_sequence import design_information
from banditcore.estimators.lift.log_ratio import FEW_CONVERTED

Z95 = 1.959964


def open_boundary(r, alpha):
    spent = -2.0 * np.log(alpha)
    x = (spent + np.log1p(spent)) * r
    return np.sqrt(2.0 * (1.0 + 1.0 / x) * (0.5 * np.log1p(x) - np.log(alpha)))


@dataclass
class Looks:
    """Log ratios and their squared errors, (runs, looks), and whether there are counts enough to show them."""

    estimate: np.ndarray
    variance: np.ndarray
    shown: np.ndarray

    def outside(self, target_lift, open_alpha, planned_alpha=0.0, truth=0.0, clock=None):
        """(runs, looks) whether the rule excludes the log lift `truth`, at the horizon by the planned boundary too.

        `clock`: r in place of the information fraction, for those who would count something else.
        """
        r = 1.0 / (self.variance * design_information(target_lift)) if clock is None else clock
        k = open_boundary(r, open_alpha)
        if planned_alpha:
            past = self.shown & (r >= 1.0)
            first = past & (past.cumsum(axis=1) == 1)
            planned = planned_boundary(planned_alpha) / np.sqrt(np.minimum(r, 1.0))
            k = np.where((r < 1.0) | first, np.minimum(k, planned), k)
        return self.shown & (np.abs(self.estimate - truth) >= k * np.sqrt(self.variance))

    def peeked(self, truth=0.0):
        """Whether a fixed 95 % interval excludes it."""
        return self.shown & (np.abs(self.estimate - truth) >= Z95 * np.sqrt(self.variance))


def share(outside):
    """Of runs that have some look outside."""
    return float(outside.any(axis=1).mean())


def grouped(n, converted, total, squares):
    """Mean, squared relative error of the mean, and squared deviations over the squared mean, of sums (runs, looks)."""
    mean = total / n
    ss = np.maximum(squares - total * mean, 0.0) / mean**2
    return mean, ss / (n - 1) / n, ss


def value_looks(policy, holdout, pooled="maximum", least=100):
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


def binary_looks(policy, holdout, least=25):
    """`Looks` of two groups' (n, converted) for rates well below 1."""
    return value_looks(*((n, x, 1.0 * x, 1.0 * x) for n, x in (policy, holdout)), pooled="", least=least)


def same_as_the_real_one(looks, groups, kind, runs, *, target_lift, open_alpha, planned_alpha):
    """Asserts that `lift` and `verdict` claim at exactly the looks where `looks` does, in these runs.

    groups(run, look): POLICY and HOLDOUT as `Moments`.
    """
    outside = looks.outside(target_lift, open_alpha, planned_alpha)
    for run in runs:
        answered = False
        for look in range(outside.shape[1]):
            _, _, found = lift(
                [groups(run, look)],
                kind,
                target_lift=target_lift,
                open_alpha=open_alpha,
                planned_alpha=planned_alpha,
            )
            assert (found is not None) == looks.shown[run, look]
            if found is None:
                continue
            assert np.isclose(np.log1p(found.estimate), looks.estimate[run, look], rtol=1e-9, atol=1e-12)
            claims = found.low > 0.0 or found.high < 0.0
            if found.information >= 1.0 and not answered:
                answered = True
                claims = verdict(found, "increase", 0, planned_alpha).outcome != "undecided"
            assert claims == outside[run, look]
