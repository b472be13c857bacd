"""How close probability vectors are to the law they stand for, and what becomes of a log that holds others.

Largest errors against other rules of integration, and 50,000 draws in each of 100 contexts held against the log.
"""

from __future__ import annotations

from banditcore_simulations.experiments.vectors import integrals, logs
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep

ITSELF, SOFTMAX = "the vector is logged", "wrong: a softmax of scores is logged"
KINDS: Kinds = {
    "Gaussian vector": integrals.gaussian,
    "Beta vector": integrals.rates,
    ITSELF: logs.itself,
    "vector against draws of all parameters": logs.parameters,
    "wrong: .5 % of exploration is not logged": logs.corrupted,
    SOFTMAX: logs.softmax_of_scores,
    "wrong: 1,000 wins are counted": logs.wins_counted,
}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


def gaussian(runs: dict[int, int]) -> list[Point]:
    """runs: vectors of each ratio in a seed, by the number of arms."""
    return points("Gaussian vector", {f"K = {arms:,}": {"arms": arms, "runs": n} for arms, n in runs.items()})


def rates(runs: dict[int, int], trials: tuple[float, ...]) -> list[Point]:
    """runs: vectors in a seed, by the number of arms."""
    cases = {
        f"K = {arms}, {n:,.0f} trials": {"arms": arms, "trials": n, "runs": each}
        for arms, each in runs.items()
        for n in trials
    }
    return points("Beta vector", cases)


def drawn(contexts: int, draws: int) -> list[Point]:
    """What is drawn against what is logged; draws: of all parameters in each context."""
    kinds = [kind for kind in KINDS if kind == ITSELF or kind.startswith("wrong")]
    policies = {name: {"policy": name} for name in logs.POLICIES}
    return [
        *points("vector against draws of all parameters", policies, contexts=contexts, draws=draws),
        *(point for kind in kinds for point in points(kind, {"": {}}, contexts=100)),
    ]


SWEEP = Sweep(
    [
        *gaussian({2: 15, 10: 15, 100: 15, 1_000: 2, 10_000: 1}),
        *rates({2: 5, 10: 5, 100: 2}, (1e2, 1e4, 1e6)),
        *drawn(20, 200_000),
    ],
    measure,
    seeds=2,
)
SMALL = Sweep(
    [
        *gaussian({2: 3, 10: 3, 100: 3, 1_000: 1}),
        *rates({2: 2, 10: 2, 100: 1}, (1e2, 1e4, 1e6)),
        *drawn(5, 50_000),
    ],
    measure,
    seeds=1,
)
