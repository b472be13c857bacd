"""Epochs: times in which the holdout share stood still, estimated apart and added up.

Groups compared across a change of the share would differ in when their units came, not only in what they were shown
(Simpson's paradox). Within an epoch they do not, so each has a log ratio of its own, and the sum weights them by their
information w, so that information adds up, as the clock of the boundaries needs it.

w = 1 / sqrt(variance * pooled variance). An epoch's own variance is small when the holdout's mean happens to be
large, and weights of 1 / variance pull the lift down by half a conversion of the holdout per epoch; the pooled
variance does not know that, and with it alone the logarithm's own bias pulls up by as much. Between the two both
cancel. What that costs in information is of second order, and the variance that is reported is that of the weights
used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from banditcore.estimators.lift.enough import examined, minimum_converted, too_few, too_small
from banditcore.estimators.lift.log_ratio import LogRatio
from banditcore.estimators.lift.moments import Moments

Stratum = tuple[Moments, Moments]
"""POLICY and HOLDOUT of one epoch."""


def combined(strata: Sequence[Stratum], kind: str, capped: bool = True) -> tuple[LogRatio | None, str]:
    """The log ratio over all epochs that have one of their own, and what is left out or missing, as a sentence.

    Of several epochs one joins when it is large enough (`too_small`), never by its result; `difference` is the mean
    over epochs by the same weights, so that both speak of the same units. Symmetric in the groups to the last bit.
    """
    found = [_examined(stratum, kind, capped, alone=len(strata) == 1) for stratum in strata]
    used = [stratum for stratum, (part, _) in zip(strata, found, strict=True) if part]
    least = minimum_converted(kind)
    if reason := too_few(_converted(strata), least):
        return None, reason
    if not used:
        largest = max(range(len(strata)), key=lambda index: _units(strata[index : index + 1]))
        return None, _of_epochs(found[largest][1], len(strata))
    left_out = _left_out(strata, used)
    if reason := too_few(_converted(used), least):
        return None, f"{reason}; {left_out}" if left_out else reason
    return _added_up([part for part, _ in found if part]), left_out


def _examined(stratum: Stratum, kind: str, capped: bool, alone: bool) -> tuple[LogRatio | None, str]:
    reason = "" if alone else too_small(*stratum)
    return (None, reason) if reason else examined(*stratum, kind, capped)


def _added_up(parts: list[LogRatio]) -> LogRatio:
    weights = [1.0 / math.sqrt(part.variance * part.pooled_variance) for part in parts]
    shares = [weight / sum(weights) for weight in weights]
    squares = [share * share for share in shares]
    return LogRatio(
        estimate=_sum(shares, [part.estimate for part in parts]),
        variance=_sum(squares, [part.variance for part in parts]),
        difference=_sum(shares, [part.difference for part in parts]),
        difference_variance=_sum(squares, [part.difference_variance for part in parts]),
        plain_variance=_sum(squares, [part.plain_variance for part in parts]),
        pooled_variance=_sum(squares, [part.pooled_variance for part in parts]),
    )


def _sum(weights: list[float], values: list[float]) -> float:
    """Weighted sum; exactly odd in the values, so that a swap of the groups flips it exactly."""
    return math.fsum(weight * value for weight, value in zip(weights, values, strict=True))


def _converted(strata: Sequence[Stratum]) -> tuple[int, int]:
    return sum(policy.converted for policy, _ in strata), sum(holdout.converted for _, holdout in strata)


def _units(strata: Sequence[Stratum]) -> int:
    return sum(policy.n + holdout.n for policy, holdout in strata)


def _of_epochs(reason: str, count: int) -> str:
    return reason if count == 1 else f"none of {count} epochs has an estimate yet; in the largest {reason}"


def _left_out(strata: Sequence[Stratum], used: Sequence[Stratum]) -> str:
    """How much does not count yet, as a sentence; empty where nothing is."""
    missing = len(strata) - len(used)
    share = 100.0 * (1.0 - _units(used) / max(_units(strata), 1))
    if not missing or share == 0.0:
        return ""
    epochs = f"{missing} of {len(strata)} epochs {'is' if missing == 1 else 'are'} too small for an estimate"
    return f"{epochs} and left out: {share:.2g} % of the units"
