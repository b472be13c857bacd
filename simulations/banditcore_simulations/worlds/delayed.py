"""Conversions that come late or, for who looks too early, not at all; that there is none is never reported."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr

from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore.types import Floats
from banditcore_simulations.worlds._checks import check_choice, log_odds
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    law: str = "lognormal",
    delay: Any = 3_600.0,
    sigma: float = 1.0,
    window: float = 86_400.0,
    seconds: float = 60.0,
    counted: str = "window",
    arms: int = 5,
    features: int = 5,
    base_rate: float = 0.1,
    spread: float = 0.5,
) -> World:
    """P(converts) = sigmoid(logit(base_rate) + x'theta_k), x ~ N(0, I) and a constant 1 last.

    theta_k ~ N(0, spread^2 I). A conversion is known after a delay: law "lognormal", delay exp(sigma N(0, 1)), so
    `delay` is the median; or "exponential" of mean `delay`. delay: seconds, one number or one for each arm. What is not
    known `window` seconds after the decision counts as 0 for who learns, and so does who never converts. A visit comes
    every `seconds`.
    counted: what a reward is. "window": conversions within the window, which all can be learned; "ever": late ones
    too, although no one who learns ever sees them, so that slow arms look worse than they are.
    Optimal: the largest probability of a conversion that counts; mean = P(converts) P(delay <= window) or P(converts).
    """
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    exponential, ever = (
        check_choice(law, "law", ("lognormal", "exponential")),
        check_choice(counted, "counted", COUNTED),
    )
    within = check_number(window, "window", 0.0, above=True)
    scale, sigma = _delays(delay, arms), check_number(sigma, "sigma", 0.0, 100.0, above=True)
    seen = -np.expm1(-within / scale) if exponential else ndtr(np.log(within / scale) / sigma)
    constants = {
        "theta": check_number(spread, "spread", 0.0) * rng.standard_normal((d, arms)),
        "offset": log_odds(base_rate, "base_rate"),
        "scale": scale,
        "sigma": sigma,
        "exponential": exponential,
        "counted": np.ones(arms) if ever else seen,
        "window": within,
        "ever": ever,
    }
    return World(
        "delayed",
        arms,
        d,
        visit,
        constants,
        outcome=outcome,
        normals=d - 1,
        uniforms=1,
        seconds=check_number(seconds, "seconds", 0.0, above=True),
        window=within,
        unit_interval=True,
    )


COUNTED = ("window", "ever")


def _delays(value: Any, arms: int) -> Floats:
    """(K,) seconds."""
    several = value if isinstance(value, list | tuple | np.ndarray) else [value] * arms
    if len(several) != arms:
        raise InvalidInput(f"delay must be one number or one for each of the {arms} arms, found {value}", field="delay")
    return np.array([check_number(one, "delay", 0.0, above=True) for one in several])


def visit(world: Any, event: Event) -> None:
    last = event.context.size - 1
    event.context[:last] = event.normals
    event.context[last] = 1.0
    for k in range(event.means.size):
        z = world.offset
        for i in range(event.context.size):
            z += world.theta[i, k] * event.context[i]
        event.means[k] = world.counted[k] / (1.0 + math.exp(-z))


def outcome(world: Any, event: Event, arm: int) -> None:
    event.outcomes[0] = 0.0
    event.delay[0] = math.inf
    if event.luck[1] * world.counted[arm] < event.means[arm]:
        if world.exponential:
            delay = -world.scale[arm] * math.log1p(-event.uniforms[0])
        else:
            delay = world.scale[arm] * math.exp(world.sigma * event.luck[0])
        event.delay[0] = delay
        event.outcomes[0] = 1.0 if world.ever or delay <= world.window else 0.0
