"""Kernel mode: visits, vectors, draws, rewards and lessons in one compiled loop."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from banditcore.kernels import codes, playing
from banditcore.policies import Policy
from banditcore_simulations.play.chance import Chance, Chances
from banditcore_simulations.play.happened import Happened
from banditcore_simulations.play.holdout import held_out
from banditcore_simulations.play.problems import faults, problem
from banditcore_simulations.worlds.base import Event, World

BLOCK = 4_096
"""Visits between two returns to Python."""


@lru_cache(maxsize=1)
def _loop() -> Any:
    from numba import njit

    decide = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_double, ctypes.c_uint64)(playing.DECIDE)
    learn = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p)(playing.LEARN)
    looked = codes.LOOKED

    @njit(nogil=True)
    def loop(visit, outcome, world, event, play, chances, first, seconds):  # type: ignore[no-untyped-def]
        """How many visits went well, and what `decide` or `learn` said to the next."""
        for i in range(len(chances.draws)):
            event.step[0] = first + i
            event.time[0] = (first + i) * seconds
            event.unit[0] = first + i
            event.normals[:] = chances.normals[i]
            event.uniforms[:] = chances.uniforms[i]
            event.luck[:] = chances.luck[i]
            event.delay[0] = 0.0
            visit(world, event)
            arm = decide(play, chances.draws[i], chances.seeds[i])
            if arm < 0:
                if arm == looked:
                    continue
                return i, arm
            outcome(world, event, arm)
            said = learn(play)
            if said < 0:
                return i, said
        return len(chances.draws), 0

    return loop


def visits(
    world: World, policy: Policy, events: int, seed: int, *, learn_every: int, holdout: float
) -> Iterator[Happened]:
    """Plays block by block. Raises what the policy raises, and InvalidInput where the world is at fault."""
    event = world.event()
    play = playing.Play(
        policy.stepper(per_arm=world.per_arm),
        event,
        held_out(world, events, holdout),
        control=world.control,
        learn_every=learn_every,
        window=world.window,
        seconds=world.seconds,
        unit_interval=world.unit_interval,
    )
    yield from blocks(world, event, play, events, seed)
    if play.finish(events) < 0 and play.raised:
        raise play.raised


def blocks(world: World, event: Event, play: playing.Play, events: int, seed: int) -> Iterator[Happened]:
    """Visits that `play`, which reads the event, decides and learns from."""
    chance, visiting = Chance(world, seed), Visiting(world, event)
    for first in range(0, events, BLOCK):
        chances = chance.next(min(BLOCK, events - first))
        happened = Happened.empty(len(chances.draws), len(world.goals))
        play.begin(happened)
        visiting.run(play, chances, first)
        yield happened


class Visiting:
    """A world that is visited, in machine code, with memories of its own."""

    def __init__(self, world: World, event: Event) -> None:
        self._world, self._event = world, event
        self.state, self._functions = world.state(), world.functions()

    def look(self, play: playing.Play, chances: Chances, first: int) -> tuple[int, int]:
        """How many visits from `first` on went well, and what `play` said to the next; 0: there is none."""
        visit, outcome = self._functions
        with faults(self._world):
            went, said = _loop()(visit, outcome, self.state, self._event, id(play), chances, first, self._world.seconds)
        return went, said

    def run(self, play: playing.Play, chances: Chances, first: int) -> None:
        """Raises what `play` was told, and InvalidInput where the world is at fault."""
        went, said = self.look(play, chances, first)
        if said < 0:
            raise play.raised or problem(self._world, said, first + went, self._event)
