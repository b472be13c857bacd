"""Labelled sets as bandits, in an order and with a unit of reward of one's choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from banditcore_simulations.worlds import make_world
from banditcore_simulations.worlds.base import Event, World


def make(data: str, passes: int, seed: int, *, shuffled: bool = True, unit: float = 1.0) -> World:
    """`classification` of that set; not shuffled: in the order of the file. unit: what the right class earns."""
    world = make_world(f"classification:data={data},passes={passes}", seed)
    constants = {**world.constants, "unit": unit}
    if not shuffled:
        constants["order"] = np.arange(len(world.constants["labels"]))
    return replace(world, visit=visit, constants=constants, outcome="normal", noise=0.0, unit_interval=False)


def visit(world: Any, event: Event) -> None:
    row = world.order[event.step[0] % world.order.size]
    event.context[:] = world.rows[row]
    event.means[:] = 0.0
    event.means[world.labels[row]] = world.unit
