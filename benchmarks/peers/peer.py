"""What a library has to show to be measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FLOOR = 0.02
"""Share of uniform play for those who have such a setting, as banditcore has by default."""


class Peer(ABC):
    """One policy of one library for K arms and d features, at ridge 1 and a bound or spread of 1.

    `row` and `lesson` are not part of the times: they put inputs into the form the library likes best. The default
    is what most like: a (1, d) array, and an arm with its reward.
    """

    library: ClassVar[str]
    """Name of the distribution, whose version is shown."""
    policy: ClassVar[str]
    family: ClassVar[Literal["LinUCB", "Thompson"]]
    """Which policy of ours it is held against: the one that plays the best index, or the one that randomises."""
    returns: ClassVar[str]
    """What `decide` gives for the log, in a few words for the table."""
    note: ClassVar[str] = ""
    """Is the logged probability right, and what else must a reader know; from its source or measured, no guesses."""
    has_batch: ClassVar[bool] = False

    probabilities: Sequence[float] | Floats | None = None
    """The vector behind the last decision, where the library gives one."""

    def __init__(self, arms: int, features: int) -> None:
        self.arms, self.features = arms, features

    def row(self, context: Floats) -> Any:
        return context[None, :]

    def lesson(self, arm: int, reward: float) -> Any:
        return arm, reward

    @abstractmethod
    def decide(self, row: Any) -> int: ...

    @abstractmethod
    def learn(self, row: Any, lesson: Any) -> None: ...

    def learn_log(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        """Learns rows that a uniform policy played; not measured, so a call for many rows is as good."""
        for context, arm, reward in zip(contexts, arms.tolist(), rewards.tolist(), strict=True):
            self.learn(self.row(context), self.lesson(arm, reward))

    def decide_many(self, contexts: Floats) -> Any:
        """All rows in one call where the library has one; else one by one, which is not reported."""
        return [self.decide(self.row(context)) for context in contexts]
