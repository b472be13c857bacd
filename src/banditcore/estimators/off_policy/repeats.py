"""The commonest propensity of a log, found without keeping them all."""

from __future__ import annotations

import numpy as np

from banditcore.types import Floats

MOST_CANDIDATES = 8
SAMPLE = 256
COMMON = 0.1


class Repeats:
    """Counts the values that are common in a sample of some page, from that page on: exact for those of the first, and
    never too many for others."""

    def __init__(self) -> None:
        self.counts: dict[float, int] = {}

    def look(self, propensity: Floats) -> None:
        """Finds candidates among n > 0 rows."""
        sample = propensity[:: max(len(propensity) // SAMPLE, 1)]
        values, counts = np.unique(sample, return_counts=True)
        common = values[counts >= max(COMMON * len(sample), 1.0 if not self.counts else 2.0)]
        for value in common.tolist() or values[counts.argmax()][None].tolist():
            if len(self.counts) < MOST_CANDIDATES:
                self.counts.setdefault(value, 0)

    def count(self, propensity: Floats) -> None:
        for value in self.counts:
            self.counts[value] += int(np.count_nonzero(propensity == value))

    def __add__(self, other: Repeats) -> Repeats:
        found = Repeats()
        found.counts = {
            value: self.counts.get(value, 0) + other.counts.get(value, 0) for value in {**self.counts, **other.counts}
        }
        return found

    @property
    def largest(self) -> int:
        return max(self.counts.values(), default=0)
