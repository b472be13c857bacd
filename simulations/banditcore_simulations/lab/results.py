"""The results of a sweep, to be looked at by point and seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from banditcore.types import Floats


@dataclass(frozen=True)
class Results:
    """One mapping a task, in the order of points and then seeds: its parameters, `seed`, and what was measured."""

    rows: Sequence[Mapping[str, Any]]

    def where(self, **values: Any) -> Results:
        """Those with these values."""
        return Results([row for row in self.rows if all(row[name] == value for name, value in values.items())])

    def values(self, name: str) -> list[Any]:
        """Different values of a column, in order of appearance."""
        return list(dict.fromkeys(row[name] for row in self.rows))

    def by(self, *names: str) -> Iterator[tuple[tuple[Any, ...], Results]]:
        """Groups with equal values of these columns, in order of appearance."""
        groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(tuple(row[name] for name in names), []).append(row)
        return ((key, Results(rows)) for key, rows in groups.items())

    def column(self, name: str) -> Floats:
        """(rows,) of a number, (rows, points) of a curve."""
        return np.array([row[name] for row in self.rows], dtype=np.float64)
