"""Rewards that no linear model can represent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore_simulations.worlds._checks import check_choice
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    kind: str = "xor",
    wrong: float = 1.0,
    gap: float = 1.0,
    waves: float = 2.0,
    arms: int = 2,
    features: int = 5,
    noise: float = 0.5,
) -> World:
    """mean_k = wrong h_k(x) + (1 - wrong) x'theta_k, reward = mean_k + N(0, noise^2); x ~ U(-1, 1) in each feature and
    a constant 1 last; theta_k ~ N(0, 3 (gap / 2)^2 / d I), so that both parts are of about one size.

    kind: "xor", h_k = gap / 2 where x_0 and x_1 have one sign, - gap / 2 elsewhere, and the other way round for odd k;
    "periodic", h_k = gap / 2 cos(2 pi (waves x_0 + k / K)).
    For xor with wrong=1 h_k correlates with no feature: the best linear approximation of every arm is 0, which says
    nothing of which is better. Uniform play loses gap / 2 a visit, and of two arms no policy that divides contexts by a
    straight line loses less than gap / 3. What linear approximations lose elsewhere, `linear_loss` of
    `banditcore_simulations.play` measures. Optimal: the largest mean, which takes a product of features, or a wave.
    """
    arms, d = check_count(arms, "arms", 2), check_count(features, "features", 3 if kind == "xor" else 2)
    half, share = 0.5 * check_number(gap, "gap", 0.0), check_number(wrong, "wrong", 0.0, 1.0)
    constants = {
        "theta": (1.0 - share) * half * math.sqrt(3.0 / d) * rng.standard_normal((d, arms)),
        "size": share * half,
        "periodic": check_choice(kind, "kind", ("xor", "periodic")),
        "waves": check_number(waves, "waves", 0.0),
    }
    noise = check_number(noise, "noise", 0.0)
    return World("misspecified", arms, d, visit, constants, noise=noise, uniforms=d - 1)


def visit(world: Any, event: Event) -> None:
    last, arms = event.context.size - 1, event.means.size
    event.context[:last] = 2.0 * event.uniforms - 1.0
    event.context[last] = 1.0
    for k in range(arms):
        if world.periodic:
            event.means[k] = world.size * math.cos(2.0 * math.pi * (world.waves * event.context[0] + k / arms))
        else:
            alike = (event.context[0] > 0.0) == (event.context[1] > 0.0)
            event.means[k] = world.size if alike == (k % 2 == 0) else -world.size
    for i in range(event.context.size):
        for k in range(arms):
            event.means[k] += world.theta[i, k] * event.context[i]
