"""Deleting old decisions from the tables of `migrations/`, so that reports and models stay what they were."""

from __future__ import annotations

from collections.abc import Sequence

from banditcore.storage.base import SnapshotRow, Trimmed
from banditcore.storage.tallied import EVERYTHING
from banditcore.storage.tallies import Tallies

# What belongs to the decisions below an id, and the column that says to which.
_EVENTS = {"exposure": "decision", "reward": "decision", "resolution": "decision", "decision": "id"}


class Deleting(Tallies):
    """Reads and writes within a transaction of the caller's."""

    def trimmed(self, stream: int) -> Trimmed:
        row = self._one(
            "SELECT s.base, coalesce(p.version, 0), s.deleted FROM stream s"
            " LEFT JOIN snapshot p ON p.stream = s.stream AND p.position = s.base WHERE s.stream = $1",
            stream,
        )
        return Trimmed(*row) if row else Trimmed(0, 0, 0)

    def oldest_model(self, stream: int, since: bytes, limit: int) -> tuple[int, int] | None:
        row = self._one(
            "SELECT min(model_position), min(version) FROM (SELECT model_position, version FROM decision"
            " WHERE stream = $1 AND id >= $2 AND degraded = 0 ORDER BY id LIMIT $3) AS kept",
            stream,
            since,
            limit,
        )
        return None if row is None or row[0] is None else (int(row[0]), int(row[1]))

    def set_base(self, row: SnapshotRow, *, instead_of: int) -> bool:
        if self.trimmed(row.stream).base != instead_of:
            return False
        self._change("DELETE FROM snapshot WHERE stream = $1 AND position <= $2", row.stream, row.position)
        self._change(
            "INSERT INTO snapshot (stream, position, version, state, digest) VALUES ($1, $2, $3, $4, $5)",
            row.stream,
            row.position,
            row.version,
            row.state,
            row.digest,
        )
        self._change("UPDATE stream SET base = $1 WHERE stream = $2", row.position, row.stream)
        return True

    def delete_decisions(self, stream: int, before: bytes, goals: Sequence[str], limit: int) -> int:
        end = self._end_of_deletable(stream, min(before, self._counted_by_all(stream, goals)), limit)
        found = int(self._one("SELECT count(*) FROM decision WHERE stream = $1 AND id < $2", stream, end)[0])
        if found:
            self._delete(stream, end)
        return found

    def _counted_by_all(self, stream: int, goals: Sequence[str]) -> bytes:
        """Ids below it are in all tallies."""
        counted = self.counted(stream)
        row = self._one("SELECT min(id) FROM straggler WHERE stream = $1", stream)
        late = [bytes(row[0])] if row[0] else []
        return min([counted.get(goal, b"") for goal in (EVERYTHING, *goals)] + late)

    def _end_of_deletable(self, stream: int, before: bytes, limit: int) -> bytes:
        """The first id that stays: at most `limit` ids from the first on are looked at."""
        row = self._one(
            "SELECT id FROM decision WHERE stream = $1 ORDER BY id LIMIT 1 OFFSET $2",
            stream,
            limit,
        )
        last = before if row is None else min(before, bytes(row[0]))
        # A window that is still open may be closed by a reward, and what is not in the base is folded again.
        row = self._one(
            "SELECT d.id FROM decision d JOIN stream s ON s.stream = d.stream WHERE d.stream = $1 AND d.id < $2"
            " AND (d.id >= s.expired OR EXISTS (SELECT 1 FROM resolution r"
            " WHERE r.stream = d.stream AND r.decision = d.id AND r.position > s.base)) ORDER BY d.id LIMIT 1",
            stream,
            last,
        )
        return last if row is None else bytes(row[0])

    def _delete(self, stream: int, end: bytes) -> None:
        """Deletes all ids below `end` with all that belongs to them."""
        union = " UNION ALL ".join(
            f"SELECT count(*) AS n FROM {table} WHERE stream = $1 AND {column} < $2"
            for table, column in _EVENTS.items()
        )
        events = self._one(f"SELECT sum(n) FROM ({union}) AS event", stream, end)[0]
        for table, column in _EVENTS.items():
            self._change(f"DELETE FROM {table} WHERE stream = $1 AND {column} < $2", stream, end)
        self._change("DELETE FROM request WHERE stream = $1 AND first < $2", stream, end)
        self._change("UPDATE stream SET deleted = deleted + $1 WHERE stream = $2", int(events), stream)
