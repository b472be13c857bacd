"""The tables of `migrations/` as a `Transaction`: the SQL that both engines understand.

Parameters are `$1`, `$2`.. in the order in which they first appear, which is what SQLite numbers them by and what
PostgreSQL reads. What the engines say differently is left to `sqlite_tables` and `postgres_tables`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, ClassVar

from banditcore.assignment import ID_BYTES, MAX_STREAM, id_milliseconds
from banditcore.errors import NotAllowedNow
from banditcore.storage.base import (
    Asked,
    DecisionColumns,
    DecisionRow,
    ExperimentRow,
    Lessons,
    ResolutionRow,
    Resolved,
    RewardRow,
    SnapshotRow,
    Standing,
    StreamRow,
    VersionRow,
)
from banditcore.storage.deleting import Deleting
from banditcore.storage.offline import Offline
from banditcore.types import Group

_DECISION = (
    "stream, id, position, version, unit, grp, arm, model_position, degraded, time, context, propensities, eligible,"
    " certificate"
)
DECISION_COLUMNS = tuple(_DECISION.split(", "))
_LAST = 2**63 - 1


def migrations() -> list[str]:
    """The statements of each migration, oldest first, in SQLite's words."""
    found = [entry for entry in files("banditcore.storage.migrations").iterdir() if entry.name.endswith(".sql")]
    return [entry.read_text() for entry in sorted(found, key=lambda entry: entry.name)]


def replacing(columns: Sequence[str], keys: Sequence[str]) -> str:
    """What to update in a row that is there already."""
    return ", ".join(f"{column} = excluded.{column}" for column in columns if column not in keys)


