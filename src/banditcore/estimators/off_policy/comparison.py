"""From sums to figures: the policy against "always the control", and what each variant would be worth by itself.

Nothing is shown where the log cannot carry it; the reason says why. The limits:
- more than .5 % of the rows in which a variant had no chance: nothing was learned of it there;
- some variant shown more or less often than its propensities say, beyond chance: then all of them are in doubt;
- an effective sample of less than 100 rows, or one row with more than 5 % of the weight; up to 300 it is "amber";
- more than 5 % of rows that the policy did not draw; fewer than 200 units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from banditcore.errors import InvalidInput
from banditcore.estimators.lift.confidence_sequence import LOG_MAX, boundary, design_information
from banditcore.estimators.off_policy.fold import OffPolicy
from banditcore.estimators.off_policy.limits import (
    AMBER_SAMPLE,
    LEAST_SAMPLE,
    LEAST_UNITS,
    MOST_FALLBACK,
    MOST_MISSING,
    MOST_WEIGHT,
    NARROWEST_AT,
    most_errors,
)
from banditcore.estimators.off_policy.tally import Tally
from banditcore.findings import OffPolicyReport
from banditcore.types import Floats

Parts = Sequence[tuple[Sequence[str], OffPolicy]]
"""Streams with the keys of their arms; a variant may be in several."""
LARGEST_RELATIVE_ERROR = 0.5
"""A mean below two of its standard errors has no usable logarithm."""
EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True)
class VariantValue:
    """Doubly robust mean outcome a decision if this variant were always shown; NaN with a reason where refused.

    It is the average over the visits that were seen since the variant exists, as they came about under the policy.
    """

    value: float
    low: float
    high: float
    reason: str = ""
    standard_error: float = math.nan


@dataclass(frozen=True, slots=True)
class LogLift:
    """log(policy / control) by decision, with its standard error, and the two means."""

    estimate: float
    standard_error: float
    policy: float
    control: float


def compare(
    parts: Parts, control: str, target_lift: float, alpha: float = 0.05, units: int | None = None
) -> tuple[OffPolicyReport, dict[str, VariantValue]]:
    """The policy's lift over "always the control", and every variant's value, both valid at every look.

    `units` is the number of different units, where known. The lift: log ratio of the mean outcome to the mean score of
    the control, its variance linearised and clustered by hash group of the units, its interval by the sequence of
    `lift.confidence_sequence` tuned by `target_lift`, as that of the holdout's lift. The values: asymptotic
    confidence sequences of Waudby-Smith et al. (arXiv:2103.06476) on the scores of decisions, tuned to `NARROWEST_AT`.
    `agrees` and `explanation` are left to `agreement`. Raises InvalidInput where keys do not fit.
    """
    keys, tally = _merged(parts, control)
    samples = {key: _Sample.of(tally, index) for index, key in enumerate(keys)}
    shared = _refuses_all(tally, samples, units)
    values = {key: _value(sample, shared or _refuses(key, sample), alpha) for key, sample in samples.items()}
    return _report(tally, samples[control], shared or _refuses(control, samples[control]), target_lift, alpha), values


def log_lift(parts: Parts, control: str, units: int | None = None) -> LogLift | None:
    """What `compare` makes its interval of, for `agreement`; None where it refuses."""
    keys, tally = _merged(parts, control)
    samples = {key: _Sample.of(tally, index) for index, key in enumerate(keys)}
    if _refuses_all(tally, samples, units) or _refuses(control, samples[control]):
        return None
    found = _log_lift(tally.groups, samples[control])
    return found if isinstance(found, LogLift) else None


def _merged(parts: Parts, control: str) -> tuple[list[str], Tally]:
    keys = list(dict.fromkeys([control, *(key for names, _ in parts for key in names)]))
    at = {key: index for index, key in enumerate(keys)}
    tally = Tally(len(keys), parts[0][1].buckets if parts else 2)
    for names, stream in parts:
        if len(set(names)) != stream.n_arms or len(names) != stream.n_arms or names[stream.control] != control:
            raise InvalidInput(
                f"parts must name each of the {stream.n_arms} arms once, and {control!r} as the control", field="parts"
            )
        if stream.buckets != tally.groups.shape[1]:
            raise InvalidInput("parts must have the same number of buckets", field="parts")
        tally.merge(stream.tally, np.array([at[key] for key in names]))
    return keys, tally


@dataclass(frozen=True, slots=True)
class _Sample:
    """The sums of one variant."""

    rows: float
    missing: float
    score: float
    score2: float
    weight: float
    weight2: float
    heaviest: float
    inverse: float
    drawn: float
    chance: float
    noise: float
    error2: float

    @classmethod
    def of(cls, tally: Tally, index: int) -> _Sample:
        return cls(**{name: float(sums[index]) for name, sums in tally.arms.items()})

    @property
    def size(self) -> float:
        """Effective sample size: as the weights that came have it, or as the propensities had it, the lower."""
        if not self.weight:
            return 0.0
        return min(self.weight * self.weight / self.weight2, self.rows * self.rows / self.inverse)

    @property
    def seen_variance(self) -> float:
        """Sample variance of a score, of two rows or more.

        Never below what rounding leaves of the squares, so that large outcomes do not look precise.
        """
        centred = self.score2 - self.score * (self.score / self.rows)
        return max(centred, EPSILON * self.score2) / (self.rows - 1.0)

    @property
    def foreseen_variance(self) -> float:
        """Mean of 1/p times the mean squared error of the expectations: what weights have in store, seen or not.

        Of a variant that the policy gave up few heavy rows come, and until they do its scores look too alike: over all
        looks 7 % of the intervals would miss by the sample variance alone, and .5 % do by the larger of the two.
        """
        return self.inverse / self.rows * self.error2 / self.drawn

    @property
    def surprise(self) -> float:
        """How much more or less often than by its propensities the variant was shown, in standard errors of that.

        The larger of two sums that are 0 on average: 1[shown] / p - 1, whose variance is 1/p - 1, is moved by rows in
        which it was unlikely, and 1[shown] - p by those in which it was likely. Neither where too little is expected.
        """
        found = 0.0
        if self.noise >= LEAST_SAMPLE:
            found = abs(self.drawn - self.chance) / math.sqrt(self.noise)
        if self.size >= LEAST_SAMPLE and self.inverse - self.rows >= LEAST_SAMPLE:
            found = max(found, abs(self.weight - self.rows) / math.sqrt(self.inverse - self.rows))
        return found


# What is refused.


def _refuses_all(tally: Tally, samples: Mapping[str, _Sample], units: int | None) -> str:
    """Why nothing can be said at all; empty when something can."""
    drawn, fallback = tally.seen[0], tally.seen[1]
    if not drawn:
        return "no decision of the policy has been counted yet"
    if fallback > MOST_FALLBACK * drawn:
        return f"{_percent(fallback / drawn)} of the decisions were not drawn by the policy, and 5 % is the limit"
    if units is not None and units < LEAST_UNITS:
        return f"there are {units} units of the {LEAST_UNITS} needed"
    limit = most_errors(len(samples))
    key, worst = max(samples.items(), key=lambda item: item[1].surprise)
    if worst.surprise > limit:
        often = f"{worst.drawn:.0f} times, and by its propensities {worst.chance:.0f} were to be expected"
        return f"the propensities cannot be right: {key} was shown {often} ({worst.surprise:.1f} standard errors off)"
    return ""


def _refuses(key: str, sample: _Sample) -> str:
    """Why nothing can be said of one variant; empty when something can."""
    there = sample.rows + sample.missing
    if not sample.rows or sample.missing > MOST_MISSING * there:
        return f"{key} had no chance in {_percent(sample.missing / there) if there else '100 %'} of the decisions"
    if sample.size < LEAST_SAMPLE:
        return f"the decisions for {key} are worth {sample.size:.0f} rows, and {LEAST_SAMPLE:.0f} are needed"
    if sample.heaviest > MOST_WEIGHT * sample.weight:
        return f"one decision for {key} has {_percent(sample.heaviest / sample.weight)} of all the weight"
    return ""


# What is shown.


def _value(sample: _Sample, refused: str, alpha: float) -> VariantValue:
    if refused:
        return VariantValue(math.nan, math.nan, math.nan, refused)
    n, mean = sample.rows, sample.score / sample.rows
    error = math.sqrt(max(sample.seen_variance, sample.foreseen_variance) / n)
    margin = boundary(n / NARROWEST_AT, alpha) * error
    return VariantValue(mean, mean - margin, mean + margin, "", error)


def _report(tally: Tally, control: _Sample, refused: str, target_lift: float, alpha: float) -> OffPolicyReport:
    found = refused or _log_lift(tally.groups, control)
    if isinstance(found, str):
        nan = math.nan
        return OffPolicyReport("refused", found, nan, nan, nan, nan, nan, nan, nan, nan, nan, None, "")
    r = 1.0 / (found.standard_error**2 * design_information(target_lift))
    margin = boundary(r, alpha) * found.standard_error
    amber = control.size < AMBER_SAMPLE
    status: Literal["ok", "amber"] = "amber" if amber else "ok"
    reason = f"the decisions for the control are worth {control.size:.0f} rows only" if amber else ""
    estimate, low, high = (_relative(found.estimate + side * margin) for side in (0.0, -1.0, 1.0))
    return OffPolicyReport(
        status=status,
        reason=reason,
        policy_value=found.policy,
        control_value=found.control,
        estimate=estimate,
        low=low,
        high=high,
        effective_sample_size=control.size,
        by_decision=math.nan,
        by_decision_low=math.nan,
        by_decision_high=math.nan,
        agrees=None,
        explanation="",
    )


def _log_lift(groups: Floats, sample: _Sample) -> LogLift | str:
    """Log ratio with the variance of its linearisation r / R - score / C between groups of units, or why there is none.

    Units are hashed to groups, so the groups' sums are independent whatever happens within a unit. What the scores of
    the control have in store beyond what was seen is added.
    """
    rows, outcomes, scores = groups
    n = rows.sum()
    policy, control = outcomes.sum() / n, scores.sum() / n
    spread = len(rows) / (len(rows) - 1.0) / n**2
    errors = [
        math.sqrt(spread * float(np.square(own - mean * rows).sum()))
        for own, mean in ((outcomes, policy), (scores, control))
    ]
    if not (policy > 0.0 and control > 0.0) or max(errors[0] / policy, errors[1] / control) > LARGEST_RELATIVE_ERROR:
        return "the mean outcome is not clearly above 0, so there is no ratio to show"
    linear = outcomes / policy - scores / control
    in_store = max(sample.foreseen_variance - sample.seen_variance, 0.0) / sample.rows
    error = math.sqrt(spread * float(np.square(linear).sum()) + in_store / control**2)
    if not error > 0.0:
        return "the outcome does not vary, so the error cannot be estimated"
    return LogLift(math.log(policy) - math.log(control), error, float(policy), float(control))


def _relative(log_value: float) -> float:
    return math.expm1(min(log_value, LOG_MAX))


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"
