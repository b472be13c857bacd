"""Who is held out of a run, by the hash that a server uses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from banditcore.assignment import holdout_bucket, salt_key
from banditcore_simulations.worlds.base import World

SALT = "simulation"


def unit_name(unit: int) -> str:
    """What a customer of a world is called towards an engine."""
    return f"unit-{unit}"


def held_out(world: World, events: int, share: float) -> npt.NDArray[np.bool_]:
    """(units,) bool, for every customer that can come."""
    units = world.units or events
    if share <= 0.0:
        return np.zeros(units, np.bool_)
    bucket = holdout_bucket(salt_key(SALT))
    return np.fromiter((bucket(unit_name(unit).encode()) < share for unit in range(units)), np.bool_, units)
