"""Imported rewards and merged identities in the tables of `migrations/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from banditcore.storage.base import ImportCounts, ImportedRow, ImportKind, MergeRow, UnitDecision

_COUNTS = ("attributed", "late", "unattributed", "conflicts")
_COLUMN = dict(zip(ImportKind, _COUNTS, strict=True))


class Offline(ABC):
    """Reads and writes within a transaction of the caller's."""

    @abstractmethod
    def _run(self, sql: str, bindings: Sequence[Any] = ()) -> Iterable[Sequence[Any]]: ...

    @abstractmethod
    def _change(self, sql: str, *bindings: Any) -> list[Sequence[Any]]: ...

    @abstractmethod
    def _one(self, sql: str, *bindings: Any) -> Any: ...

    @abstractmethod
    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None: ...

    @abstractmethod
    def _list(self, values: Collection[bytes] | Collection[str]) -> Any: ...

    @abstractmethod
    def _among_texts(self, parameter: str) -> str: ...

    @abstractmethod
    def _among_blobs(self, parameter: str) -> str: ...

    @abstractmethod
    def _hashed_texts(self, parameter: str) -> str:
        """As `_among_texts`, for a list of thousands that many rows are compared with."""

    # Imported rewards

    def unit_decisions(self, stream: int, units: Collection[str], first: bytes, before: bytes) -> list[UnitDecision]:
        # No index by unit: it would be a random page for every decision that is made, and reading 1,000,000 decisions
        # for 10,000 units takes 0.3 to 0.6 s on either engine, of a reader and not of the writer.
        rows = self._run(
            "SELECT d.unit, d.id, d.version,"
            " EXISTS (SELECT 1 FROM exposure e WHERE e.stream = d.stream AND e.decision = d.id)"
            f" FROM decision d WHERE d.stream = $1 AND d.id >= $2 AND d.id < $3 AND d.unit {self._hashed_texts('$4')}"
            " ORDER BY d.id",
            (stream, first, before, self._list(units)),
        )
        return [
            UnitDecision(unit, bytes(decision), version, bool(exposed)) for unit, decision, version, exposed in rows
        ]

    def import_counts(self, experiment: str, since_day: int = 0) -> dict[str, ImportCounts]:
        sums = ", ".join(f"sum({column})" for column in _COUNTS)
        rows = self._run(
            f"SELECT goal, {sums} FROM import_count WHERE experiment = $1 AND day >= $2 GROUP BY goal ORDER BY goal",
            (experiment, since_day),
        )
        return {goal: ImportCounts(*map(int, counts)) for goal, *counts in rows}

    def count_imports(self, experiment: str, rows: Sequence[ImportedRow]) -> None:
        by_day: dict[tuple[str, int], list[ImportedRow]] = {}
        for row in rows:
            by_day.setdefault((row.goal, row.day), []).append(row)
        # In one order everywhere, so that no two writers wait for each other.
        for (goal, day), same in sorted(by_day.items()):
            self._count(experiment, goal, day, Counter(row.kind for row in self._unseen(experiment, goal, day, same)))

    def _unseen(self, experiment: str, goal: str, day: int, rows: list[ImportedRow]) -> list[ImportedRow]:
        """Rows without a mark, and of those with one the first of each that was not counted before."""
        marked = {row.mark: row for row in reversed(rows) if row.mark}
        if not marked:
            return rows
        known = self._run(
            "SELECT mark FROM import_seen WHERE experiment = $1 AND goal = $2 AND day = $3"
            f" AND mark {self._among_blobs('$4')}",
            (experiment, goal, day, self._list(marked.keys())),
        )
        for (mark,) in known:
            del marked[bytes(mark)]
        columns = ("experiment", "goal", "day", "mark")
        self._insert("import_seen", columns, [(experiment, goal, day, mark) for mark in sorted(marked)])
        return [row for row in rows if not row.mark] + list(marked.values())

    def _count(self, experiment: str, goal: str, day: int, counts: Counter[ImportKind]) -> None:
        if not counts:
            return
        columns = ", ".join(_COUNTS)
        self._change(
            f"INSERT INTO import_count (experiment, goal, day, {columns}) VALUES ($1, $2, $3, $4, $5, $6, $7)"
            " ON CONFLICT (experiment, goal, day) DO UPDATE SET "
            + ", ".join(f"{column} = import_count.{column} + excluded.{column}" for column in _COUNTS),
            experiment,
            goal,
            day,
            *(counts[kind] for kind in _COLUMN),
        )

    def forget_imports(self, experiment: str, goal: str, before_day: int) -> None:
        self._change(
            "DELETE FROM import_seen WHERE experiment = $1 AND goal = $2 AND day < $3", experiment, goal, before_day
        )

    # Merged identities

    def merges(self, experiment: str) -> list[MergeRow]:
        rows = self._run(
            "SELECT number, experiment, unit, target, time FROM merged WHERE experiment = $1 ORDER BY number",
            (experiment,),
        )
        return [MergeRow(*row) for row in rows]

    def merges_after(self, number: int) -> list[MergeRow]:
        rows = self._run(
            "SELECT number, experiment, unit, target, time FROM merged WHERE number > $1 ORDER BY number", (number,)
        )
        return [MergeRow(*row) for row in rows]

    def merge_count(self, experiment: str) -> int:
        return int(self._one("SELECT count(*) FROM merged WHERE experiment = $1", experiment)[0])

    def merged_into(self, experiment: str, units: Collection[str]) -> dict[str, str]:
        rows = self._run(
            f"SELECT unit, target FROM merged WHERE experiment = $1 AND unit {self._among_texts('$2')}",
            (experiment, self._list(units)),
        )
        return {unit: target for unit, target in rows}

    def put_merges(self, experiment: str, merges: Sequence[tuple[str, str]], time: int) -> list[MergeRow]:
        last = int(self._one("SELECT coalesce(max(number), 0) FROM merged")[0])
        rows = [
            MergeRow(number, experiment, unit, into, time) for number, (unit, into) in enumerate(merges, start=last + 1)
        ]
        self._insert("merged", MergeRow._fields, rows)
        return rows
