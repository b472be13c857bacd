"""A world as it is when no one plays: who comes, and what each arm would earn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from banditcore.types import Floats
from banditcore_simulations.play.chance import Chance, give
from banditcore_simulations.play.problems import faults
from banditcore_simulations.worlds.base import World


class Looked(NamedTuple):
    """The first n visits of a seed."""

    contexts: Floats
    """(n, d) or (n, K, d)"""
    eligible: npt.NDArray[np.bool_]
    """(n, K)"""
    means: Floats
    """(n, K)"""
    rewards: Floats
    """(n, K) what each arm would have earned; NaN where an outcome is the world's own function."""


def look(world: World, events: int, seed: int = 0) -> Looked:
    """Visits as policies meet them, of a world that what they do does not change."""
    chances, event, state = Chance(world, seed).next(events), world.event(), world.state()
    visit, _ = world.functions()
    contexts = np.empty((events, *event.context.shape))
    eligible, means = np.empty((events, world.n_arms), np.bool_), np.empty((events, world.n_arms))
    with faults(world):
        for i in range(events):
            give(world, event, i, chances, i)
            visit(state, event)
            contexts[i], eligible[i], means[i] = event.context, event.eligible, event.means
    return Looked(contexts, eligible, means, _rewards(world, means, chances.luck))


def _rewards(world: World, means: Floats, luck: Floats) -> Floats:
    """The laws of `worlds.base.LAWS`, for all arms at once: they share the luck of their visit."""
    if world.outcome == "clicks":
        return (luck[:, 1:] < means).astype(np.float64)
    if world.outcome == "normal":
        return np.asarray(means + world.noise * luck[:, :1])
    return np.full_like(means, np.nan)


class LinearLoss(NamedTuple):
    """Expected loss a visit against the best arm."""

    linear: float
    """Of who knows the best linear approximation of every arm and plays by it."""
    uniform: float
    """Of uniform play."""


def linear_loss(world: World, events: int = 10_000, seed: int = 0) -> LinearLoss:
    """How far linear models can come in a world of (d,) contexts: what no amount of data takes away.

    The best linear approximation is least squares of an arm's means on contexts, over as many visits: what a linear
    model of each arm tends to where every arm is tried on everyone.
    """
    contexts, eligible, means, _ = look(world, events, seed)
    fitted = contexts @ np.linalg.lstsq(contexts, means, rcond=None)[0]
    chosen = np.where(eligible, fitted, -np.inf).argmax(axis=1)
    best = np.where(eligible, means, -np.inf).max(axis=1)
    everyone = (means * eligible).sum(axis=1) / eligible.sum(axis=1)
    return LinearLoss(float((best - means[np.arange(events), chosen]).mean()), float((best - everyone).mean()))
