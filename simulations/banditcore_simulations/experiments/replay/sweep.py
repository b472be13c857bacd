"""Replay of a policy that learns, against playing it: what each way of accepting rows makes of the truth.

LinUCB on logs of a shop. "replay" has a log and a play for each of many shops; "coverage" many logs of one shop, with
an interval each.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from banditcore.evaluated import ReplayReport
from banditcore_simulations.experiments.replay.world import LEAST, TARGET, K, log, naively, online, shop
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep
from banditcore_simulations.replayed import replayed

BOUND = round(1.0 / LEAST)
APART = 1_000_000
"""Added to the seeds of plays, so that they have other visitors than the logs."""


def errors(seed: int, *, method: str, biased: bool, steps: int, runs: int) -> Record:
    """Replayed values less the values of playing as many steps in the same shops."""
    found = []
    for each in seeds(seed, runs):
        world = shop(each)
        rows = log(world, steps * (BOUND if biased and method != "naive" else K), biased, each)
        if method == "naive":
            value, accepted = naively(rows, each)
        else:
            report = replayed(rows, [TARGET], method=method, repeats=2, seed=each)[0]
            value, accepted = report.value, report.accepted
        found.append(value - online(world, accepted, each + APART))
    return {"errors": found}


def coverage(seed: int, *, method: str, biased: bool, steps: int, runs: int, repeats: int, plays: int) -> Record:
    """A value and its interval a log of the same shop, and the mean of playing for as many steps in it."""
    world, rows = shop(0), steps * (BOUND if biased else K)
    reports = [
        replayed(log(world, rows, biased, each), [TARGET], method=method, repeats=repeats, seed=each)[0]
        for each in seeds(seed, runs)
    ]
    accepted = round(float(np.mean([report.accepted for report in reports])))
    return {
        "values": [report.value for report in reports],
        "halves": [report.high - report.value for report in reports],
        "halves by repeats": [half_of_repeats(report) for report in reports],
        "played": float(np.mean([online(world, accepted, each + APART) for each in seeds(seed, plays)])),
    }


def half_of_repeats(report: ReplayReport) -> float:
    """As if all repeats had a log of their own."""
    return float(stdtrit(report.repeats - 1, 0.975) * report.spread / np.sqrt(report.repeats))


def seeds(seed: int, runs: int) -> range:
    """Of the runs of a task."""
    return range(seed * runs, (seed + 1) * runs)


KINDS: Kinds = {"coverage": coverage, "replay": errors}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


WAYS = {
    "uniform log, match": {"method": "match", "biased": False},
    "uniform log, dr_ns": {"method": "dr_ns", "biased": False},
    "biased log, rejection": {"method": "rejection", "biased": True},
    "biased log, dr_ns": {"method": "dr_ns", "biased": True},
    "biased log, naive match": {"method": "naive", "biased": True},
}
NAMES = ("steps", "runs", "repeats", "plays")


def trials(runs: int, steps: int, **sizes: tuple[int, int, int, int]) -> list[Point]:
    """Of a seed; sizes: of `NAMES`, steps being the accepted rows about, for each way of the coverage."""
    match, rejection, robust = (dict(zip(NAMES, sizes[way], strict=True)) for way in ("match", "rejection", "dr_ns"))
    covered = {
        "uniform log, match": WAYS["uniform log, match"] | match,
        "biased log, rejection": WAYS["biased log, rejection"] | rejection,
        "biased log, dr_ns": WAYS["biased log, dr_ns"] | robust,
    }
    return [*points("coverage", covered), *points("replay", WAYS, steps=steps, runs=runs)]


SWEEP = Sweep(
    trials(20, 1_500, match=(1_000, 20, 100, 400), rejection=(250, 20, 100, 400), dr_ns=(250, 20, 20, 400)),
    measure,
    seeds=10,
)
SMALL = Sweep(
    trials(8, 200, match=(250, 10, 20, 30), rejection=(150, 4, 20, 30), dr_ns=(110, 3, 20, 30)), measure, seeds=2
)
