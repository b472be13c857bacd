"""Which units of an experiment turned out to be one customer."""

from __future__ import annotations

from threading import Lock


class Identities:
    """A forest of units: each was merged into one that was seen first, whose assignment all of them keep.

    It only grows; safe to share between threads.
    """

    def __init__(self) -> None:
        self._into: dict[str, str] = {}
        self._merged: dict[str, list[str]] = {}
        self._adding = Lock()

    def __bool__(self) -> bool:
        return bool(self._into)

    def add(self, unit: str, into: str) -> None:
        """Takes over one that is in the store, where there are no cycles. The same again changes nothing."""
        with self._adding:
            if unit not in self._into:
                self._merged.setdefault(into, []).append(unit)
                self._into[unit] = into

    def root(self, unit: str) -> str:
        """The unit that is decided for when this one is asked for."""
        while (into := self._into.get(unit)) is not None:
            unit = into
        return unit

    def same(self, unit: str) -> list[str]:
        """All units that are the same customer, this one among them; the root first."""
        found = [self.root(unit)]
        for each in found:
            found += self._merged.get(each, ())
        return found
