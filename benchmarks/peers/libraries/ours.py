"""banditcore itself, as `pip install .` leaves it."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from banditcore.bandit_log import BanditLog
from banditcore.evaluation import PolicySpec
from banditcore.kernels import draw, draw_many
from banditcore.policies import LinearTS, LinUCB
from banditcore_simulations.play import play
from banditcore_simulations.replayed import replayed
from benchmarks.peers.peer import FLOOR, Floats, Ints, Peer
from benchmarks.peers.replayer import Replayed, Replayer, Stream
from benchmarks.peers.simulation import CONTEXTUAL, PLAIN, RATES, THOMPSON, Simulation

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


class OurSimulation(Simulation):
    library = "banditcore"
    world: str
    policy: str
    """As they are written on a command line."""

    def prepare(self) -> None:
        play(self.world, self.policy, 100)

    def run(self) -> float | None:
        run = play(self.world, self.policy, self.events)
        return float(run.reward[-1] / (run.reward[-1] + run.total))


class OurLinUCBSimulation(OurSimulation):
    task = CONTEXTUAL
    call = "play, lin_ucb"
    note = (
        "Visits, vectors, draws, rewards and lessons in one compiled loop; regret against the optimal policy, the "
        "share of the best arm and the calibration of probabilities are kept."
    )
    world, policy, events = "linear:arms=10,features=20", f"lin_ucb:alpha=1.0,floor={FLOOR}", 400_000


class OurGreedySimulation(OurSimulation):
    task = PLAIN
    call = "play, epsilon_greedy"
    note = "Over rates; the floor is part of the vector."
    world, policy, events = f"bernoulli:rates={RATES}", "epsilon_greedy:over=rates,epsilon=0.1,floor=0.0", 1_000_000


class OurThompsonSimulation(OurSimulation):
    task = THOMPSON
    call = "play, beta_ts"
    note = "The exact probability of every arm at every visit, by quadrature; the arm is drawn from that vector."
    world, policy, events = f"bernoulli:rates={RATES}", "beta_ts:floor=0.0", 100_000


SIMULATIONS = (OurLinUCBSimulation, OurGreedySimulation, OurThompsonSimulation)
