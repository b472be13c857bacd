"""Customers who come again, whose tastes stay, and who tire of what they were shown the last time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore.types import Floats
from banditcore_simulations.worlds._checks import log_odds
from banditcore_simulations.worlds.base import Event, World

MOST = 50_000_000
"""Numbers that the table of what is worth what may have."""


def make(
    rng: np.random.Generator,
    *,
    units: int = 500,
    visits: int = 20,
    arms: int = 5,
    traits: int = 4,
    fatigue: float = 0.3,
    longest: int = 4,
    base_rate: float = 0.2,
    spread: float = 1.0,
    told: bool = True,
) -> World:
    """Clicks. Customer u has rates r_uk = sigmoid(logit(base_rate) + x_u'theta_k), x_u ~ N(0, I) for good and a
    constant 1 last, theta_k ~ N(0, spread^2 / d I). An arm that was shown to u at her last s visits in a row has
    P(1) = r_uk (1 - fatigue)^min(s, longest); one that was not shown at the last has r_uk, however tired she was of it.

    Each of the customers comes `visits` times, in an order that `make` draws whatever is shown, and everything starts
    over with rested customers after units * visits visits. Context: her traits and the 1 and, with told=true, for each
    arm s / longest where it was the last shown and else 0.
    Optimal: exact. `values` of an arm are its P(1) and what her visits yet to come earn from then on under the optimal
    policy, by backward induction over (last arm, s, visits left); regret, summed, is what is lost against that policy.
    """
    units, per_unit = check_count(units, "units", 1), check_count(visits, "visits", 1)
    arms, d, cap = (
        check_count(arms, "arms", 1),
        check_count(traits, "traits", 0) + 1,
        check_count(longest, "longest", 1),
    )
    if not isinstance(told, bool):
        raise InvalidInput(f"told must be true or false, found {told!r}.", field="told")
    if units * per_unit * (arms * cap + 1) > MOST:
        raise InvalidInput("units * visits * arms * longest is too large to solve: lower one of them", field="units")
    x = np.ones((units, d))
    x[:, :-1] = rng.standard_normal((units, d - 1))
    scores = x @ (check_number(spread, "spread", 0.0) / math.sqrt(d) * rng.standard_normal((d, arms)))
    rates = 1.0 / (1.0 + np.exp(-log_odds(base_rate, "base_rate") - scores))
    tired: Floats = (1.0 - check_number(fatigue, "fatigue", 0.0, 1.0)) ** np.arange(cap + 1.0)
    constants = {
        "traits": x,
        "rates": rates,
        "tired": tired,
        "ahead": solved(rates, tired, per_unit),
        "order": rng.permutation(np.repeat(np.arange(units), per_unit)),
        "last": np.full(units, -1, np.int64),
        "streak": np.zeros(units, np.int64),
        "left": np.full(units, per_unit, np.int64),
        "visits": per_unit,
        "told": told,
    }
    features = d + arms if told else d
    return World("returning", arms, features, visit, constants, outcome=outcome, units=units, unit_interval=True)


def solved(rates: Floats, tired: Floats, visits: int) -> Floats:
    """(units, visits, K cap + 1) what the optimal policy earns of n more visits in state (last arm) cap + streak - 1,
    or in the last state of one to whom nothing was shown yet.

    rates (units, K); tired (cap + 1,) factor after so many in a row.
    """
    units, arms = rates.shape
    cap = len(tired) - 1
    ahead = np.zeros((units, visits, arms * cap + 1))
    for n in range(1, visits):
        after = ahead[:, n - 1]
        fresh = rates + after[:, np.arange(arms) * cap]
        for state in range(arms * cap + 1):
            worth = fresh.copy()
            if state < arms * cap:
                arm, streak = state // cap, state % cap + 1
                worth[:, arm] = rates[:, arm] * tired[streak] + after[:, arm * cap + min(streak + 1, cap) - 1]
            ahead[:, n, state] = worth.max(axis=1)
    return ahead


def visit(world: Any, event: Event) -> None:
    unit = world.order[event.step[0] % world.order.size]
    event.unit[0] = unit
    if world.left[unit] == 0:
        world.left[unit], world.last[unit], world.streak[unit] = world.visits, -1, 0
    last, streak, cap, d = world.last[unit], world.streak[unit], world.tired.size - 1, world.traits.shape[1]
    event.context[:] = 0.0
    event.context[:d] = world.traits[unit]
    if world.told and last >= 0:
        event.context[d + last] = streak / cap
    for k in range(event.means.size):
        again = streak if k == last else 0
        event.means[k] = world.rates[unit, k] * world.tired[again]
        event.values[k] = event.means[k] + world.ahead[unit, world.left[unit] - 1, k * cap + min(again + 1, cap) - 1]


def outcome(world: Any, event: Event, arm: int) -> None:
    unit = event.unit[0]
    again = world.streak[unit] if world.last[unit] == arm else 0
    world.last[unit] = arm
    world.streak[unit] = min(again + 1, world.tired.size - 1)
    world.left[unit] -= 1
    event.outcomes[0] = 1.0 if event.luck[1] < event.means[arm] else 0.0
