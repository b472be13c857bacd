"""Many arms that features tell apart, so that what one of them earns says something about the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    per_arm: bool = False,
    arms: int = 100,
    features: int = 5,
    arm_features: int = 4,
    noise: float = 0.5,
    spread: float = 1.0,
    common: float = 0.0,
) -> World:
    """reward = mean + N(0, noise^2); the means of an arm have variance spread^2.

    By default each arm keeps its features f_k ~ N(0, I_m), m = `arm_features`, which `make_policy` hands to policies
    that take them: mean = x'M f_k, x ~ N(0, I_d), M ~ N(0, spread^2 / (d m)).
    per_arm=true: every visit brings fresh features of each arm, contexts (K, d): mean = f_k'theta, f_k ~ N(0, I_d),
    theta uniform on the sphere of radius `spread`; `common` is the correlation of a feature between arms.
    Optimal: the largest mean.
    """
    if not isinstance(per_arm, bool):
        raise InvalidInput(f"per_arm must be true or false, found {per_arm!r}.", field="per_arm")
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    noise, size = check_number(noise, "noise", 0.0), check_number(spread, "spread", 0.0)
    shared = check_number(common, "common", 0.0, 1.0)
    if per_arm:
        theta = rng.standard_normal(d)
        constants = {
            "theta": size * theta / np.linalg.norm(theta),
            "own": math.sqrt(1.0 - shared),
            "common": math.sqrt(shared),
        }
        return World("many_arms", arms, d, fresh, constants, noise=noise, normals=(arms + 1) * d, per_arm=True)
    m = check_count(arm_features, "arm_features", 1)
    told = rng.standard_normal((arms, m))
    bilinear = rng.standard_normal((d, m)) * (size / math.sqrt(d * m))
    constants = {"theta": np.ascontiguousarray(bilinear @ told.T)}
    return World("many_arms", arms, d, visit, constants, noise=noise, normals=d, arm_features=told)


def visit(world: Any, event: Event) -> None:
    event.context[:] = event.normals
    event.means[:] = 0.0
    for i in range(event.context.size):
        for k in range(event.means.size):
            event.means[k] += world.theta[i, k] * event.context[i]


def fresh(world: Any, event: Event) -> None:
    arms, d = event.context.shape
    for k in range(arms):
        event.means[k] = 0.0
        for i in range(d):
            event.context[k, i] = world.own * event.normals[k * d + i] + world.common * event.normals[arms * d + i]
            event.means[k] += event.context[k, i] * world.theta[i]
