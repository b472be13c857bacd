"""Server mode: `banditcore serve` as a process of its own decides and learns, in real time and through the client."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from banditcore.client import Client
from banditcore.errors import InvalidInput
from banditcore.kernels.outside import PlayOutside
from banditcore.learner import Fold
from banditcore.ledger import WINDOW_CLOSED
from banditcore.policies import Policy
from banditcore.recompute import live_versions
from banditcore.storage.base import Reader
from banditcore.storage.opening import open_log
from banditcore.types import Floats, Group, Reward
from banditcore_server.testing import ServerProcess
from banditcore_simulations.play.definition import NAME, definition, earned, eligible
from banditcore_simulations.play.happened import Happened
from banditcore_simulations.play.holdout import held_out, unit_name
from banditcore_simulations.play.kernel import blocks
from banditcore_simulations.worlds.base import World

LEAST_PER_S = 100.0
"""Visits that a server is expected to answer a second, which a window in real time is reckoned by."""
PROMPT_S = 600.0
"""Window of the goals where no reward is late."""
CALL = 1_000
"""Rewards in one call."""


def visits(
    world: World, policy: Policy, events: int, seed: int, *, learn_every: int, holdout: float
) -> Iterator[Happened]:
    """Plays to the end, and then gives the blocks; a thousand visits take some seconds.

    The arms are the server's own draws, and it learns by itself, some milliseconds after what it is told: so only
    laws agree with the other modes, no arms. Visits follow each other without a pause. A reward that is late by the
    world's clock is sent before the visit at which it is known, and what is left after the last visit then, in the
    order in which it is due; one that the world's window closes before is never sent, and the server learns 0 when a
    window in real time, of as many visits about, has closed. learn_every: visits after which rewards are sent.
    Propensities are those that the server logged. Server and store are gone afterwards, whatever happens.
    """
    window_s = 1.0 + (world.window / world.seconds + learn_every) / LEAST_PER_S if world.window else PROMPT_S
    spec = definition(world, policy, holdout, window_s=window_s)
    with TemporaryDirectory(prefix="banditcore-") as folder:
        data = Path(folder) / "data"
        with _serving(data) as target, Client(target) as client:
            client.apply(spec)
            visitor = Visitor(world, policy, client, learn_every)
            happened = visitor.visits(events, seed)
        log = open_log(str(data))
        try:
            with log.read() as reader:
                _take_logged(reader, happened, visitor.ids)
                _teach(reader, policy)
        finally:
            log.close()
    yield from happened


@contextmanager
def _serving(data: Path) -> Iterator[str]:
    """The address of a server, which has ended afterwards."""
    with ServerProcess(data) as server:
        try:
            yield server.target
        finally:
            try:
                server.stop()
            except subprocess.TimeoutExpired:
                server.kill()


def _take_logged(reader: Reader, happened: list[Happened], ids: list[bytes]) -> None:
    """Replaces propensities by what the log has."""
    stream = live_versions(reader, NAME)[-1].stream
    vectors = {row.id: np.frombuffer(row.propensities, dtype="<f8") for row in reader.decisions_to_audit(stream)}
    logged = np.array([vectors[decision] for decision in ids])
    rows = np.arange(len(ids))
    for block, here in zip(happened, np.split(rows, np.cumsum([len(block.arms) for block in happened])), strict=False):
        block.propensity[:] = logged[here, block.arms]
        block.probes[:] = logged[here, here % logged.shape[1]]


def _teach(reader: Reader, policy: Policy) -> None:
    """Gives the policy what the server's has learned."""
    live = live_versions(reader, NAME)[-1]
    fold = Fold.start(reader, live, up_to=reader.stream_position(live.stream))
    fold.read_all(reader, live.stream)
    policy.resume(fold.policy.state())


class Visitor:
    """The customers of a world in front of a server."""

    def __init__(self, world: World, policy: Policy, client: Client, learn_every: int) -> None:
        self.ids: list[bytes] = []
        """Of the decisions, by visit."""
        self._world, self._policy, self._client, self._learn_every = world, policy, client, learn_every
        self._event = world.event()
        self._coming: list[tuple[float, int, list[Reward]]] = []

    def visits(self, events: int, seed: int) -> list[Happened]:
        """What happened, with the propensity of the arm played only."""
        play = PlayOutside(
            self,
            self._event,
            held_out(self._world, events, 0.0),
            window=self._world.window,
            unit_interval=self._world.unit_interval,
        )
        happened = list(blocks(self._world, self._event, play, events, seed))
        self._send(math.inf)
        return happened

    # What the compiled loop calls

    def decide(self, u: float, seed: int, out: Floats, restricted: bool) -> tuple[int, bool]:
        """The arm and whether the unit is held out."""
        event = self._event
        if event.step[0] % self._learn_every == 0:
            self._send(float(event.time[0]))
        answer = self._client.batch_decide_columns(
            NAME,
            [unit_name(int(event.unit[0]))],
            event.context[None],
            eligible=eligible(self._world, int(event.step[0]), event.eligible) if restricted else (),
        )
        if answer.degraded:
            raise InvalidInput(f"{self._policy.name} gave the server no vector of probabilities", field="policy")
        self.ids.append(answer.ids)
        arm = int(answer.arms[0])
        out[arm] = answer.propensity[0]
        return arm, answer.groups[0] == Group.HOLDOUT

    def learn(self) -> None:
        """Keeps what the visit earned until it is known."""
        event, delay = self._event, float(self._event.delay[0])
        if delay == 0.0 or delay <= self._world.window:
            rewards = earned(self._world, event.outcomes.tolist(), self.ids[-1].hex())
            heappush(self._coming, (float(event.time[0]) + delay, int(event.step[0]), rewards))

    def _send(self, now: float) -> None:
        """What is known by now, in the order in which it became known."""
        rewards: list[Reward] = []
        while self._coming and self._coming[0][0] <= now:
            rewards += heappop(self._coming)[2]
        for start in range(0, len(rewards), CALL):
            for result in self._client.record_rewards(rewards[start : start + CALL]):
                if result.error is not None and result.error.reason != WINDOW_CLOSED:
                    raise result.error
