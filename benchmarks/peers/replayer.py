"""What a library has to show to have its replay of a log measured, and the log that all of them replay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from benchmarks.peers.peer import Floats, Ints
from benchmarks.peers.world import SEED


@dataclass(frozen=True)
class Stream:
    """`events` rows that a uniform policy played: contexts N(0, 1), rewards x'theta_k + N(0, 1)."""

    events: int
    features: int = 20
    arms: int = 10

    @cached_property
    def contexts(self) -> Floats:
        return self._chance(10).standard_normal((self.events, self.features))

    @cached_property
    def decisions(self) -> Ints:
        return self._chance(11).integers(0, self.arms, self.events)

    @cached_property
    def rewards(self) -> Floats:
        theta = self._chance(12).standard_normal((self.features, self.arms))
        means: Floats = np.einsum("nd,dn->n", self.contexts, theta[:, self.decisions])
        return means + self._chance(13).standard_normal(self.events)

    def _chance(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([SEED, stream, self.features, self.arms])


class Replayed(NamedTuple):
    """Rows learned from, and their mean reward; NaN where the library does not say."""

    accepted: float
    mean: float


class Replayer(ABC):
    """LinUCB, or what the library has nearest to it, taken through a stream by the library's own evaluation."""

    library: ClassVar[str]
    call: ClassVar[str]
    """What is called, for the table."""
    note: ClassVar[str]
    """What it does and what it does not, from its source or measured."""
    events: ClassVar[int]
    """So many that it takes a few seconds; times are shown per event."""
    passes: int = 1
    """Through the stream, in one `run`."""

    def __init__(self, stream: Stream) -> None:
        """Puts the stream into the form that the library likes best; not part of the time."""
        self.stream = stream

    @abstractmethod
    def run(self) -> Replayed: ...
