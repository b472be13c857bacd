"""The gate's worlds: small, and kept here, so that they stay as they are while the catalogue grows."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from banditcore_simulations.worlds.base import Event, World

ARMS, FEATURES = 4, 4
WORLDS = MappingProxyType(
    {
        "numbers": "normal rewards, linear in the context",
        "offers": "eight arms that all earn something, and no context that tells which: who does not explore is stuck",
        "clicks": "log-odds linear in the context",
        "masked": "clicks, and each arm is away in 3 visits of 10",
        "late": "clicks that are known after 50 visits on average, or never after 100",
    }
)


def make(name: str, seed: int) -> World:
    """The world of that name and seed: weights follow from what tells arms apart, but for a part of their own."""
    g, size = np.random.default_rng([seed, 0]), 8 if name == "offers" else ARMS
    arms = g.standard_normal((size, 3)) / math.sqrt(3.0)
    theta = g.standard_normal((FEATURES, 3)) @ arms.T + 0.3 * g.standard_normal((FEATURES, size))
    if name == "offers":
        theta = np.vstack([np.zeros((FEATURES - 1, size)), g.uniform(0.5, 1.5, size)])
    made = World(
        name, size, FEATURES, clicks, arm_features=arms, normals=FEATURES, uniforms=size + 1, unit_interval=True
    )
    if name in ("numbers", "offers"):
        constants = {"theta": theta, "wide": 0.0 if name == "offers" else 1.0}
        noise = 0.3 if name == "offers" else 1.0
        return replace(made, visit=numbers, constants=constants, noise=noise, unit_interval=False)
    away, late = 0.3 if name == "masked" else 0.0, 50.0 if name == "late" else 0.0
    constants = {"theta": theta, "away": away, "late": late}
    return replace(made, outcome=late_click, constants=constants, window=2.0 * late)


def numbers(world: Any, event: Event) -> None:
    event.context[:] = world.wide * event.normals
    event.context[-1] = 1.0
    for k in range(event.means.size):
        event.means[k] = 0.0
        for i in range(event.context.size):
            event.means[k] += world.theta[i, k] * event.context[i]


def clicks(world: Any, event: Event) -> None:
    event.context[:] = event.normals
    event.context[-1] = 1.0
    for k in range(event.means.size):
        z = -1.0
        for i in range(event.context.size):
            z += world.theta[i, k] * event.context[i]
        event.means[k] = 1.0 / (1.0 + math.exp(-z))
        event.eligible[k] = event.uniforms[k] >= world.away
    event.eligible[event.step[0] % event.means.size] = True  # one is always there


def late_click(world: Any, event: Event, arm: int) -> None:
    event.outcomes[0] = 1.0 if event.luck[1] < event.means[arm] else 0.0
    if world.late > 0.0:
        event.delay[0] = -world.late * math.log(1.0 - event.uniforms[-1])
