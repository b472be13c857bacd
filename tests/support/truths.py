"""Logs of a world whose truth is known: what each arm earns in a context, and how likely it was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from banditcore.bandit_log import BanditLog
from banditcore.kernels import draw_many

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """A log and what it was made of."""

    log: BanditLog
    means: Floats
    """(n, K) expected rewards."""

    def value(self, vectors: npt.ArrayLike) -> float:
        """What a target earns that plays by (n, K) vectors, or by (K,) for all."""
        return float((np.broadcast_to(vectors, self.means.shape) * self.means).sum(axis=1).mean())


def made(
    rows: int = 6_000,
    arms: int = 3,
    *,
    seed: int = 1,
    floor: float = 0.3,
    sharpness: float = 1.0,
    units: int | None = None,
    wrong: float = 1.0,
    noise: float = 0.0,
) -> Truth:
    """Conversions by a logistic truth, shown by a softmax with a floor; every second arm is better for x > 0.

    units: how many different ones, None for a row each; wrong: factor on the logged propensity of arm 0.
    """
    g = np.random.default_rng(seed)
    x = np.column_stack([np.ones(rows), g.normal(size=rows)])
    slope = np.where(np.arange(arms) % 2, 0.8, -0.8)
    means = 1.0 / (1.0 + np.exp(1.0 + 0.2 * np.arange(arms) - x[:, 1:] * slope))
    scores = np.exp(sharpness * g.normal(size=arms) * x[:, 1:])
    vectors = (1.0 - floor) * scores / scores.sum(axis=1, keepdims=True) + floor / arms
    shown = draw_many(np.ascontiguousarray(vectors), g.random(rows)).astype(np.int64)
    at = np.arange(rows)
    rewards = (g.random(rows) < means[at, shown]).astype(np.float64) + noise * g.normal(size=rows)
    own = vectors[at, shown] * np.where(shown == 0, wrong, 1.0)
    log = BanditLog.of(
        x,
        shown,
        rewards,
        np.minimum(own, 1.0),
        propensities=vectors if wrong == 1.0 else None,
        units=np.arange(rows) if units is None else g.integers(0, units, rows),
        times=1.7e9 + at,
        variants=[f"v{arm}" for arm in range(arms)],
        columns={"q": means, "half": np.full((rows, arms), 1.0 / arms)},
    )
    return Truth(log, means)


def paged(log: BanditLog, size: int = 777) -> BanditLog:
    """The same in pages of `size` rows."""
    return log.with_pages(partial(_pages, log.load(), size))


def _pages(rows, size):
    for start in range(0, len(rows), size):
        yield rows.take(slice(start, start + size))


def with_fallbacks(log: BanditLog, share: float, seed: int = 5) -> BanditLog:
    """The same, where a share of the rows was shown arm 0 by somebody else; these earn a reward of 50."""
    rows = log.load()
    other = np.random.default_rng(seed).random(len(rows)) < share
    spoilt = replace(
        rows, fallback=other, arms=np.where(other, 0, rows.arms), rewards=np.where(other, 50.0, rows.rewards)
    )
    return log.with_pages(partial(_pages, spoilt, len(rows)))
