"""Engine mode: a `DecisionEngine` decides and learns, with ledger, holdout and windows, by the time of the world."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from heapq import heappop, heappush
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from banditcore.assignment import split_ids
from banditcore.engine import MAX_BATCH, DecisionEngine
from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.kernels.outside import PlayOutside, Preview
from banditcore.ledger import WINDOW_CLOSED
from banditcore.policies import Policy
from banditcore.storage.memory import MemoryStore
from banditcore.types import DecisionBatch, Floats, Group, Reward
from banditcore_simulations.play.chance import Chances
from banditcore_simulations.play.definition import NAME, definition, earned, eligible
from banditcore_simulations.play.happened import Happened
from banditcore_simulations.play.holdout import held_out, unit_name
from banditcore_simulations.play.kernel import blocks
from banditcore_simulations.play.stretches import Stretches
from banditcore_simulations.worlds.base import Event, World


def visits(
    world: World,
    policy: Policy,
    events: int,
    seed: int,
    *,
    learn_every: int,
    holdout: float,
    hashed: bool = False,
) -> Iterator[Happened]:
    """Plays block by block; the arms are those of kernel mode unless `hashed` says that they are the engine's own.

    Raises InvalidInput where the world is at fault, or where an engine cannot serve it with this policy.
    """
    with InEngine(world, policy, seed, learn_every=learn_every, holdout=holdout, hashed=hashed) as playing:
        yield from playing.visits(events)


class Given:
    """Draws and seeds of the visits at hand, in order, in place of hashes; see `banditcore.experiments.Chance`."""

    def __init__(self) -> None:
        self.give((), ())

    def give(self, draws: Iterable[float], seeds: Iterable[int]) -> None:
        """For the decisions of the next call."""
        self._draws, self._seeds = iter(draws), iter(seeds)

    def draw(self, decision: bytes) -> float:
        return next(self._draws)

    def seed(self, decision: bytes) -> int:
        return next(self._seeds)


class InEngine:
    """A world and the engine that serves it; `engine` may be asked for a report, also while it plays.

    The virtual clock starts at 0. Before a visit, rewards that are due arrive, in order and each at its own time; then,
    every `learn_every` visits, the engine catches up. A reward that is late is sent all the same, and refused; one that
    never comes is learned as 0 when the engine closes the window.

    Where no reward is late and nothing fades, no decision between two lessons hangs on another: they are made with one
    call, at the time of the first, and rewarded with one, as long as the world does not remember; see `Stretches`.

    An engine draws variants by a keyed hash of the decision's id. For the arms of kernel mode it is given the run's
    own draws and seeds instead, which an audit cannot make again: it recomputes the vectors of such a log, and then
    finds that hashes would have drawn other variants. With `hashed` the draws are the engine's own, and an audit
    passes from end to end.
    """

    def __init__(
        self, world: World, policy: Policy, seed: int, *, learn_every: int, holdout: float, hashed: bool = False
    ) -> None:
        spec = definition(world, policy, holdout)
        self._world, self._policy, self._seed, self._learn_every = world, policy, seed, learn_every
        self._event: Event = world.event()
        self._now, self._given = 0, Given()
        self._ids: list[str] = []
        self._coming: list[tuple[int, int, list[Reward]]] = []
        self.store = MemoryStore()
        self.store.secret = blake2b(b"%d" % seed, digest_size=32).digest()
        self.engine = DecisionEngine(
            self.store,
            clock=lambda: self._now,
            # No real time passes: nothing is saved before the end, however long a run takes.
            monotonic=lambda: 0.0,
            id_start=0,
            chance=None if hashed else self._given,
            learn_in_background=False,
        )
        try:
            self.engine.apply(spec)
        except BaseException:
            self.engine.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.close()

    def visits(self, events: int) -> Iterator[Happened]:
        """Plays, once; afterwards the policy has learned what the engine's has."""
        play = PlayOutside(
            self,
            self._event,
            held_out(self._world, events, 0.0),
            window=self._world.window,
            unit_interval=self._world.unit_interval,
        )
        if self._world.window == self._policy.posterior.half_life == 0.0 and self._learn_every > 1:
            stretches = Stretches(self._world, self._event, play, self, events)
            yield from stretches.blocks(events, self._seed, self._learn_every)
        else:
            yield from blocks(self._world, self._event, play, events, self._seed)
        self._pass(events, events * self._world.seconds)
        self._policy.resume(self.engine.model(NAME).state())

    # What the compiled loop calls

    def decide(self, u: float, seed: int, out: Floats, restricted: bool) -> tuple[int, bool]:
        """The arm and whether the unit is held out; `out` (K,) gets the vector."""
        event = self._event
        self._pass(int(event.step[0]), float(event.time[0]))
        self._given.give((u,), (seed,))
        batch = self._decide([int(event.unit[0])], event.context[None], event.eligible[None] if restricted else None)
        out[:] = batch.propensities[0]
        return int(batch.arms[0]), batch.groups[0] == Group.HOLDOUT

    def learn(self) -> None:
        """Sends what the visit earned, now or when it is due."""
        event, delay = self._event, float(self._event.delay[0])
        if math.isinf(delay):
            return
        rewards = earned(self._world, event.outcomes.tolist(), self._ids[0])
        due = self._now + round(delay * 1e6)
        if due > self._now:
            heappush(self._coming, (due, int(event.step[0]), rewards))
        else:
            self._send(rewards)

    # What a stretch calls

    def decide_all(self, ahead: Preview, chances: Chances, first: int) -> tuple[Any, Any, Any]:
        """Arms, who is held out, and vectors."""
        self._pass(first, first * self._world.seconds)
        if not len(ahead.units):
            return (), (), ()
        self._given.give(chances.draws.tolist(), chances.seeds.tolist())
        batch = self._decide(ahead.units.tolist(), ahead.contexts, ahead.eligible if ahead.restricted else None, first)
        return batch.arms, batch.groups == int(Group.HOLDOUT), batch.propensities

    def reward_all(self, outcomes: Floats) -> None:
        """What the visits that were decided last earned, (n, goals)."""
        visits = zip(self._ids, outcomes.tolist(), strict=True)
        rewards = [reward for decision, values in visits for reward in earned(self._world, values, decision)]
        for start in range(0, len(rewards), MAX_BATCH):
            self._send(rewards[start : start + MAX_BATCH])

    def _decide(
        self, units: list[int], contexts: Floats, masks: npt.NDArray[np.bool_] | None, first: int | None = None
    ) -> DecisionBatch:
        """For visits from `first` on, at once; masks (n, K)."""
        first = int(self._event.step[0]) if first is None else first
        lists = () if masks is None else [eligible(self._world, first + i, mask) for i, mask in enumerate(masks)]
        batch = self.engine.submit_batch(NAME, [unit_name(unit) for unit in units], contexts, eligible=lists).result()
        if batch.degraded:
            raise InvalidInput(f"{self._policy.name} gave the engine no vector of probabilities", field="policy")
        self._ids = [decision.hex() for decision in split_ids(batch.ids)]
        return batch

    def _pass(self, step: int, seconds: float) -> None:
        """Lets time pass until a visit begins."""
        now = round(seconds * 1e6)
        while self._coming and self._coming[0][0] <= now:
            self._now, _, rewards = heappop(self._coming)
            self._send(rewards)
        self._now = now
        if step % self._learn_every == 0:
            self.engine.learn(closing=self._world.window > 0.0)

    def _send(self, rewards: list[Reward]) -> None:
        for result in self.engine.submit_rewards(rewards).result():
            if isinstance(result.error, BanditcoreError) and result.error.reason != WINDOW_CLOSED:
                raise result.error
