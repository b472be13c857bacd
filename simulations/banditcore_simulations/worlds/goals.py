"""A click, an order, its revenue: three goals of one visit, which do not agree about the best arm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore_simulations.worlds._checks import check_choice, log_odds
from banditcore_simulations.worlds.base import Event, World

GOALS = ("click", "order", "revenue")


def make(
    rng: np.random.Generator,
    *,
    learn: str = "revenue",
    arms: int = 5,
    features: int = 6,
    click_rate: float = 0.1,
    order_rate: float = 0.3,
    price: float = 20.0,
    spread: float = 0.5,
    basket: float = 0.5,
    conflict: float = 1.0,
) -> World:
    """P(click) = sigmoid(logit(click_rate) + x'theta_k), P(order | click) = sigmoid(logit(order_rate) + spread N_k),
    revenue of an order = price_k exp(basket N(0, 1) - basket^2 / 2), so that price_k is its mean.

    x ~ N(0, I) and a constant 1 last, theta_k ~ N(0, spread^2 I). price_k = price exp(-conflict theta_k0 + spread N_k)
    with theta_k0 the weight of the constant: the more clicks an arm gets of itself, the cheaper it sells, unless
    conflict is 0. learn: the goal that policies learn from and regret is counted in; it comes first in `World.goals`,
    the others follow. Optimal: the arm with the largest mean of that goal at the visit.
    """
    first = check_choice(learn, "learn", GOALS)
    arms, d = check_count(arms, "arms", 1), check_count(features, "features", 1)
    size = check_number(spread, "spread", 0.0)
    theta = size * rng.standard_normal((d, arms))
    ordered = log_odds(order_rate, "order_rate") + size * rng.standard_normal(arms)
    dearer = size * rng.standard_normal(arms) - check_number(conflict, "conflict", -100.0, 100.0) * theta[-1]
    constants = {
        "theta": theta,
        "offset": log_odds(click_rate, "click_rate"),
        "orders": 1.0 / (1.0 + np.exp(-ordered)),
        "prices": check_number(price, "price", 0.0, above=True) * np.exp(dearer),
        "basket": check_number(basket, "basket", 0.0, 10.0),
        "clicked": np.zeros(arms),
        "first": first,
        # Where click, order and revenue are among the outcomes.
        "place": np.array([0 if goal == first else goal + (goal < first) for goal in range(3)]),
    }
    names = (learn, *(goal for goal in GOALS if goal != learn))
    return World(
        "goals",
        arms,
        d,
        visit,
        constants,
        outcome=outcome,
        normals=d - 1,
        uniforms=1,
        goals=names,
        unit_interval=learn != "revenue",
    )


def visit(world: Any, event: Event) -> None:
    last = event.context.size - 1
    event.context[:last] = event.normals
    event.context[last] = 1.0
    for k in range(event.means.size):
        z = world.offset
        for i in range(event.context.size):
            z += world.theta[i, k] * event.context[i]
        world.clicked[k] = 1.0 / (1.0 + math.exp(-z))
        event.means[k] = world.clicked[k]
        if world.first >= 1:
            event.means[k] *= world.orders[k]
        if world.first == 2:
            event.means[k] *= world.prices[k]


def outcome(world: Any, event: Event, arm: int) -> None:
    event.outcomes[:] = 0.0
    if event.luck[1] < world.clicked[arm]:
        event.outcomes[world.place[0]] = 1.0
        if event.uniforms[0] < world.orders[arm]:
            event.outcomes[world.place[1]] = 1.0
            worth = math.exp(world.basket * event.luck[0] - 0.5 * world.basket * world.basket)
            event.outcomes[world.place[2]] = world.prices[arm] * worth
