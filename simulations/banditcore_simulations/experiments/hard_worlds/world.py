"""Worlds that make honest intervals hard: customers who come back, rare rewards, heavy tails, a policy that learned."""

from __future__ import annotations

from functools import cache

import numpy as np

from banditcore.bandit_log import Rows, Units
from banditcore.checks import Arms
from banditcore.policies import LinUCB
from banditcore.types import Floats

ARMS = 4
SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Makes hashes of numbers in sequence."""


def uniform(n: int, arms: int, shown: Arms, rewards: Floats, units: Units | None = None) -> Rows:
    """Rows without features, of uniform play."""
    vectors = np.full((n, arms), 1.0 / arms)
    return Rows(np.empty((n, 0)), shown, rewards, np.full(n, 1.0 / arms), propensities=vectors, units=units)


# Customers who come back.

LIKED = 0.25


def customers(seed: int, number: int) -> Rows:
    """Each has a level of its own, Beta(1, 4), likes one arm more, keeps its arm, and comes 1 to 19 times."""
    g = np.random.default_rng([seed, number])
    unit = np.repeat(np.arange(number), g.integers(1, 20, number))
    g.shuffle(unit)
    level, liked, kept = g.beta(1.0, 4.0, number), g.integers(0, ARMS, number), g.integers(0, ARMS, number)
    shown = kept[unit]
    chances = np.minimum(level[unit] + LIKED * (liked[unit] == shown), 1.0)
    rewards = (g.random(len(unit)) < chances).astype(np.float64)
    return uniform(len(unit), ARMS, shown, rewards, unit.astype(np.uint64) * SPREAD)


@cache
def worth_of_an_arm() -> float:
    """Mean over 2,000,000 customers: error 1e-4."""
    level = np.random.default_rng(9).beta(1.0, 4.0, 2_000_000)
    return float((1.0 - 1.0 / ARMS) * level.mean() + np.minimum(level + LIKED, 1.0).mean() / ARMS)


def without_units(rows: Rows) -> Rows:
    """As if each row were a customer of its own."""
    return Rows(rows.contexts, rows.arms, rows.rewards, rows.propensity, propensities=rows.propensities)


# Rare rewards and heavy tails.


def rewarded(seed: int, n: int, arms: int, share: float, sigma: float) -> Rows:
    """n rows with that share of rewards, lognormal with sigma: 0 for all of them 1. Worth share exp(sigma^2 / 2)."""
    g = np.random.default_rng([seed, n, arms])
    rewards = np.exp(sigma * g.standard_normal(n)) * (g.random(n) < share)
    return uniform(n, arms, g.integers(0, arms, n), rewards)


# A log whose policy learned along the way.

FEATURES = 3
THETA = 0.3 * np.random.default_rng(77).standard_normal((ARMS, FEATURES))
TASTE = 0.7 * np.random.default_rng(78).standard_normal((FEATURES, ARMS))


def chances(x: Floats) -> Floats:
    """(n, ARMS) expected rewards."""
    found: Floats = 1.0 / (1.0 + np.exp(1.0 - x @ THETA.T))
    return found


def other(x: Floats) -> Floats:
    """(n, ARMS) what the target plays."""
    scores: Floats = np.exp(x @ TASTE)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def visits(g: np.random.Generator, n: int) -> Floats:
    """(n, FEATURES) contexts."""
    return np.column_stack([np.ones(n), g.standard_normal((n, FEATURES - 1))])


@cache
def worth_of_the_other() -> float:
    """Mean over 400,000 visits."""
    x = visits(np.random.default_rng(5), 400_000)
    return float((other(x) * chances(x)).sum(axis=1).mean())


def learned(seed: int, n: int, page: int = 200, floor: float = 0.2) -> Rows:
    """LinUCB that learns after each page; its vectors are what is logged."""
    g = np.random.default_rng([seed, 3])
    policy = LinUCB(n_arms=ARMS, n_features=FEATURES, alpha=0.5, l2=1.0, floor=floor)
    x, pages = visits(g, n), []
    for at in range(0, n, page):
        here = x[at : at + page]
        p = policy.propensities(here)
        arms = (p.cumsum(axis=1) < g.random((len(here), 1))).sum(axis=1).clip(0, ARMS - 1)
        earned = (g.random(len(here)) < chances(here)[np.arange(len(here)), arms]).astype(np.float64)
        policy.update(here, arms, earned)
        pages.append((arms, earned, p))
    shown, rewards, vectors = (np.concatenate(each) for each in zip(*pages, strict=True))
    return Rows(x, shown, rewards, vectors[np.arange(n), shown], propensities=vectors)


def unweighted(rows: Rows) -> Rows:
    """With the share of each arm in the whole log as its propensity."""
    shares = np.bincount(rows.arms, minlength=ARMS) / len(rows)
    return Rows(rows.contexts, rows.arms, rows.rewards, shares[rows.arms], propensities=np.tile(shares, (len(rows), 1)))
