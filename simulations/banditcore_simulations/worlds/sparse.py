"""Many features of which few matter, and contexts that are mostly zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore_simulations.worlds._checks import check_choice, check_law, log_odds
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    contexts: str = "binary",
    density: float = 0.1,
    active: int = 5,
    rewards: str = "linear",
    arms: int = 5,
    features: int = 100,
    noise: float = 1.0,
    spread: float = 1.0,
    base_rate: float = 0.05,
) -> World:
    """Scores x'theta_k where `active` of the d weights of each arm, drawn for it, are not zero.

    contexts: "binary", each 1 with probability `density` and else 0; "normal", x ~ N(0, I). What matters is
    N(0, spread^2 / (active E x^2)), so that scores have about the variance spread^2 whatever the sizes.
    rewards: "linear", the score + N(0, noise^2); "clicks", P(1) = sigmoid(logit(base_rate) + score).
    Optimal: the best arm of the visit.
    """
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    if check_count(active, "active", 1) > d:
        raise InvalidInput(f"active must be at most the number of features, {d}, found {active}.", field="active")
    binary, outcome = check_choice(contexts, "contexts", ("normal", "binary")), check_law(rewards)
    share = check_number(density, "density", 0.0, 1.0, above=True)
    size = check_number(spread, "spread", 0.0) / math.sqrt(active * (share if binary else 1.0))
    theta = np.zeros((d, arms))
    for k in range(arms):
        theta[rng.choice(d, active, replace=False), k] = size * rng.standard_normal(active)
    constants = {
        "theta": theta,
        "density": share,
        "binary": binary,
        "clicks": outcome == "clicks",
        "offset": log_odds(base_rate, "base_rate") if outcome == "clicks" else 0.0,
    }
    return World(
        "sparse",
        arms,
        d,
        visit,
        constants,
        outcome=outcome,
        noise=check_number(noise, "noise", 0.0),
        normals=0 if binary else d,
        uniforms=d if binary else 0,
    )


def visit(world: Any, event: Event) -> None:
    event.means[:] = world.offset
    for i in range(event.context.size):
        if world.binary:
            event.context[i] = 1.0 if event.uniforms[i] < world.density else 0.0
        else:
            event.context[i] = event.normals[i]
        if event.context[i] != 0.0:
            for k in range(event.means.size):
                event.means[k] += world.theta[i, k] * event.context[i]
    if world.clicks:
        for k in range(event.means.size):
            event.means[k] = 1.0 / (1.0 + math.exp(-event.means[k]))
