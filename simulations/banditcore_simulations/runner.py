"""Runs a policy through a world, one decision and one update at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from banditcore.kernels import draw
from banditcore.policies.base import Policy
from banditcore_simulations.worlds import Classification, World


def play(
    policy: Policy,
    world: World,
    seed: int,
    *,
    rows: npt.NDArray[np.int64] | None = None,
    eligible: npt.NDArray[np.bool_] | None = None,
    scale: float = 1.0,
) -> npt.NDArray[np.int64]:
    """(n,) arms drawn from the policy's vectors, each learned from before the next row; two plays of one seed pair.

    rows: which rows of the world, in which order; eligible: (n, K) in that order; rewards are multiplied by `scale`.
    A policy with a half_life is told that a row takes a second.
    """
    order = np.arange(len(world.contexts)) if rows is None else rows
    g = np.random.default_rng([seed, 1])
    u, seeds = g.random(len(order)), g.integers(0, 2**64, len(order), dtype=np.uint64)
    times = np.arange(len(order), dtype=np.float64) if policy.posterior.half_life else None
    arms, rewards = np.empty(len(order), dtype=np.int64), np.empty(len(order))
    for i, row in enumerate(order):
        this = slice(i, i + 1)
        context = world.contexts[row : row + 1]
        mask = None if eligible is None else eligible[this]
        arms[i] = draw(policy.propensities(context, mask, seeds=seeds[this])[0], u[i])
        rewards[i] = scale * world.reward(row, arms[i])
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
