"""Eight policies in five worlds: what each loses against the optimal policy."""

from __future__ import annotations

from banditcore_simulations.experiments.classic.world import WORLDS
from banditcore_simulations.lab.sweep import Point, Record, Sweep, grid, played

POLICIES = (
    "lin_ucb",
    "hybrid_lin_ucb",
    "linear_ts",
    "logistic_ts",
    "square_cb",
    "epsilon_greedy",
    "beta_ts",
    "uniform",
)


def measure(point: Point, seed: int) -> Record:
    return played({**point, "world": WORLDS.get(point["world"], point["world"])}, seed)


SWEEP = Sweep(grid(world=list(WORLDS), policy=POLICIES, events=[10_000]), measure, seeds=20)
SMALL = Sweep(grid(world=["independent", "audiences"], policy=POLICIES, events=[1_000]), measure, seeds=4)
