"""What two groups need before their log ratio means anything."""

from __future__ import annotations

import math

from banditcore.estimators.lift.log_ratio import LogRatio, log_lift
from banditcore.estimators.lift.moments import Moments
from banditcore.estimators.lift.outcome import BINARY, outcome

MINIMUM_CONVERTED = 25
"""Converted units each group must have before the first look, and in each epoch that counts: with fewer the logarithm
and the weights of epochs are biased by more than a small part of the error."""
MINIMUM_CONVERTED_VALUES = 100
"""The same for values and ratios, whose tails are heavier, over all epochs that count."""
MINIMUM_UNCONVERTED = 10
"""For 0/1 outcomes, units each group must also have without a conversion. Where 95 % convert and the holdout
is 10 %, a quarter of the experiments without a lift show one without this, 2 % with it (5 % nominal)."""
LARGEST_RELATIVE_ERROR = 0.5
"""A mean below two of its standard errors has no usable logarithm; 25 conversions give .2."""
GROUPS = ("policy", "holdout")


def minimum_converted(kind: str) -> int:
    """Converted units each group must have over all epochs that count."""
    return MINIMUM_CONVERTED if kind == BINARY else MINIMUM_CONVERTED_VALUES


def too_few(converted: tuple[int, int], least: int) -> str:
    """Which of POLICY and HOLDOUT has too few converted units, as a sentence; empty when neither."""
    for name, count in zip(GROUPS, converted, strict=True):
        if count < least:
            return f"the {name} group has {count} converted units of the {least} needed"
    return ""


def why_collecting(policy: Moments, holdout: Moments, kind: str = BINARY, capped: bool = True) -> str:
    """Why one epoch has no log ratio of its own, as a sentence for the page; empty when it has one."""
    converted = (policy.converted, holdout.converted)
    return too_few(converted, MINIMUM_CONVERTED) or examined(policy, holdout, kind, capped)[1]


def too_small(policy: Moments, holdout: Moments) -> str:
    """Why one epoch of several is too small to count, as a sentence; empty when it is not.

    By the conversions that the smaller group would have at the rate of both together: an epoch that joined when the
    holdout itself has enough would join when that happens to convert well, and pull the lift down.
    """
    units = policy.n + holdout.n
    expected = (policy.converted + holdout.converted) * min(policy.n, holdout.n) / units if units else 0.0
    if expected >= MINIMUM_CONVERTED:
        return ""
    return f"the smaller group can expect {int(expected)} converted units of the {MINIMUM_CONVERTED} needed"


def examined(policy: Moments, holdout: Moments, kind: str, capped: bool) -> tuple[LogRatio | None, str]:
    """The log ratio of one epoch, whose counts are enough, or None and the reason."""
    for name, group in zip(GROUPS, (policy, holdout), strict=True):
        if reason := _shortfall(group, kind, capped):
            return None, f"the {name} group {reason}"
    found = log_lift(policy, holdout, kind, capped)
    if found.variance == 0.0:
        return None, "the outcome does not vary between units, so its error cannot be estimated"
    return (found, "") if math.isfinite(found.variance) else (None, "the outcome's numbers are too large to add up")


def _shortfall(group: Moments, kind: str, capped: bool) -> str:
    """What one group lacks, as the end of a sentence; empty when nothing."""
    found = outcome(group, kind, capped)
    if not (0.0 < found.mean < math.inf and found.relative_variance <= LARGEST_RELATIVE_ERROR**2):
        return "has a mean that is not clearly above 0, so there is no ratio to show"
    unconverted = group.n - group.converted
    if unconverted < MINIMUM_UNCONVERTED and (kind == BINARY or _one_value(group, kind, capped)):
        return f"has {unconverted} units without a conversion of the {MINIMUM_UNCONVERTED} needed"
    return ""


def _one_value(group: Moments, kind: str, capped: bool) -> bool:
    """Whether every converted unit has the same outcome, as with 0/1 goals."""
    converted = Moments(group.converted, group.converted, group.y, group.yy, group.raw, group.raw_raw)
    return kind == "value" and outcome(converted, kind, capped).ee == 0.0
