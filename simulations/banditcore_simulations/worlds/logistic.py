"""Clicks: the log-odds of an arm are linear in the context."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore_simulations.worlds._checks import log_odds
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    arms: int = 5,
    features: int = 6,
    base_rate: float = 0.05,
    spread: float = 0.5,
    correlation: float = 0.0,
) -> World:
    """P(1) = sigmoid(logit(base_rate) + x'theta_k), theta_k ~ N(0, spread^2 I); x ends in a constant 1.

    correlation: between any two of the other features, which are standard normal. Optimal: the largest probability.
    """
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    alike = check_number(correlation, "correlation", 0.0, 1.0)
    constants = {
        "theta": check_number(spread, "spread", 0.0) * rng.standard_normal((d, arms)),
        "offset": log_odds(base_rate, "base_rate"),
        "common": math.sqrt(alike),
        "own": math.sqrt(1.0 - alike),
    }
    return World("logistic", arms, d, visit, constants, outcome="clicks", normals=d)


def visit(world: Any, event: Event) -> None:
    last = event.context.size - 1
    for i in range(last):
        event.context[i] = world.common * event.normals[last] + world.own * event.normals[i]
    event.context[last] = 1.0
    for k in range(event.means.size):
        z = world.offset
        for i in range(event.context.size):
            z += world.theta[i, k] * event.context[i]
        event.means[k] = 1.0 / (1.0 + math.exp(-z))
