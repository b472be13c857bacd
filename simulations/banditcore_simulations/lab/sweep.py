"""What an experiment runs: points of parameters, each for every seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from banditcore_simulations.play import Run, play

Point = Mapping[str, Any]
"""Parameters by name, as JSON has them: numbers, text, truth values, None."""
Record = Mapping[str, Any]
"""What was measured by name: numbers, text, truth values, or lists of numbers for curves."""


@dataclass(frozen=True)
class Sweep:
    """Every point times seeds 0..seeds-1; a task's result is a function of both alone."""

    points: Sequence[Point]
    measure: Callable[[Point, int], Record]
    """A function of a module, so that other processes can call it."""
    seeds: int


def grid(**values: Sequence[Any]) -> list[Point]:
    """All combinations, the last name varying fastest."""
    points: list[dict[str, Any]] = [{}]
    for name, some in values.items():
        points = [point | {name: value} for point in points for value in some]
    return list(points)


def played(point: Point, seed: int) -> Record:
    """`measure` of a point with `world`, `policy` and `events`, and what else `play` takes."""
    return record(play(**dict(point), seed=seed))


def record(run: Run) -> Record:
    """What is kept of a run: totals, and curves at its points."""
    return {
        "regret": run.total,
        "reward": float(run.reward[-1]),
        "steps": run.steps.tolist(),
        "regret_curve": run.regret.tolist(),
        "best_curve": run.best.tolist(),
        "calibration": run.calibration.ravel().tolist(),
    }
