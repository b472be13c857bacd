"""The stream that every library sees: linear rewards with noise, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.peers.peer import Floats, Ints

SEED = 20_260_101
LOGGED_PER_ARM = 200
LIVE = 1_100


@dataclass(frozen=True)
class World:
    """Contexts N(0, 1); reward = x'theta_k + N(0, 1) with theta ~ N(0, 1), which is what a ridge of 1 expects.

    The first `logged` rows were played uniformly, and all learn them: slow and fast start the measured part with the
    same knowledge. Tables are drawn whole, so the reward of (row, arm) is the same for all, whatever they play.
    """

    features: int
    arms: int

    @property
    def logged(self) -> int:
        return LOGGED_PER_ARM * self.arms

    @cached_property
    def contexts(self) -> Floats:
        return self._chance(0).standard_normal((self.logged + LIVE, self.features))

    @cached_property
    def means(self) -> Floats:
        return self.contexts @ self._chance(1).standard_normal((self.features, self.arms))

    @cached_property
    def rewards(self) -> Floats:
        return self.means + self._chance(2).standard_normal(self.means.shape)

    @cached_property
    def logged_arms(self) -> Ints:
        return self._chance(3).integers(0, self.arms, self.logged)

    def _chance(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([SEED, stream, self.features, self.arms])


SETTINGS = (World(20, 10), World(64, 50))
