"""Audiences of unequal size, each with a best arm of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    audiences: int = 6,
    arms: int = 6,
    ratio: float = 0.5,
    base_rate: float = 0.05,
    lift: float = 0.5,
    constant: bool = False,
) -> World:
    """Clicks of visitors who belong to one of S audiences; the i-th is `ratio` times as large as the one before.

    P(1) = base_rate U for U ~ U(0.5, 1) of its own in each pair of audience and arm, but for the audience's best arm,
    whose P(1) is (1 + lift) base_rate: each of the arms in turn is the best of an audience, in random order.
    Context: one number an audience, 1 for the visitor's and else 0, named audience=0, audience=1, .. (and with
    constant=true a 1 last). Optimal: the best arm of the visitor's audience.
    """
    groups, arms = check_count(audiences, "audiences", 1), check_count(arms, "arms", 1)
    top = check_number(base_rate, "base_rate", 0.0, 1.0) * (1.0 + check_number(lift, "lift", 0.0))
    if top > 1.0:
        raise InvalidInput(f"(1 + lift) base_rate must be at most 1, found {top:g}: lower one of them", field="lift")
    sizes = check_number(ratio, "ratio", 0.0, above=True) ** np.arange(groups)
    rates = base_rate * rng.uniform(0.5, 1.0, (groups, arms))
    rates[np.arange(groups), np.resize(rng.permutation(arms), groups)] = top
    constants = {"rates": rates, "until": np.cumsum(sizes / sizes.sum())}
    names = tuple(f"audience={group}" for group in range(groups)) + ("constant",) * bool(constant)
    return World("audiences", arms, len(names), visit, constants, outcome="clicks", uniforms=1, features=names)


def visit(world: Any, event: Event) -> None:
    groups = world.until.size
    group = 0
    while group < groups - 1 and event.uniforms[0] >= world.until[group]:
        group += 1
    event.context[:] = 0.0
    event.context[group] = 1.0
    if event.context.size > groups:
        event.context[groups] = 1.0
    event.means[:] = world.rates[group]
