"""MABWiser: a class for experiments, one ridge regression an arm."""

from __future__ import annotations

from typing import Any

import numpy as np
from mabwiser.mab import MAB, LearningPolicy
from mabwiser.simulator import Simulator

from benchmarks.peers.peer import Floats, Ints, Peer
from benchmarks.peers.replayer import Replayed, Replayer
from benchmarks.peers.simulation import CONTEXTUAL, RATES, THOMPSON, Simulation

REQUIRES = ("mabwiser==2.7.4",)


class MabWiser(Peer):
    library = "mabwiser"
    returns = "arm only"
    has_batch = True

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        rule = getattr(LearningPolicy, self.policy)(alpha=1.0, l2_lambda=1.0)
        self._mab = MAB(list(range(arms)), rule, seed=1)

    def lesson(self, arm: int, reward: float) -> Any:
        return np.array([arm]), np.array([reward])

    def decide(self, row: Floats) -> int:
        return int(self._mab.predict(row))

    def learn(self, row: Floats, lesson: tuple[Ints, Floats]) -> None:
        self._mab.partial_fit(*lesson, row)

    def learn_log(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        self._mab.fit(arms, rewards, contexts)

    def decide_many(self, contexts: Floats) -> Any:
        return self._mab.predict(contexts)


class LinUCB(MabWiser):
    policy = "LinUCB"
    family = "LinUCB"
    note = (
        "`predict_expectations` gives the indices, not probabilities. An update copies every arm's model and inverts "
        "the matrix of the one that was played."
    )


class LinTS(MabWiser):
    policy = "LinTS"
    family = "Thompson"
    note = (
        "`predict_expectations` gives the sampled scores, not probabilities. After a fit each arm's model holds its "
        "own copy of one generator in one state, so the arms' draws go together (correlations of 0.94 to 0.97 between "
        "three arms over 2,000 draws): it explores less than Thompson sampling."
    )


PEERS = (LinUCB, LinTS)


class MabWiserReplay(Replayer):
    library = "mabwiser"
    batch: int

    def run(self) -> Replayed:
        stream, first = self.stream, 2 * self.stream.arms
        bandit = MAB(list(range(stream.arms)), LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0), seed=1)
        simulator = Simulator(
            [("LinUCB", bandit)],
            stream.decisions,
            stream.rewards,
            stream.contexts,
            test_size=1.0 - first / stream.events,
            is_ordered=True,
            batch_size=self.batch,
            is_quick=True,
        )
        simulator.run()
        return Replayed(stream.events, float("nan"))


class SimulatorRows(MabWiserReplay):
    call = "Simulator, batch_size=1"
    note = (
        "Not a replay: it learns from every row, whatever it would have played, and where its arm is not the one in "
        "the log it counts that arm's mean reward instead. So it has no mean to compare."
    )
    batch = 1
    events = 500


class SimulatorBatches(MabWiserReplay):
    call = "Simulator, batch_size=100"
    note = "The same, a hundred rows by one model."
    batch = 100
    events = 10_000


REPLAYS = (SimulatorRows, SimulatorBatches)


class OnlineSimulation(Simulation):
    """Its Simulator plays no world; it takes rows. This is its engine in the loop that a world needs."""

    library = "mabwiser"
    task = CONTEXTUAL
    call = "MAB LinUCB, predict and partial_fit"
    note = "Its Simulator has no world, it goes through rows (above); this is the loop one would write around it."
    events = 1_000

    def run(self) -> float | None:
        g = np.random.default_rng(1)
        theta, arms = g.standard_normal((20, 10)) / np.sqrt(20), list(range(10))
        bandit = MAB(arms, LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0), seed=1)
        bandit.fit(arms, [0.0] * 10, np.zeros((10, 20)))
        earned = best = 0.0
        for _ in range(self.events):
            row = g.standard_normal((1, 20))
            means = row[0] @ theta
            arm = int(bandit.predict(row))
            bandit.partial_fit(np.array([arm]), np.array([means[arm] + g.standard_normal()]), row)
            earned, best = earned + means[arm], best + means.max()
        return float(earned / best)


class OnlineThompson(Simulation):
    library = "mabwiser"
    task = THOMPSON
    call = "MAB Thompson, predict and partial_fit"
    note = "The same."
    events = 10_000

    def run(self) -> float | None:
        g = np.random.default_rng(1)
        bandit = MAB(list(range(10)), LearningPolicy.ThompsonSampling(), seed=1)
        bandit.fit(list(range(10)), [0] * 10)
        earned = 0.0
        for _ in range(self.events):
            arm = int(bandit.predict())
            earned += RATES[arm]
            bandit.partial_fit(np.array([arm]), np.array([int(g.random() < RATES[arm])]))
        return earned / (max(RATES) * self.events)


SIMULATIONS = (OnlineSimulation, OnlineThompson)
