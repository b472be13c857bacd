"""An arm that joins when the others are known: a cold start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore_simulations.worlds._checks import check_law, log_odds
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    joins: int = 5_000,
    lift: float = 0.0,
    rewards: str = "linear",
    arms: int = 5,
    features: int = 10,
    alike: float = 0.0,
    noise: float = 1.0,
    spread: float = 1.0,
    base_rate: float = 0.05,
) -> World:
    """Scores x'theta_k, x ~ N(0, I) and a constant 1 last, theta_k ~ N(0, spread^2 / d I); the last of the K arms can
    be shown from visit `joins` on (counted from 0).

    lift: is added to every score of the new arm. alike: correlation of a weight between any two arms, which a prior
    for the new arm could use. rewards: "linear", the score + N(0, noise^2); "clicks", P(1) = sigmoid(logit(base_rate) +
    score). Optimal: the best arm that can be shown at the visit.
    """
    arms, d = check_count(arms, "arms", 2), check_count(features, "features", 1)
    outcome, shared = check_law(rewards), check_number(alike, "alike", 0.0, 1.0)
    theta = math.sqrt(1.0 - shared) * rng.standard_normal((d, arms)) + math.sqrt(shared) * rng.standard_normal((d, 1))
    theta *= check_number(spread, "spread", 0.0) / math.sqrt(d)
    theta[-1, -1] += check_number(lift, "lift", -1e6, 1e6)
    constants = {
        "theta": theta,
        "joins": check_count(joins, "joins", 0),
        "clicks": outcome == "clicks",
        "offset": log_odds(base_rate, "base_rate") if outcome == "clicks" else 0.0,
    }
    noise = check_number(noise, "noise", 0.0)
    return World("new_arm", arms, d, visit, constants, outcome=outcome, noise=noise, normals=d - 1)


def visit(world: Any, event: Event) -> None:
    last = event.context.size - 1
    event.context[:last] = event.normals
    event.context[last] = 1.0
    event.eligible[event.means.size - 1] = event.step[0] >= world.joins
    event.means[:] = world.offset
    for i in range(event.context.size):
        for k in range(event.means.size):
            event.means[k] += world.theta[i, k] * event.context[i]
    if world.clicks:
        for k in range(event.means.size):
            event.means[k] = 1.0 / (1.0 + math.exp(-event.means[k]))
