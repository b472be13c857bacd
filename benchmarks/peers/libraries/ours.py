"""banditcore itself, as `pip install .` leaves it."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from banditcore.bandit_log import BanditLog
from banditcore.evaluation import PolicySpec
from banditcore.kernels import draw, draw_many
from banditcore.policies import LinearTS, LinUCB
from banditcore_simulations.replayed import replayed
from benchmarks.peers.peer import FLOOR, Floats, Ints, Peer
from benchmarks.peers.replayer import Replayed, Replayer, Stream

REQUIRES = ()


class Ours(Peer):
    library = "banditcore"
    returns = "vector"
    has_batch = True
    kind: type[LinUCB] | type[LinearTS]

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._policy = self.kind(arms, features)
        self._uniform = Random(1).random

    def lesson(self, arm: int, reward: float) -> Any:
        return np.array([arm]), np.array([reward])

    def decide(self, row: Floats) -> int:
        self.probabilities = vector = self._policy.propensities(row)[0]
        return draw(vector, self._uniform())

    def learn(self, row: Floats, lesson: tuple[Ints, Floats]) -> None:
        self._policy.update(row, *lesson)

    def learn_log(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        self._policy.update(contexts, arms, rewards)

    def decide_many(self, contexts: Floats) -> Any:
        vectors = self._policy.propensities(contexts)
        return vectors, draw_many(vectors, np.random.default_rng(1).random(len(vectors)))


class OurLinUCB(Ours):
    policy = "LinUCB"
    family = "LinUCB"
    kind = LinUCB
    note = "Exact: the best index plus a floor of 2 % uniform play."


class OurLinearTS(Ours):
    policy = "LinearTS"
    family = "Thompson"
    kind = LinearTS
    note = "Exact to 1e-8 by quadrature, noise variance learned, plus the same floor."


PEERS = (OurLinUCB, OurLinearTS)


class OurReplay(Replayer):
    library = "banditcore"
    call = "replay, method match"
    note = (
        "Two repeats in two orders of the rows, all included: the check of the log, the shuffling, the report. Row by "
        "row, to the last bit what a plain loop of decisions and updates gives."
    )
    events = 600_000
    passes = 2

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        uniform = np.full(stream.events, 1.0 / stream.arms)
        self._log = BanditLog.of(stream.contexts, stream.decisions, stream.rewards, uniform, n_arms=stream.arms)

    def run(self) -> Replayed:
        spec = PolicySpec("lin_ucb", "lin_ucb", {"alpha": 1.0}, FLOOR)
        report = replayed(self._log, [spec], method="match", repeats=self.passes)[0]
        return Replayed(report.accepted, report.value)


REPLAYS = (OurReplay,)
