"""Every arm has weights of its own: the world that disjoint linear models assume."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    arms: int = 10,
    features: int = 20,
    noise: float = 1.0,
    spread: float = 1.0,
    alike: float = 0.0,
) -> World:
    """reward = x'theta_k + N(0, noise^2), x ~ N(0, I), theta_k ~ N(0, spread^2 / d I): means have variance spread^2.

    alike: correlation of a weight between any two arms. Optimal: the largest mean.
    """
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    shared = check_number(alike, "alike", 0.0, 1.0)
    theta = math.sqrt(1.0 - shared) * rng.standard_normal((d, arms)) + math.sqrt(shared) * rng.standard_normal((d, 1))
    constants = {"theta": np.ascontiguousarray(theta.T) * (check_number(spread, "spread", 0.0) / math.sqrt(d))}
    return World("linear", arms, d, visit, constants, noise=check_number(noise, "noise", 0.0), normals=d)


def visit(world: Any, event: Event) -> None:
    event.context[:] = event.normals
    for k in range(event.means.size):
        mean = 0.0  # a number of its own adds up in a register
        for i in range(event.context.size):
            mean += world.theta[k, i] * event.normals[i]
        event.means[k] = mean
