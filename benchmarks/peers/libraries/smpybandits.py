"""SMPyBandits: an evaluator of policies without context."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.special

from benchmarks.peers.simulation import PLAIN, RATES, THOMPSON, Simulation

REQUIRES = ("SMPyBandits==0.9.7", "joblib>=1.4", "tqdm>=4.66")


class SMPy(Simulation):
    library = "SMPyBandits"
    policy: str
    parameters: ClassVar[dict[str, Any]] = {}
    events = 100_000

    def prepare(self) -> None:
        # Names that SciPy and NumPy no longer have, for the same functions.
        scipy.special.btdtri, np.in1d = scipy.special.betaincinv, np.isin
        import SMPyBandits.Policies  # noqa: F401

    def run(self) -> float | None:
        from SMPyBandits import Policies
        from SMPyBandits.Arms import Bernoulli
        from SMPyBandits.Environment import Evaluator

        evaluator = Evaluator(
            {
                "horizon": self.events,
                "repetitions": 1,
                "n_jobs": 1,
                "verbosity": 0,
                "showplot": False,
                "environment": [{"arm_type": Bernoulli, "params": RATES}],
                "policies": [{"archtype": getattr(Policies, self.policy), "params": self.parameters}],
            }
        )
        evaluator.startOneEnv(0, evaluator.envs[0])
        return float(np.sum(evaluator.rewards[0, 0]) / (max(RATES) * self.events))


class Greedy(SMPy):
    task = PLAIN
    policy = "EpsilonGreedy"
    parameters: ClassVar[dict[str, Any]] = {"epsilon": 0.1}
    call = "Evaluator, EpsilonGreedy"
    note = "No context anywhere in this library; rewards, pulls and regret are kept for every visit."


class Thompson(SMPy):
    task = THOMPSON
    policy = "Thompson"
    call = "Evaluator, Thompson"
    note = "Draws a rate for each arm and plays the largest; no probability is known."


SIMULATIONS = (Greedy, Thompson)
