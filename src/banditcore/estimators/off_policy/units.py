"""How many different units there are: exactly up to a limit, then estimated, in memory that does not grow."""

from __future__ import annotations

import numpy as np

from banditcore.bandit_log import Units

LIMIT = 100_000
_PENDING = 1_000_000
_TABLE, _SHIFT = 2**18, np.uint64(64 - 18)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class DistinctUnits:
    """The smallest `LIMIT` + 1 different hashes: all of them while there are no more, and otherwise, since hashes are
    spread evenly, how far the largest of them reaches tells how many there are, to about .3 % (Bar-Yossef et al.,
    2002). A table of those seen lately spares most of the sorting.
    """

    def __init__(self) -> None:
        self._kept = np.empty(0, dtype=np.uint64)
        self._pending: list[Units] = []
        self._waiting = 0
        # No hash is its own slot's complement, so nothing counts as seen before it was.
        self._seen = ~(np.arange(_TABLE, dtype=np.uint64) << _SHIFT)

    def add(self, units: Units) -> None:
        spread = units * _SPREAD  # so that numbers in sequence are even too
        if len(self._kept) > LIMIT:
            spread = spread[spread < self._kept[-1]]
        slot = (spread >> _SHIFT).astype(np.int64)
        new = spread[self._seen[slot] != spread]
        self._seen[slot] = spread
        self._pending.append(new)
        self._waiting += len(new)
        if self._waiting > _PENDING:
            self._fold()

    def _fold(self) -> None:
        if self._pending:
            found = np.sort(np.concatenate([self._kept, *self._pending]))
            self._kept = found[np.append(True, found[1:] != found[:-1])][: LIMIT + 1] if len(found) else found
        self._pending, self._waiting = [], 0

    def __add__(self, other: DistinctUnits) -> DistinctUnits:
        found = DistinctUnits()
        found._pending = [self._kept, *self._pending, other._kept, *other._pending]
        found._fold()
        return found

    @property
    def count(self) -> int:
        self._fold()
        if len(self._kept) <= LIMIT:
            return len(self._kept)
        return round(LIMIT * 2.0**64 / float(self._kept[-1]))
