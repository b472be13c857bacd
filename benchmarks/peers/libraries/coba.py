"""Coba: experiments of learners and environments, a contextual bandit over features of actions."""

from __future__ import annotations

import coba

from benchmarks.peers.simulation import CONTEXTUAL, Simulation

REQUIRES = ("coba==8.1.0",)


class CobaLinUCB(Simulation):
    library = "coba"
    task = CONTEXTUAL
    call = "Experiment, LinUCBLearner"
    note = (
        "Its LinUCB has one regression for all arms; crossed with one-hot actions (features 'ax') it is the same "
        "model, with one inverse of 200 x 200 updated by Sherman and Morrison. Its linear environment makes the "
        "visits; it states no optimum."
    )
    events = 4_000

    def run(self) -> float | None:
        world = coba.Environments.from_linear_synthetic(
            self.events, n_actions=10, n_context_features=20, n_action_features=0, reward_features=["xa"], seed=1
        )
        result = coba.Experiment(world, coba.LinUCBLearner(features=["ax"])).run(quiet=True)
        assert len(result.interactions) == self.events
        return None


SIMULATIONS = (CobaLinUCB,)
