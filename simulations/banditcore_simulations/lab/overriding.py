"""A sweep with other policies, worlds, visits or seeds than its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from banditcore.errors import InvalidInput
from banditcore_simulations.lab.sweep import Sweep


def overridden(sweep: Sweep, *, seeds: int | None = None, **values: Sequence[Any]) -> Sweep:
    """The sweep with these values of parameters in place of those that its points have; an empty sequence: as it is.

    Raises InvalidInput where a point has no such parameter.
    """
    for name, some in values.items():
        if some:
            sweep = replace(sweep, points=_instead(sweep, name, some))
    return sweep if seeds is None else replace(sweep, seeds=seeds)


def _instead(sweep: Sweep, name: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """Where the own values come first, so do these: the order of the other parameters stays."""
    if any(name not in point for point in sweep.points):
        raise InvalidInput(f"this experiment has no {name} to choose", field=name)
    points: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    for point in sweep.points:
        for value in values:
            made = {**point, name: value}
            points.setdefault(tuple(made.items()), made)
    return list(points.values())
