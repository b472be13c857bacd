"""Logs of a known world, and a target that is another policy.

Five arms, four standard normal features. The log is of softmax(2 x'A) mixed with a share of uniform play, the target is
softmax(2 x'(.6 A + .8 B)), and the chance of a reward depends on the features in waves, which the ridge regressions of
the outcome model cannot follow: what the model says by itself is wrong. A, B and the waves are drawn once.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from banditcore.bandit_log import Rows
from banditcore.types import Floats

ARMS, FEATURES = 5, 4
LOGGED, OTHER, WAVES = np.random.default_rng(12).standard_normal((3, FEATURES, ARMS))


def softmax(scores: Floats) -> Floats:
    """Of rows."""
    found: Floats = np.exp(scores - scores.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


def chances(x: Floats) -> Floats:
    """(n, ARMS) expected rewards."""
    found: Floats = 1.0 / (1.0 + np.exp(1.0 - 1.5 * np.sin(2.0 * x @ WAVES) - 0.5 * np.abs(x @ LOGGED)))
    return found


def target(x: Floats) -> Floats:
    """(n, ARMS) what the target plays."""
    return softmax(2.0 * x @ (0.6 * LOGGED + 0.8 * OTHER))


@cache
def truth() -> float:
    """Mean over 400,000 contexts; its own error is 3e-4."""
    x = np.random.default_rng(1).standard_normal((400_000, FEATURES))
    return float((target(x) * chances(x)).sum(axis=1).mean())


def logged(seed: int, n: int, exploration: float) -> Rows:
    """n rows."""
    g = np.random.default_rng([seed, 7])
    x = g.standard_normal((n, FEATURES))
    p = (1.0 - exploration) * softmax(2.0 * x @ LOGGED) + exploration / ARMS
    arms = (p.cumsum(axis=1) < g.random((n, 1))).sum(axis=1).clip(0, ARMS - 1)
    at = np.arange(n)
    rewards = (g.random(n) < chances(x)[at, arms]).astype(np.float64)
    return Rows(x, arms, rewards, p[at, arms], propensities=p)


def wrong(rows: Rows, arm: int, factor: float = 1.2) -> Rows:
    """The same decisions, with the propensities of one arm logged too high."""
    assert rows.propensities is not None
    p = rows.propensities.copy()
    p[:, arm] = np.minimum(factor * p[:, arm], 1.0)
    return Rows(rows.contexts, rows.arms, rows.rewards, p[np.arange(len(rows)), rows.arms], propensities=p)


def without_vectors(rows: Rows) -> Rows:
    """The same decisions, with the propensities of the arms that were shown alone."""
    return Rows(rows.contexts, rows.arms, rows.rewards, rows.propensity)
