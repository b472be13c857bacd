"""gittins: a Rust core that hashes (context x arm) features into one model of decaying sums."""

from __future__ import annotations

from typing import Any

import gittins

from benchmarks.peers.peer import FLOOR, Floats, Ints, Peer

REQUIRES = ("gittins==2.0.1",)


class EpsilonGreedy(Peer):
    library = "gittins"
    policy = "ε-greedy on a diagonal ridge"
    family = "LinUCB"
    returns = "arm and its probability"
    note = (
        "The probability is right, see z of the other gittins row, but it is of the chosen arm only. Keeps the sum of "
        "x^2 for each feature instead of a matrix. Set to never forget, and to 2^16 slots so that few features collide."
    )

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._state = gittins.create(bits=16, horizon=1e9, epsilon=FLOOR, forgetfulness=1.0)
        self._names = [f"x{feature}" for feature in range(features)]
        self._candidates: list[tuple[str, dict[str, float]]] = [(f"arm{arm}", {}) for arm in range(arms)]

    def row(self, context: Floats) -> dict[str, float]:
        return dict(zip(self._names, context.tolist(), strict=True))

    def decide(self, row: dict[str, float]) -> int:
        self._record = gittins.decide(self._state, row, self._candidates, 0.0, "bench")
        return int(self._record.chosen)

    def learn(self, row: dict[str, float], lesson: tuple[int, float]) -> None:
        gittins.learn(self._state, self._record.decision_id, lesson[1], 0.0)

    def learn_log(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        """It learns from its own decisions only, so the log's arm is forced on each."""
        for context, arm, reward in zip(contexts, arms.tolist(), rewards.tolist(), strict=True):
            self._decide_as(context, [float(other == arm) for other in range(self.arms)])
            gittins.learn(self._state, self._record.decision_id, reward, 0.0)

    def _decide_as(self, context: Floats, vector: list[float]) -> None:
        self._record = gittins.decide(
            self._state, self.row(context), self._candidates, 0.0, "log", explore=lambda *_: vector
        )


class EpsilonGreedyVector(EpsilonGreedy):
    policy = "ε-greedy, own `explore` callback"
    returns = "vector"
    note = "The same rule written in the callback, which is the one way to see the vector; the record agrees with it."

    def decide(self, row: dict[str, float]) -> int:
        self._record = gittins.decide(self._state, row, self._candidates, 0.0, "bench", explore=self._explore)
        return int(self._record.chosen)

    def _explore(self, estimates: list[float], epsilon: float) -> list[float]:
        vector = [epsilon / self.arms] * self.arms
        vector[estimates.index(max(estimates))] += 1.0 - epsilon
        self.probabilities = vector
        return vector

    def lesson(self, arm: int, reward: float) -> Any:
        assert self.probabilities is not None
        if self._record.propensity != self.probabilities[arm]:
            raise AssertionError("the record's propensity is not the vector's")
        return arm, reward


PEERS = (EpsilonGreedy, EpsilonGreedyVector)
