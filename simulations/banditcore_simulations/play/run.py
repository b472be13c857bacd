"""What a run comes to: curves at some visits, and totals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from banditcore.errors import InvalidInput
from banditcore.types import Floats
from banditcore_simulations.play.happened import Happened
from banditcore_simulations.worlds.base import World

BINS = 20
LIES_FROM = 1_000
"""Visits from which rewards are held against the means that the world states."""
LIES_BEYOND = 8.0


@dataclass(frozen=True)
class Run:
    """One policy in one world, of one seed."""

    world: str
    policy: str
    seed: int
    events: int
    steps: npt.NDArray[np.int64]
    """(points,) visits so far."""
    regret: Floats
    """(points,) summed expected loss against the optimal policy, of visits that the policy decided."""
    reward: Floats
    """(points,) summed first goal, of the same visits."""
    best: Floats
    """(points,) share of them, since the point before, that got an arm as good as the optimal policy's."""
    decided: npt.NDArray[np.int64]
    """(points,) how many of the visits the policy decided; the rest were held out."""
    goals: Floats
    """(goals,) totals of the visits that the policy decided."""
    held_out: Floats
    """(goals,) totals of the holdout."""
    calibration: Floats
    """(BINS, 3) by claimed propensity of an arm: how often claimed, their sum, how often that arm was drawn."""

    @property
    def total(self) -> float:
        """Regret at the end."""
        return float(self.regret[-1])


class Summary:
    """Adds up visits block by block."""

    def __init__(self, world: World, points: int, events: int) -> None:
        self.steps = np.unique(np.linspace(0, events, min(points, events) + 1).round().astype(np.int64)[1:])
        self._world, self._arms = world, world.n_arms
        self._seen = 0
        self._kept: list[Floats] = []
        """(4,) at every point: regret, reward, visits with a best arm, visits decided."""
        self._sums = np.zeros(4)
        self._goals, self._held = np.zeros(len(world.goals)), np.zeros(len(world.goals))
        self._bins = np.zeros((BINS, 3))
        self._strayed = self._scatter = 0.0

    def add(self, happened: Happened) -> None:
        """The next visits."""
        count, mine = len(happened.arms), ~happened.held_out
        columns = np.stack([happened.gaps, happened.outcomes[:, 0], happened.gaps <= 1e-12, np.ones(count)]) * mine
        sums = np.cumsum(columns, axis=1) + self._sums[:, None]
        here = self.steps[(self.steps > self._seen) & (self.steps <= self._seen + count)] - self._seen - 1
        self._kept.extend(sums[:, here].T)
        self._sums = sums[:, -1]
        self._goals += happened.outcomes[mine].sum(axis=0)
        self._held += happened.outcomes[~mine].sum(axis=0)
        self._calibrate(happened, mine)
        off = happened.outcomes[:, 0] - happened.means
        self._strayed += float(off.sum())
        self._scatter += float(off @ off)
        self._seen += count

    def _calibrate(self, happened: Happened, mine: npt.NDArray[np.bool_]) -> None:
        claimed = happened.probes[mine]
        turn = (self._seen + np.flatnonzero(mine)) % self._arms
        bins = np.minimum((claimed * BINS).astype(np.intp), BINS - 1)
        for column, weights in enumerate((None, claimed, happened.arms[mine] == turn)):
            self._bins[:, column] += np.bincount(bins, weights, BINS)

    def run(self, policy: str, seed: int) -> Run:
        """Raises InvalidInput where rewards are not what the world says they are on average."""
        self._check_honest()
        kept = np.array(self._kept).reshape(-1, 4).T
        fresh = np.diff(kept[2:], prepend=0.0, axis=1)
        with np.errstate(invalid="ignore"):
            best = fresh[0] / fresh[1]
        return Run(
            world=self._world.name,
            policy=policy,
            seed=seed,
            events=self._seen,
            steps=self.steps,
            regret=kept[0],
            reward=kept[1],
            best=best,
            decided=kept[3].astype(np.int64),
            goals=self._goals,
            held_out=self._held,
            calibration=self._bins,
        )

    def _check_honest(self) -> None:
        """Outcomes around their stated means are a martingale: 8 standard errors do not happen."""
        if self._seen >= LIES_FROM and abs(self._strayed) > LIES_BEYOND * math.sqrt(self._scatter) + 1e-9 * self._seen:
            more = "more" if self._strayed > 0.0 else "less"
            raise InvalidInput(
                f"world {self._world.name} lies: policies earn {abs(self._strayed) / self._seen:.3g} a visit {more} "
                "than the means it states, so what it calls optimal is not",
                field="world",
            )


def summed(world: World, blocks: Iterable[Happened], policy: str, seed: int, events: int, points: int) -> Run:
    """The run that these visits are."""
    summary = Summary(world, points, events)
    for happened in blocks:
        summary.add(happened)
    return summary.run(policy, seed)
