"""Arms that pay or not, at rates of their own: no context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from banditcore.checks import check_vector
from banditcore_simulations.worlds.base import Event, World


def make(rng: np.random.Generator, *, rates: Sequence[float] = (0.05, 0.05, 0.05, 0.06)) -> World:
    """P(1) of arm k is rates[k], always; the optimal policy plays the largest."""
    given = check_vector(rates, "rates", len(rates), 0.0, 1.0)
    return World("bernoulli", len(given), 0, visit, {"rates": given}, outcome="clicks")


def visit(world: Any, event: Event) -> None:
    event.means[:] = world.rates
