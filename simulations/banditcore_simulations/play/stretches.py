"""Visits between two lessons, decided with one call and rewarded with one: the model stays as it is between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from banditcore.engine import MAX_PROBABILITIES
from banditcore.kernels.outside import PlayOutside, Preview
from banditcore.types import Floats
from banditcore_simulations.play.chance import Chance, Chances
from banditcore_simulations.play.happened import Happened
from banditcore_simulations.play.holdout import held_out
from banditcore_simulations.play.kernel import BLOCK, Visiting
from banditcore_simulations.worlds.base import Event, World

TRIAL = 100
"""First visits, played one by one, which show whether a world remembers."""


class Serving(Protocol):
    """What decides for many at once."""

    def decide_all(self, ahead: Preview, chances: Chances, first: int) -> Any:
        """Arms, who is held out, and vectors, of visits from `first` on."""

    def reward_all(self, outcomes: Floats) -> None:
        """Sends what the visits that were decided last earned, (n, goals)."""


class Stretches:
    """A run in stretches of up to `learn_every` visits, none of which learns but before its first.

    Who comes is found by a second world of the same seed, in which nothing is played. That is who comes to the first
    world too, unless it remembers what was played: then the two part, mostly within the first visits, and the run goes
    on one by one. A world that begins later is not played to the end.
    """

    def __init__(self, world: World, event: Event, play: PlayOutside, serving: Serving, events: int) -> None:
        self._world, self._play, self._serving = world, play, serving
        self._visiting = Visiting(world, event)
        elsewhere = world.event()
        self._elsewhere = Visiting(world, elsewhere)
        self._ahead = Preview(elsewhere, held_out(world, events, 0.0), unit_interval=world.unit_interval)
        self._remembers = False

    def blocks(self, events: int, seed: int, learn_every: int) -> Iterator[Happened]:
        """Raises InvalidInput where the world begins to remember after its trial."""
        chance = Chance(self._world, seed)
        for first in range(0, events, BLOCK):
            chances = chance.next(min(BLOCK, events - first))
            happened = Happened.empty(len(chances.draws), len(self._world.goals))
            self._play.begin(happened)
            for start, end in self._spans(first, first + len(chances.draws), learn_every):
                rows = slice(start - first, end - first)
                self._stretch(chances.rows(rows), start, happened.outcomes[rows])
            yield happened

    def _spans(self, first: int, last: int, learn_every: int) -> Iterator[tuple[int, int]]:
        """First visit, and the one after the last, of each stretch of a block."""
        longest = MAX_PROBABILITIES // self._world.n_arms
        while first < last:
            lesson = first - first % learn_every + learn_every
            end = min(lesson, first + longest, last, TRIAL if first < TRIAL else last)
            yield first, end
            first = end

    def _stretch(self, chances: Chances, first: int, outcomes: Floats) -> None:
        together = not self._remembers and first >= TRIAL
        if not self._remembers:
            self._ahead.start(len(chances.draws))
            self._elsewhere.look(self._ahead, chances, first)
            answers = self._serving.decide_all(self._ahead, chances, first) if together else None
            self._play.expect(self._ahead, answers)
        self._visiting.run(self._play, chances, first)
        if together:
            self._serving.reward_all(outcomes)
        elif not self._remembers and (self._play.strayed or not self._same()):
            self._remembers = True
            self._play.expect(None)

    def _same(self) -> bool:
        """Whether what was played left the world as it is where nothing was."""
        pairs = zip(self._visiting.state, self._elsewhere.state, strict=True)
        return all(np.asarray(one).tobytes() == np.asarray(other).tobytes() for one, other in pairs)
