"""Arms that come and go: a pool of items, each with a click rate of its own, that give way to new ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore.checks import check_count, check_number
from banditcore_simulations.worlds.base import Event, World


def make(
    rng: np.random.Generator,
    *,
    arms: int = 10,
    rate: float = 1e-3,
    a: float = 4.0,
    b: float = 4.0,
    events: int = 1_000_000,
) -> World:
    """Clicks. P(1) of an item ~ Beta(a, b), whoever visits; before each visit but the first, with probability `rate`,
    one of the `arms` in the pool retires and is replaced by a new item.

    The defaults are those of the delay experiment of Chapelle and Li (2011), "An Empirical Evaluation of Thompson
    Sampling", table 1: "a dynamic set of 10 items. At a given time, with probability 10^-3 one of the item retires and
    is replaced by a new one. The true reward probability of a given item is drawn according to a Beta(4,4)
    distribution"; T = 10^6, 100 repetitions, feedback "only every delta time units" (`learn_every`).
    What it leaves open, and is decided here: the item that retires is drawn uniformly from the pool, at most one a
    visit; policies know that the new one is new, as an arm of its own, and that the old one is gone; regret is against
    the best item of the pool at that visit, in expectation.

    An item is a column, eligible while it is in the pool: K is `arms` and the replacements drawn for `events` visits;
    after them none is replaced any more. The context is a constant 1. Optimal: the highest rate in the pool.
    """
    arms, events = check_count(arms, "arms", 1), check_count(events, "events", 1)
    check_number(rate, "rate", 0.0, 1.0)
    when = 1 + np.flatnonzero(rng.random(events - 1) < rate)
    rates = rng.beta(check_number(a, "a", 0.0, above=True), check_number(b, "b", 0.0, above=True), arms + len(when))
    constants = {
        "pool": arms,
        "rates": rates,
        # The visit after the last event never comes to need this one, and keeps the array from being empty.
        "when": np.append(when, np.iinfo(np.int64).max),
        "gone": _retired(rng, arms, len(when)),
        "done": np.zeros(1, np.int64),
    }
    return World("replaced", len(rates), 1, visit, constants, outcome="clicks")


def _retired(rng: np.random.Generator, arms: int, replacements: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(replacements + 1,) the item that makes room for item arms + i."""
    pool, gone = np.arange(arms), np.zeros(replacements + 1, np.int64)
    for i, place in enumerate(rng.integers(arms, size=replacements)):
        gone[i], pool[place] = pool[place], arms + i
    return gone


def visit(world: Any, event: Event) -> None:
    if event.step[0] == 0:
        event.context[0] = 1.0
        event.means[:] = world.rates
        event.eligible[world.pool :] = False
    if event.step[0] == world.when[world.done[0]]:
        i = world.done[0]
        event.eligible[world.gone[i]] = False
        event.eligible[world.pool + i] = True
        world.done[0] += 1
