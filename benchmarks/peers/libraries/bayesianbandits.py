"""bayesianbandits: scikit-learn-like Bayesian estimators an arm, policies that draw from them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from bayesianbandits import Arm, ContextualAgent, NormalRegressor, ThompsonSampling, UpperConfidenceBound

from benchmarks.peers.peer import Floats, Ints, Peer

REQUIRES = ("bayesianbandits==1.5.0",)
DRAWS = 1_000
ONE_SIGMA = 0.8413447460685429
"""P(Z < 1): the quantile that is mean + 1 * spread."""


class Agent(Peer):
    library = "bayesianbandits"
    returns = "arm only"
    has_batch = True
    rule: type[ThompsonSampling] | type[UpperConfidenceBound] = ThompsonSampling
    options: ClassVar[dict[str, float]] = {}

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        learners = [Arm(arm, learner=NormalRegressor(alpha=1.0, beta=1.0)) for arm in range(arms)]
        self._agent = ContextualAgent(learners, self.rule(**self.options), random_seed=1)

    def lesson(self, arm: int, reward: float) -> Any:
        return arm, np.array([reward])

    def decide(self, row: Floats) -> int:
        return int(self._agent.pull(row)[0])

    def learn(self, row: Floats, lesson: tuple[int, Floats]) -> None:
        arm, rewards = lesson
        self._agent.select_for_update(arm).update(row, rewards)

    def learn_log(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        for arm in range(self.arms):
            self.learn(contexts[arms == arm], (arm, rewards[arms == arm]))

    def decide_many(self, contexts: Floats) -> Any:
        return self._agent.pull(contexts)


class Ucb(Agent):
    policy = "UpperConfidenceBound"
    family = "LinUCB"
    rule = UpperConfidenceBound
    options: ClassVar[dict[str, float]] = {"alpha": ONE_SIGMA, "samples": DRAWS}
    note = "No probability. The bound is the 0.84 quantile of 1,000 draws, its default, so this rule is random too."


class Thompson(Agent):
    policy = "ThompsonSampling"
    family = "Thompson"
    note = (
        "No probability. Noise variance 1 given. In a batch all rows share one draw of the weights (1,000 equal rows "
        "all get the same arm), which is why the batch is so fast."
    )


class ThompsonShares(Agent):
    policy = "Thompson, shares of 1,000 draws"
    family = "Thompson"
    returns = "Monte Carlo shares"
    has_batch = False
    note = (
        "Counted here from the arms' public `sample_marginal`; the arm is drawn from the shares, so they are what was "
        "played. As Thompson probabilities they are off by up to 0.016 (one standard error), and 0 below 1/1,000."
    )

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._chance = np.random.default_rng(1)

    def decide(self, row: Floats) -> int:
        draws = np.stack([arm.sample_marginal(row, DRAWS)[:, 0] for arm in self._agent.arms])
        self.probabilities = np.bincount(draws.argmax(axis=0), minlength=self.arms) / DRAWS
        return min(int(self.probabilities.cumsum().searchsorted(self._chance.random(), "right")), self.arms - 1)


PEERS = (Ucb, Thompson, ThompsonShares)
