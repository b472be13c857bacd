"""Runs a policy through a world, one decision and one update at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from banditcore.kernels import draw
from banditcore.policies.base import Policy
from banditcore_simulations.datasets import Classification, World


def play(policy: Policy, world: World, seed: int) -> npt.NDArray[np.int64]:
    """(n,) arms drawn from the policy's vectors, each learned from before the next row; two plays of one seed pair.

    A policy with a half_life is told that a row takes a second.
    """
    n = len(world.contexts)
    g = np.random.default_rng([seed, 1])
    u, seeds = g.random(n), g.integers(0, 2**64, n, dtype=np.uint64)
    times = np.arange(n, dtype=np.float64) if policy.posterior.half_life else None
    arms, rewards = np.empty(n, dtype=np.int64), np.empty(n)
    for row in range(n):
        this = slice(row, row + 1)
        context = world.contexts[this]
        arms[row] = draw(policy.propensities(context, seeds=seeds[this])[0], u[row])
        rewards[row] = world.reward(row, arms[row])
        policy.update(context, arms[this], rewards[this], times=None if times is None else times[this])
    return arms


def play_greedily(policy: Policy, world: Classification) -> int:
    """Total reward when the arm of the highest score is chosen (the lowest index among equals) and learned from."""
    total = 0
    for row in range(len(world.contexts)):
        context = world.contexts[row : row + 1]
        arm = int(policy.scores(context)[0].argmax())
        reward = world.reward(row, arm)
        policy.update(context, np.array([arm]), np.array([reward]))
        total += int(reward)
    return total
