"""A policy that learns, its holdout and its propensity log: which of the figures made of them can be believed.

Shares of runs that are looked at 10 times, and of logs of a fixed policy. Stated is the risk of a fresh choice of seeds
with sound code.
"""

from __future__ import annotations

import numpy as np

from banditcore_simulations.experiments.off_policy.world import ARMS, RATES, lived, reported
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep


def learning(seed: int, *, world: str, runs: int) -> Record:
    """Shares of runs of whose figures every interval holds; and of the intervals of raw means at the end."""
    found = [lived(world, each) for each in seeds(seed, runs)]
    naive = np.concatenate([run.naive() for run in found])
    raw = [float(np.mean(run.converted / np.maximum(run.shown, 1) / run.rates - 1.0)) for run in found]
    off = np.concatenate([run.worth / run.rates - 1.0 for run in found])
    by_arm = {
        key: float(np.mean([all(look.values.get(arm, True) for look in run.looks) for run in found]))
        for arm, key in enumerate(ARMS)
    }
    return {
        "lift": float(np.mean([all(look.covers in (None, True) for look in run.looks) for run in found])),
        **by_arm,
        "lift shown": float(np.mean([run.looks[-1].covers is not None for run in found])),
        "values shown": float(np.mean([len(run.looks[-1].values) / len(ARMS) for run in found])),
        "disagrees": float(np.mean([any(look.agrees is False for look in run.looks) for run in found])),
        "raws": len(naive),
        "raw": float(naive.mean()),
        "raw bias": float(np.mean(raw)),
        "bias": float(np.nanmean(off)),
    }


def logs(seed: int, *, rows: int, exploration: float, factor: float, runs: int) -> Record:
    """Shares of logs that are refused, and that are called wrong."""
    found = [reported(each, rows, exploration, factor) for each in seeds(seed, runs)]
    return {
        "refused": float(np.mean([each.status == "refused" for each in found])),
        "wrong": float(np.mean(["cannot be right" in each.reason for each in found])),
    }


def seeds(seed: int, runs: int) -> range:
    """Of the runs of a task."""
    return range(seed * runs, (seed + 1) * runs)


KINDS: Kinds = {
    "policy that learns": learning,
    "propensities of one arm x 1.2": logs,
    "sound log": logs,
    "poor overlap": logs,
}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


SOUND = {
    "2,000 rows": {"rows": 2_000, "exploration": 0.2, "factor": 1.0},
    "20,000 rows": {"rows": 20_000, "exploration": 0.02, "factor": 1.0},
}
SPOILT = {"20,000 rows": {"rows": 20_000, "exploration": 0.02, "factor": 1.2}}
POOR = {"2,000 rows": {"rows": 2_000, "exploration": 0.002, "factor": 1.0}}


def trials(runs: int, logs: int) -> list[Point]:
    """Of a seed."""
    return [
        *points("policy that learns", {world: {"world": world} for world in RATES}, runs=runs),
        *points("propensities of one arm x 1.2", SPOILT, runs=logs),
        *points("sound log", SOUND, runs=logs),
        *points("poor overlap", POOR, runs=logs),
    ]


SWEEP = Sweep(trials(30, 20), measure, seeds=10)
SMALL = Sweep(trials(15, 20), measure, seeds=2)
