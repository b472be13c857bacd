"""What a library has to show to have its simulator measured: a policy in a world that it makes itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

CONTEXTUAL = "LinUCB, K 10, d 20"
"""One ridge regression an arm, alpha 1; contexts in d numbers, rewards linear in them plus noise."""
PLAIN = "epsilon-greedy, 10 Bernoulli arms"
"""epsilon .1, no context; rates .05 to .5."""
THOMPSON = "Thompson, 10 Bernoulli arms"
RATES = [0.05 * (arm + 1) for arm in range(10)]


class Simulation(ABC):
    """One task, by the library's own means: world, decisions, lessons and the regret or reward it keeps."""

    library: ClassVar[str]
    distribution: ClassVar[str] = ""
    """Name on PyPI where it is another."""
    task: ClassVar[str]
    call: ClassVar[str]
    note: ClassVar[str]
    events: ClassVar[int]
    """So many that it takes a few seconds; times are shown per event."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to
        """What is not part of the time, such as compiling."""

    @abstractmethod
    def run(self) -> float | None:
        """The share of the best reward there is that was earned on average, where the library says."""
