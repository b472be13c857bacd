"""Everything that is left to chance in a run, drawn from its seed alone: whatever the policy, whatever the block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from banditcore.types import Floats
from banditcore_simulations.worlds.base import Event, World


class Chances(NamedTuple):
    """Of n visits."""

    normals: Floats
    """(n, `World.normals`)"""
    uniforms: Floats
    """(n, `World.uniforms`)"""
    luck: Floats
    """(n, 2)"""
    draws: Floats
    """(n,) in [0, 1): which arm of the vector."""
    seeds: npt.NDArray[np.uint64]
    """(n,) of vectors that are estimated from random numbers."""

    def rows(self, rows: slice) -> Chances:
        """Of some of the visits."""
        return Chances(self.normals[rows], self.uniforms[rows], self.luck[rows], self.draws[rows], self.seeds[rows])


def give(world: World, event: Event, step: int, chances: Chances, row: int) -> None:
    """Writes what is given of a visit into its event, as the compiled loop does."""
    event.step[0] = event.unit[0] = step
    event.time[0] = step * world.seconds
    event.normals[:], event.uniforms[:] = chances.normals[row], chances.uniforms[row]
    event.luck[:], event.delay[0] = chances.luck[row], 0.0


class Chance:
    """Streams of one seed, each of its own kind, so that none moves when another is read more."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._normals, self._uniforms, self._luck, self._lucky, self._draws, self._seeds = (
            np.random.Generator(np.random.SFC64([seed, kind])) for kind in range(1, 7)
        )

    def next(self, n: int) -> Chances:
        """The next n visits'."""
        luck = np.empty((n, 2))
        luck[:, 0], luck[:, 1] = self._luck.standard_normal(n), self._lucky.random(n)
        return Chances(
            self._normals.standard_normal((n, self._world.normals)),
            self._uniforms.random((n, self._world.uniforms)),
            luck,
            self._draws.random(n),
            self._seeds.integers(0, 2**64, n, dtype=np.uint64),
        )


def world_rng(seed: int) -> np.random.Generator:
    """What a world draws its own constants from."""
    return np.random.default_rng([seed, 0])
