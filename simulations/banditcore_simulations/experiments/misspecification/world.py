"""Worlds that a linear model is wrong about, and the same worlds put right: told or paid what a linear model needs."""

from __future__ import annotations

import math
from typing import Any

from banditcore_simulations.worlds.base import Event, World

KINDS = ("product", "wave", "threshold", "heavy tails", "missing")
FORMS = ("nothing", "given", "right")
"""What policies are told: a constant alone; the plain features; what the world takes."""
ARMS, SAFE, NOISE, STEEP, TAIL, CUT = 3, 0.1, 0.3, 12.0, 1.2, 3.0


def make(kind: str, form: str) -> World:
    """Three arms: h, its opposite, and a safe one of mean .1. x_0, x_1 ~ U(-1, 1), a constant 1 last; noise N(0, .3^2).

    "product": h = x_0 x_1; right: told x_0 x_1.
    "wave": h = sin(3 pi x_0); right: told sin(3 pi x_0).
    "threshold": clicks, P(1) = sigmoid(12 x_0 - 6), sigmoid(-12 x_0 - 6), and .4 of the safe arm: as linear in the
    log-odds as a click model wants it; right: the same features, for a policy that models clicks.
    "heavy tails": h = x_0, and noise with P(|e| > t) = (1 + t)^-1.2, which has a mean and no variance; right: rewards
    are cut at +-3. Regret is of the means before the cut.
    "missing": h = z ~ U(-1, 1), of which x_0 = (z + stranger) / 2 tells a part; right: told z.
    Optimal: the largest mean.
    """
    extra = form == "right" and kind in ("product", "wave", "missing")
    constants = {
        "kind": KINDS.index(kind),
        "plain": form != "nothing",
        "extra": extra,
        "cut": CUT if form == "right" else math.inf,
    }
    features = 1 if form == "nothing" else 4 if extra else 3
    outcome: Any = {"threshold": "clicks", "heavy tails": heavy}.get(kind, "normal")
    return World(f"misspecified, {kind}", ARMS, features, visit, constants, outcome=outcome, noise=NOISE, uniforms=3)


def visit(world: Any, event: Event) -> None:
    x, y, z = 2.0 * event.uniforms[0] - 1.0, 2.0 * event.uniforms[1] - 1.0, 2.0 * event.uniforms[2] - 1.0
    h, safe, told = x, SAFE, x
    if world.kind == 0:
        h = x * y
    elif world.kind == 1:
        h = math.sin(3.0 * math.pi * x)
    elif world.kind == 4:
        h, told = z, 0.5 * (x + z)
    event.means[0], event.means[1], event.means[2] = h, -h, safe
    if world.kind == 2:
        event.means[0] = 1.0 / (1.0 + math.exp(STEEP * (0.5 - x)))
        event.means[1] = 1.0 / (1.0 + math.exp(STEEP * (0.5 + x)))
        event.means[2] = 0.4
    if world.kind == 3:
        event.values[:] = event.means
        for k in range(3):
            # What a cut takes from the mean m: the integrals of the upper tail from 0 to cut - m and to cut + m.
            above, below = (
                (1.0 + world.cut - event.means[k]) ** (1.0 - TAIL),
                (1.0 + world.cut + event.means[k]) ** (1.0 - TAIL),
            )
            event.means[k] += 0.5 * (below - above) / (TAIL - 1.0)
    if world.plain:
        event.context[0], event.context[1] = told, y
    if world.extra:
        event.context[2] = h
    event.context[event.context.size - 1] = 1.0


def heavy(world: Any, event: Event, arm: int) -> None:
    """Lomax noise on both sides, cut."""
    rare = 2.0 * min(event.luck[1], 1.0 - event.luck[1])
    size = max(rare, 1e-12) ** (-1.0 / TAIL) - 1.0
    earned = event.values[arm] + (size if event.luck[1] < 0.5 else -size)
    event.outcomes[0] = min(max(earned, -world.cut), world.cut)
