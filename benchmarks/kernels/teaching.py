"""Policies that have learned something: times depend on it, since LinUCB skips arms that cannot win."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from banditcore.policies import Policy, get_policy

Floats = npt.NDArray[np.float64]

SEED = 20
NOISE = 0.5
ROWS = 16
"""Rows asked about in turn: with a single one, luck would decide how many arms are skipped."""
LESSONS = 1024


class Lesson(NamedTuple):
    context: Floats  # (1, d), or (1, K, d)
    arm: npt.NDArray[np.int64]  # (1,)
    reward: Floats  # (1,)


def lessons(K: int, d: int) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """Contexts, arms and rewards of a log in which every arm was played about max(50, 2 d) times."""
    g = np.random.default_rng(SEED)
    n = K * max(50, 2 * d)
    theta = g.standard_normal((K, d)) / np.sqrt(d)
    contexts, arms = g.standard_normal((n, d)), g.integers(0, K, n)
    scores = np.empty(n)
    for start in range(0, n, 10_000):
        part = slice(start, start + 10_000)
        scores[part] = (contexts[part] * theta[arms[part]]).sum(axis=1)
    return contexts, arms, scores + NOISE * g.standard_normal(n)


def made(name: str, K: int, d: int, params: dict[str, Any]) -> Policy:
    kind: Any = get_policy(name)
    policy: Policy = kind(K, d, **params)
    return policy


def taught(name: str, K: int, d: int, **params: Any) -> Policy:
    """A policy that has learned `lessons`, as clicks where it wants them."""
    policy = made(name, K, d, params)
    contexts, arms, rewards = lessons(K, d)
    policy.warm_start(contexts, arms, as_wanted(policy, rewards))
    return policy


def taught_own(name: str, K: int, d: int, **params: Any) -> Policy:
    """The same for one posterior that tells arms apart by features of their own, contexts (n, K, d)."""
    policy = made(name, K, d, params)
    g = np.random.default_rng(SEED)
    contexts, arms = g.standard_normal((20 * d, K, d)), g.integers(0, K, 20 * d)
    theta = g.standard_normal(d) / np.sqrt(d)
    policy.warm_start(contexts, arms, contexts[np.arange(20 * d), arms] @ theta + NOISE * g.standard_normal(20 * d))
    return policy


def as_wanted(policy: Policy, rewards: Floats) -> Floats:
    return (rewards > 0.0).astype(float) if policy.reward_kind == "unit_interval" else rewards


def queries(K: int, d: int, *, own: bool = False) -> Iterator[Floats]:
    """Single rows for ever, the same for everyone who asks."""
    g = np.random.default_rng(SEED + 1)
    return cycle([g.standard_normal((1, K, d) if own else (1, d)) for _ in range(ROWS)])


def more_lessons(policy: Policy) -> Iterator[Lesson]:
    """Single rows to learn for ever, arms in random order, so that an arm's matrices come from where they would."""
    g = np.random.default_rng(SEED + 2)
    K, d = policy.n_arms, policy.n_features
    rows = [(g.standard_normal((1, d)), g.integers(0, K, 1), g.standard_normal(1)) for _ in range(LESSONS)]
    return cycle([Lesson(x, k, as_wanted(policy, r)) for x, k, r in rows])


def once_each(policy: Policy) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """A row for every arm."""
    g = np.random.default_rng(SEED + 3)
    K = policy.n_arms
    return g.standard_normal((K, policy.n_features)), np.arange(K), g.standard_normal(K)
