"""Two groups of customers who convert, looked at again and again."""

from __future__ import annotations

import numpy as np

from banditcore.estimators.lift.confidence_sequence import design_information
from banditcore_simulations.worlds.base import Ints

Group = tuple[Ints, Ints]
"""Customers (looks,) and conversions (runs, looks) so far."""


def planned_units(rate: float, held_out: float, lift: float) -> float:
    """Units at which a fixed-size test (.05, power .8) finds the lift: where the clock shows 1."""
    better = rate * (1 + lift)
    return design_information(lift) * ((1 - rate) / rate / held_out + (1 - better) / better / (1 - held_out))


def conversions(rng: np.random.Generator, runs: int, looks: int, units: float, rate: float) -> Group:
    """Of one group."""
    n = np.round(np.arange(1, looks + 1) * units / looks).astype(np.int64)
    return n, rng.binomial(np.diff(n, prepend=0), rate, (runs, looks)).cumsum(axis=1)


def groups(
    rng: np.random.Generator,
    runs: int,
    looks: int,
    rate: float,
    held_out: float,
    target: float,
    lift: float,
    beyond: float,
) -> tuple[Group, Group]:
    """POLICY, better by `lift`, and HOLDOUT, up to `beyond` the horizon planned for the lift `target`."""
    units = beyond * planned_units(rate, held_out, target)
    policy = conversions(rng, runs, looks, units * (1 - held_out), rate * (1 + lift))
    return policy, conversions(rng, runs, looks, units * held_out, rate)


def log_lift(lift: float) -> float:
    """The truth on the scale of estimates."""
    return float(np.log1p(lift))
