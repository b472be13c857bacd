"""Weights that move: all at once now and then, slowly and for good, or round and round with the seasons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore_simulations.worlds._checks import check_choice, check_law, log_odds
from banditcore_simulations.worlds.base import Event, World

KINDS = ("abrupt", "gradual", "seasonal")


def make(
    rng: np.random.Generator,
    *,
    kind: str = "abrupt",
    rewards: str = "linear",
    period: int = 5_000,
    moving: float = 1.0,
    arms: int = 5,
    features: int = 10,
    noise: float = 1.0,
    spread: float = 1.0,
    base_rate: float = 0.05,
    events: int = 100_000,
) -> World:
    """Scores x'theta_k(t), x ~ N(0, I) and a constant 1 last; a weight is N(0, spread^2 / d) at every visit t.

    theta(t) = sqrt(1 - moving) S + sqrt(moving) M(t), S fixed, and with independent draws M_0, M_1, ..
    abrupt: M(t) = M_j in the j-th `period` visits;
    gradual: cos(a) M_j + sin(a) M_j+1 while a goes from 0 to pi/2 in the j-th `period`, so nothing ever jumps;
    seasonal: cos(a) M_0 + sin(a) M_1 with a = 2 pi t / period: what was true is true again a period later.
    rewards: "linear", the score + N(0, noise^2); "clicks", P(1) = sigmoid(logit(base_rate) + score).
    `events`: visits for which draws are made; later ones start over with M_0. moving: share of the variance of a weight
    that moves. Optimal: the best arm of the visit, as things stand then.
    """
    law, outcome = check_choice(kind, "kind", KINDS), check_law(rewards)
    clicks = outcome == "clicks"
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    period, events = check_count(period, "period", 1), check_count(events, "events", 1)
    moves = check_number(moving, "moving", 0.0, 1.0)
    draws = 2 if kind == "seasonal" else -(-events // period)
    size = check_number(spread, "spread", 0.0) / math.sqrt(d)
    constants = {
        "law": law,
        "clicks": clicks,
        "period": period,
        "fixed": math.sqrt(1.0 - moves) * size * rng.standard_normal((d, arms)),
        "moved": math.sqrt(moves) * size * rng.standard_normal((draws, d, arms)),
        "offset": log_odds(base_rate, "base_rate") if clicks else 0.0,
    }
    noise = check_number(noise, "noise", 0.0)
    return World("drift", arms, d, visit, constants, outcome=outcome, noise=noise, normals=d - 1)


def visit(world: Any, event: Event) -> None:
    last = event.context.size - 1
    event.context[:last] = event.normals
    event.context[last] = 1.0
    draws = world.moved.shape[0]
    part = event.step[0] / world.period
    j = event.step[0] // world.period % draws
    angle = 0.0
    if world.law == 1:
        angle = 0.5 * math.pi * (part - event.step[0] // world.period)
    elif world.law == 2:
        j = 0
        angle = 2.0 * math.pi * part
    now, then = world.moved[j], world.moved[(j + 1) % draws]
    here, there = math.cos(angle), math.sin(angle)
    event.means[:] = world.offset
    for i in range(event.context.size):
        for k in range(event.means.size):
            event.means[k] += event.context[i] * (world.fixed[i, k] + here * now[i, k] + there * then[i, k])
    if world.clicks:
        for k in range(event.means.size):
            event.means[k] = 1.0 / (1.0 + math.exp(-event.means[k]))
