"""The time that decisions, rewards and windows go by: what elapses counts, whatever happens to the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from banditcore.assignment import id_milliseconds
from banditcore.storage.base import Store


class SteadyClock:
    """Microseconds since the Unix epoch, when called: from the wall clock once, by the monotonic clock from then on.

    A wall clock that is stepped while the process lives changes nothing: windows keep their length. One that was
    set back before the start does not either, since the time starts at `not_before` (microseconds) at the earliest:
    time stands still neither in ids nor in windows until the wall clock has caught up.
    """

    def __init__(
        self,
        not_before: int = 0,
        *,
        now_us: int | None = None,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`now_us` is what to start from, where that is not this machine's `wall`; both sources give nanoseconds."""
        self._wall, self._monotonic = wall, monotonic
        started = wall() if now_us is None else now_us * 1000
        self._offset = max(started, not_before * 1000) - monotonic()

    @classmethod
    def after(
        cls,
        decision: bytes | None,
        *,
        now_us: int | None = None,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> Self:
        """One that starts no earlier than just after a store's latest decision id; None: the store has none."""
        not_before = (id_milliseconds(decision) + 1) * 1000 if decision else 0
        return cls(not_before, now_us=now_us, wall=wall, monotonic=monotonic)

    @classmethod
    def of(cls, store: Store) -> Self:
        """One that starts at the time on which all who share the store agree, and after its latest decision."""
        return cls.after(store.last_decision_id(), now_us=store.now_us())

    def __call__(self) -> int:
        return (self._monotonic() + self._offset) // 1000

    def drift_us(self) -> int:
        """Microseconds that the wall clock is ahead of this one; negative when it is behind."""
        return self._wall() // 1000 - self()