class Tables(Deleting, Offline):
    """Keeps `banditcore.storage.base.Transaction` within a transaction of the caller's."""

    wrote = False
    """Whether anything was changed."""
    holds: Collection[int] | None = None
    """The streams that the transaction has locked; None where it needs no lock."""
    failures: ClassVar[tuple[type[Exception], ...]]
    """What the engine raises when a statement fails."""

    @abstractmethod
    def _run(self, sql: str, bindings: Sequence[Any] = ()) -> Iterable[Sequence[Any]]:
        """Runs one statement; its rows are there, and no other statement disturbs them."""

    @abstractmethod
    def _stream_rows(self, sql: str, bindings: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        """As `_run`, for more rows than memory should hold."""

    @abstractmethod
    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Inserts many rows."""

    @abstractmethod
    def _insert_decisions(self, rows: DecisionColumns, first: int) -> None:
        """Inserts decisions at positions from `first` on."""

    @abstractmethod
    def _insert_requests(self, rows: DecisionColumns, requests: Sequence[Asked]) -> None:
        """Inserts which request ids the decisions answer."""

    @abstractmethod
    def _among_texts(self, parameter: str) -> str:
        """What to write after a column to compare it with a bound list of texts; likewise the next of blobs."""

    @abstractmethod
    def _among_blobs(self, parameter: str) -> str: ...

    @abstractmethod
    def _hashed_texts(self, parameter: str) -> str:
        """As `_among_texts`, for a list of thousands that many rows are compared with."""

    @abstractmethod
    def _list(self, values: Collection[bytes] | Collection[str]) -> Any:
        """Such a list, to be bound."""

    def integrity(self) -> list[str]:
        """What the engine finds wrong with its own pages, in words; nothing where it has no such check."""
        return []

    def _one(self, sql: str, *bindings: Any) -> Any:
        return next(iter(self._run(sql, bindings)), None)

    def _change(self, sql: str, *bindings: Any) -> list[Sequence[Any]]:
        self.wrote = True
        return list(self._run(sql, bindings))

    # Experiments and streams

    def experiments(self) -> list[ExperimentRow]:
        rows = self._run("SELECT name, status, version, create_time, update_time FROM experiment ORDER BY name")
        return [ExperimentRow(*row) for row in rows]

    def versions(self, experiment: str) -> list[VersionRow]:
        rows = self._run(
            "SELECT experiment, version, stream, spec, arms, time FROM experiment_version"
            " WHERE experiment = $1 ORDER BY version",
            (experiment,),
        )
        return [VersionRow(*row) for row in rows]

    def put_experiment(self, row: ExperimentRow) -> None:
        self._change(
            "INSERT INTO experiment (name, status, version, create_time, update_time) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (name) DO UPDATE SET status = $2, version = $3, update_time = $5",
            row.name,
            row.status,
            row.version,
            row.create_time,
            row.update_time,
        )

    def put_version(self, row: VersionRow) -> None:
        self._change(
            "INSERT INTO experiment_version (experiment, version, stream, spec, arms, time)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            row.experiment,
            row.version,
            row.stream,
            row.spec,
            row.arms,
            row.time,
        )

    def new_stream(self, experiment: str) -> int:
        stream = int(self._one("SELECT coalesce(max(stream), 0) + 1 FROM stream")[0])
        if stream > MAX_STREAM:
            raise NotAllowedNow(f"this store has opened its {MAX_STREAM} streams: start a new one")
        self._change(
            "INSERT INTO stream (stream, experiment, position, expired) VALUES ($1, $2, 0, $3)", stream, experiment, b""
        )
        self._change("INSERT INTO learner (stream, position) VALUES ($1, 0)", stream)
        return stream

    def streams(self) -> list[StreamRow]:
        rows = self._run(
            "SELECT s.stream, s.experiment, s.position, l.position, s.open"
            " FROM stream s JOIN learner l ON l.stream = s.stream ORDER BY s.stream"
        )
        return [StreamRow(*row) for row in rows]

    def stream_position(self, stream: int) -> int:
        row = self._one("SELECT position FROM stream WHERE stream = $1", stream)
        return int(row[0]) if row else 0

    def _advance(self, stream: int, count: int, opened: int = 0, decided: bytes | None = None) -> int:
        """Takes `count` positions of the stream, the first for a decision `decided`; returns the first."""
        self._check_held(stream)
        values: list[int | bytes] = [count, opened]
        changes = "position = position + $1, open = open + $2"
        if decided is not None:
            # One that was long on its way must still have its window closed.
            changes += ", expired = CASE WHEN expired > $3 THEN $3 ELSE expired END"
            values.append(decided)
        of = f"WHERE stream = ${len(values) + 1} RETURNING position"
        ((position,),) = self._change(f"UPDATE stream SET {changes} {of}", *values, stream)
        return int(position) - count + 1

    def _check_held(self, stream: int) -> None:
        if self.holds is not None and stream not in self.holds:
            raise ValueError(f"the operation changes stream {stream}, which it has not named")

    # Decisions

    def append_decisions(self, rows: DecisionColumns, requests: Sequence[Asked] = ()) -> None:
        teaching = 0 if rows.degraded else sum(group == Group.POLICY for group in rows.groups)
        first = self._advance(rows.stream, len(rows.units), teaching, rows.ids[:ID_BYTES])
        self._insert_decisions(rows, first)
        self.note_stragglers(rows)
        if requests:
            self._insert_requests(rows, requests)

    def known_requests(self, request_ids: Sequence[str]) -> set[str]:
        rows = self._run(f"SELECT id FROM request WHERE id {self._among_texts('$1')}", (self._list(request_ids),))
        return {row[0] for row in rows}

    def decision(self, stream: int, decision: bytes) -> DecisionRow | None:
        row = self._one(f"SELECT {_DECISION} FROM decision WHERE stream = $1 AND id = $2", stream, decision)
        return DecisionRow(*row) if row else None

    def request(self, request_id: str) -> list[DecisionRow] | None:
        found = self._one("SELECT stream, first, count FROM request WHERE id = $1", request_id)
        if found is None:
            return None
        rows = self._run(
            f"SELECT {_DECISION} FROM decision WHERE stream = $1 AND id >= $2 ORDER BY id LIMIT $3", tuple(found)
        )
        return [DecisionRow(*row) for row in rows]

    def standings(self, stream: int, decisions: Collection[bytes]) -> dict[bytes, Standing]:
        rows = self._run(
            "SELECT d.id, d.version, d.grp, d.degraded,"
            " EXISTS (SELECT 1 FROM exposure e WHERE e.stream = d.stream AND e.decision = d.id),"
            " coalesce((SELECT r.kind FROM resolution r WHERE r.stream = d.stream AND r.decision = d.id), 0)"
            f" FROM decision d WHERE d.stream = $1 AND d.id {self._among_blobs('$2')}",
            (stream, self._list(decisions)),
        )
        return {
            decision: Standing(version, group, degraded, bool(exposed), resolution)
            for decision, version, group, degraded, exposed, resolution in rows
        }

    def decisions_to_audit(self, stream: int) -> Iterator[DecisionRow]:
        rows = self._stream_rows(
            f"SELECT {_DECISION} FROM decision WHERE stream = $1 ORDER BY version, model_position, id", (stream,)
        )
        return (DecisionRow(*row) for row in rows)

    def decision_count(self, stream: int) -> int:
        return int(self._one("SELECT count(*) FROM decision WHERE stream = $1", stream)[0])

    def last_decision_id(self) -> bytes | None:
        """The latest id in any stream."""
        found: list[bytes] = [
            row[0]
            for (stream,) in list(self._run("SELECT stream FROM stream"))
            if (row := self._one("SELECT id FROM decision WHERE stream = $1 ORDER BY id DESC LIMIT 1", stream))
        ]
        return max(found, key=id_milliseconds, default=None)

    # Exposures, rewards, resolutions

    def append_exposure(self, stream: int, decision: bytes, time: int) -> None:
        position = self._advance(stream, 1)
        self._insert("exposure", ("stream", "decision", "position", "time"), [(stream, decision, position, time)])

    def append_rewards(self, rows: Sequence[RewardRow]) -> None:
        for stream, group in groupby(rows, key=attrgetter("stream")):
            same = list(group)
            first = self._advance(stream, len(same))
            self._insert(
                "reward",
                ("stream", "decision", "goal", "key", "position", "value", "late", "time"),
                [
                    (stream, row.decision, row.goal, row.key, first + index, row.value, row.late, row.time)
                    for index, row in enumerate(same)
                ],
            )

    def rewards(self, stream: int, decisions: Collection[bytes]) -> list[RewardRow]:
        rows = self._run(
            "SELECT position, stream, decision, goal, key, value, late, time FROM reward"
            f" WHERE stream = $1 AND decision {self._among_blobs('$2')}",
            (stream, self._list(decisions)),
        )
        # They are few: to set up its sorter takes SQLite longer than all the rest.
        return [RewardRow(*row) for _, *row in sorted(rows, key=itemgetter(0))]

    def append_resolutions(self, rows: Sequence[ResolutionRow]) -> None:
        for stream, group in groupby(rows, key=attrgetter("stream")):
            same = list(group)
            first = self._advance(stream, len(same), -len(same))
            self._insert(
                "resolution",
                ("stream", "position", "decision", "kind", "value", "time"),
                [
                    (stream, first + index, row.decision, int(row.kind), row.value, row.time)
                    for index, row in enumerate(same)
                ],
            )

    def resolutions(self, stream: int, decisions: Collection[bytes]) -> dict[bytes, Resolved]:
        rows = self._run(
            "SELECT decision, position, value, time FROM resolution"
            f" WHERE stream = $1 AND decision {self._among_blobs('$2')}",
            (stream, self._list(decisions)),
        )
        return {bytes(decision): Resolved(*rest) for decision, *rest in rows}

    def exposures(self, stream: int, decisions: Collection[bytes]) -> dict[bytes, int]:
        rows = self._run(
            f"SELECT decision, time FROM exposure WHERE stream = $1 AND decision {self._among_blobs('$2')}",
            (stream, self._list(decisions)),
        )
        return {bytes(decision): time for decision, time in rows}

    def lessons(self, stream: int, after: int, limit: int, up_to: int | None = None) -> Lessons:
        rows = list(
            self._run(
                "SELECT r.position, d.arm, r.value, d.context, r.time FROM resolution r"
                " JOIN decision d ON d.stream = r.stream AND d.id = r.decision"
                " WHERE r.stream = $1 AND r.position > $2 AND r.position <= $3 ORDER BY r.position LIMIT $4",
                (stream, after, _LAST if up_to is None else up_to, limit),
            )
        )
        return Lessons(*zip(*rows, strict=True)) if rows else Lessons((), (), (), (), ())

    def backlog(self, stream: int, after: int) -> tuple[int, int]:
        row = self._one("SELECT count(*), min(time) FROM resolution WHERE stream = $1 AND position > $2", stream, after)
        return int(row[0]), int(row[1] or 0)

    def last_decision(self, stream: int, before: bytes) -> bytes | None:
        row = self._one(
            "SELECT id FROM decision WHERE stream = $1 AND id < $2 ORDER BY id DESC LIMIT 1", stream, before
        )
        return bytes(row[0]) if row else None

    def windows_due(self, stream: int, before: bytes) -> bool:
        row = self._one(
            "SELECT 1 FROM decision WHERE stream = $1 AND id < $2"
            " AND id >= (SELECT expired FROM stream WHERE stream = $1) LIMIT 1",
            stream,
            before,
        )
        return row is not None

    def expirable(self, stream: int, before: bytes, limit: int) -> list[tuple[bytes, bool]]:
        rows = self._run(
            "SELECT d.id, EXISTS (SELECT 1 FROM exposure e WHERE e.stream = d.stream AND e.decision = d.id)"
            " FROM decision d WHERE d.stream = $1 AND d.id < $2"
            " AND d.id >= (SELECT expired FROM stream WHERE stream = $1)"
            f" AND d.grp = {int(Group.POLICY)} AND d.degraded = 0"
            " AND NOT EXISTS (SELECT 1 FROM resolution r WHERE r.stream = d.stream AND r.decision = d.id)"
            " ORDER BY d.id LIMIT $3",
            (stream, before, limit),
        )
        return [(decision, bool(exposed)) for decision, exposed in rows]

    def set_expired(self, stream: int, before: bytes, unresolved: int = 0) -> None:
        self._check_held(stream)
        self._change(
            "UPDATE stream SET expired = CASE WHEN expired < $1 THEN $1 ELSE expired END, open = open - $2"
            " WHERE stream = $3",
            before,
            unresolved,
            stream,
        )

    # Snapshots

    def put_snapshot(self, row: SnapshotRow, *, milestone_every: int) -> None:
        self._change(
            "DELETE FROM snapshot WHERE stream = $1 AND position / $2 = $3 / $2"
            " AND position <> (SELECT base FROM stream WHERE stream = $1)",
            row.stream,
            milestone_every,
            row.position,
        )
        self._change(
            "INSERT INTO snapshot (stream, position, version, state, digest) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (stream, position) DO NOTHING",
            row.stream,
            row.position,
            row.version,
            row.state,
            row.digest,
        )
        self._change("UPDATE learner SET position = $1 WHERE stream = $2", row.position, row.stream)

    def snapshot(self, stream: int, up_to: int, version: int) -> SnapshotRow | None:
        row = self._one(
            "SELECT stream, position, version, state, digest FROM snapshot"
            " WHERE stream = $1 AND position <= $2 AND version <= $3 ORDER BY position DESC LIMIT 1",
            stream,
            up_to,
            version,
        )
        return SnapshotRow(*row) if row else None

    def snapshots(self, stream: int) -> list[SnapshotRow]:
        rows = self._run(
            "SELECT stream, position, version, state, digest FROM snapshot WHERE stream = $1 ORDER BY position",
            (stream,),
        )
        return [SnapshotRow(*row) for row in rows]
