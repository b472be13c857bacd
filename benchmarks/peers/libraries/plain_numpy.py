"""What a good engineer writes without a library: the inverse kept by Sherman-Morrison, all arms in one product."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from benchmarks.peers.peer import FLOOR, Floats, Peer
from benchmarks.peers.replayer import Replayed, Replayer

REQUIRES = ()


class Ridges(Peer):
    library = "numpy"
    has_batch = True

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._inverse = np.stack([np.eye(features)] * arms)
        self._b = np.zeros((arms, features))
        self._mean = np.zeros((arms, features))

    def row(self, context: Floats) -> Floats:
        return context

    def learn(self, row: Floats, lesson: tuple[int, float]) -> None:
        arm, reward = lesson
        inverse = self._inverse[arm]
        step = inverse @ row
        inverse -= np.outer(step, step) / (1.0 + row @ step)
        self._b[arm] += reward * row
        self._mean[arm] = inverse @ self._b[arm]

    def _moments(self, row: Floats) -> tuple[Floats, Floats]:
        # Twice `@`: einsum("i,kij,j->k") is one line shorter, and 2 to 4 times as slow as it goes past BLAS.
        return self._mean @ row, np.sqrt((self._inverse @ row) @ row)

    def _moments_of_many(self, contexts: Floats) -> tuple[Floats, Floats]:
        squares = np.einsum("kdn,nd->nk", self._inverse @ contexts.T, contexts)
        return contexts @ self._mean.T, np.sqrt(squares)


class NumpyLinUCB(Ridges):
    policy = "LinUCB in 20 lines"
    family = "LinUCB"
    returns = "vector"
    note = "Exact; a floor of 2 % is added and drawn from, so that it gives what ours gives."

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._uniform = Random(1).random

    def decide(self, row: Floats) -> int:
        mean, width = self._moments(row)
        self.probabilities = np.full(self.arms, FLOOR / self.arms)
        self.probabilities[(mean + width).argmax()] += 1.0 - FLOOR
        return min(int(self.probabilities.cumsum().searchsorted(self._uniform(), "right")), self.arms - 1)

    def decide_many(self, contexts: Floats) -> Any:
        mean, width = self._moments_of_many(contexts)
        vectors = np.full(mean.shape, FLOOR / self.arms)
        vectors[np.arange(len(mean)), (mean + width).argmax(axis=1)] += 1.0 - FLOOR
        uniform = np.random.default_rng(1).random((len(mean), 1))
        return vectors, np.minimum((vectors.cumsum(axis=1) <= uniform).sum(axis=1), self.arms - 1)


class NumpyThompson(Ridges):
    policy = "linear Thompson in 20 lines"
    family = "Thompson"
    returns = "arm only"
    note = "One normal draw an arm, noise variance 1 given; no probability to log."

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._normal = np.random.default_rng(1).standard_normal

    def decide(self, row: Floats) -> int:
        mean, width = self._moments(row)
        return int((mean + width * self._normal(self.arms)).argmax())

    def decide_many(self, contexts: Floats) -> Any:
        mean, width = self._moments_of_many(contexts)
        return (mean + width * self._normal(mean.shape)).argmax(axis=1)


PEERS = (NumpyLinUCB, NumpyThompson)


class PlainReplay(Replayer):
    library = "numpy"
    call = "a loop over LinUCB in 20 lines"
    note = "Match replay in a plain loop: draw the target's arm, compare, learn."
    events = 60_000

    def run(self) -> Replayed:
        stream, policy, kept = self.stream, NumpyLinUCB(self.stream.arms, self.stream.features), list[float]()
        logged = zip(stream.contexts, stream.decisions.tolist(), stream.rewards.tolist(), strict=True)
        for context, arm, reward in logged:
            if policy.decide(context) == arm:
                policy.learn(context, (arm, reward))
                kept.append(reward)
        return Replayed(len(kept), float(np.mean(kept)))


REPLAYS = (PlainReplay,)
