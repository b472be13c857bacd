"""Features that say nearly the same: contexts whose numbers correlate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore.types import Floats
from banditcore_simulations.worlds._checks import check_choice, check_law, log_odds
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    kind: str = "equal",
    correlation: float = 0.8,
    rewards: str = "linear",
    arms: int = 5,
    features: int = 10,
    noise: float = 1.0,
    spread: float = 1.0,
    base_rate: float = 0.05,
) -> World:
    """Scores x'theta_k, x ~ N(0, C), ones on the diagonal of C, and a constant 1 last; weights N(0, spread^2 / d).

    kind: "equal", `correlation` between any two (one thing behind all, as `logistic:correlation=..` has it too);
    "decaying", correlation^|i - j| (neighbours in a row).
    rewards: "linear", the score + N(0, noise^2); "clicks", P(1) = sigmoid(logit(base_rate) + score).
    Optimal: the best arm of the visit.
    """
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    outcome = check_law(rewards)
    size = check_number(spread, "spread", 0.0) / math.sqrt(d)
    constants = {
        "theta": size * rng.standard_normal((d, arms)),
        "root": _root(d - 1, check_choice(kind, "kind", ("equal", "decaying")), correlation),
        "clicks": outcome == "clicks",
        "offset": log_odds(base_rate, "base_rate") if outcome == "clicks" else 0.0,
    }
    noise = check_number(noise, "noise", 0.0)
    return World("correlated", arms, d, visit, constants, outcome=outcome, noise=noise, normals=d - 1)


def _root(n: int, decaying: int, correlation: Any) -> Floats:
    """(n, n) lower triangular, L L' = C."""
    rho = check_number(correlation, "correlation", 0.0, 0.999)
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    covariance = rho**apart if decaying else np.where(apart == 0, 1.0, rho)
    return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def visit(world: Any, event: Event) -> None:
    last = event.context.size - 1
    for i in range(last):
        event.context[i] = 0.0
        for j in range(i + 1):
            event.context[i] += world.root[i, j] * event.normals[j]
    event.context[last] = 1.0
    event.means[:] = world.offset
    for i in range(event.context.size):
        for k in range(event.means.size):
            event.means[k] += world.theta[i, k] * event.context[i]
    if world.clicks:
        for k in range(event.means.size):
            event.means[k] = 1.0 / (1.0 + math.exp(-event.means[k]))
