"""How often the lift is wrong over many looks, and that the tempting alternatives are wrong too often.

Shares are of runs; the Monte Carlo error of a share s is sqrt(s (1 - s) / runs). Seeds are fixed. What is
asserted is the false-alarm rate over *all* looks of a run: nominal 5 %, open sequence measured at 1.4-2.6 %.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from banditcore.estimators.lift import Moments, lift, log_lift, why_collecting
from banditcore.findings import Lift

Z95 = 1.959964
Counts = npt.NDArray[np.int64]


def conversions(rng: np.random.Generator, runs: int, looks: int, units: int, rate: float) -> tuple[Counts, Counts]:
    """Units (looks,) and conversions (runs, looks) of one group, cumulated."""
    n = np.round(np.arange(1, looks + 1) * units / looks).astype(np.int64)
    return n, rng.binomial(np.diff(n, prepend=0), rate, (runs, looks)).cumsum(axis=1)


def binary(n: int, converted: int) -> Moments:
    return Moments(n, converted, float(converted), float(converted))


def opened(policy: Moments, holdout: Moments) -> Lift | None:
    """The open sequence at .05."""
    return lift([(policy, holdout)], "binary", target_lift=0.1, open_alpha=0.05)[2]


def same_on_both_sides(
    runs: int, rate: float, share: float, units: int
) -> tuple[tuple[Counts, Counts], tuple[Counts, Counts]]:
    """POLICY and HOLDOUT of experiments without a lift, 100 looks each."""
    rng = np.random.default_rng(20240601)
    policy = conversions(rng, runs, 100, round(units * (1 - share)), rate)
    return policy, conversions(rng, runs, 100, round(units * share), rate)


def groups(counts: tuple[Counts, Counts], run: int) -> list[Moments]:
    """One group at every look of a run."""
    return [binary(n, x) for n, x in zip(counts[0].tolist(), counts[1][run].tolist(), strict=True)]


def false_alarms(policy: tuple[Counts, Counts], holdout: tuple[Counts, Counts]) -> tuple[float, float]:
    """Shares of runs in which some look excludes 0: open sequence, and a fixed 95 % interval peeked at."""
    sequence = peeked = 0
    for run in range(len(policy[1])):
        looks = list(zip(groups(policy, run), groups(holdout, run), strict=True))
        found = [result for look in looks if (result := opened(*look))]
        sequence += any(result.low > 0.0 or result.high < 0.0 for result in found)
        ratios = [log_lift(*look) for look in looks if not why_collecting(*look)]
        peeked += any(abs(ratio.estimate) >= Z95 * ratio.standard_error for ratio in ratios)
    return sequence / len(policy[1]), peeked / len(policy[1])


def test_where_nearly_all_convert() -> None:
    """300 experiments without a lift, 100 looks each; other rates: `banditcore simulate peeking`. False alarm: 1 %."""
    sequence, peeked = false_alarms(*same_on_both_sides(300, 0.95, 0.10, 10_000))
    assert sequence <= 0.04
    assert peeked >= 0.1


def test_conversions_alone_are_not_enough_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nearly all convert, it is the units that do not that are few, and a minimum of them is needed."""
    monkeypatch.setattr("banditcore.estimators.lift.enough.MINIMUM_UNCONVERTED", 0)
    assert false_alarms(*same_on_both_sides(200, 0.95, 0.10, 10_000))[0] >= 0.15
