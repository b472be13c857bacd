"""The tables of `migrations/` as a `Transaction`: every SQL statement of the embedded stores is here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from typing import Any

import apsw

from banditcore.assignment import ID_BYTES, MAX_STREAM, id_milliseconds
from banditcore.errors import NotAllowedNow, StoreCorrupt, StoreUnavailable
from banditcore.storage.base import (
    Asked,
    DecisionColumns,
    DecisionRow,
    ExperimentRow,
    GoalQuery,
    Lessons,
    ResolutionRow,
    RewardRow,
    SnapshotRow,
    VersionRow,
)
from banditcore.types import Group

APPLICATION_ID = 0x62616E64  # "band": tells our files from other SQLite databases
_DECISION = (
    "stream, id, position, version, unit, grp, arm, model_position, degraded, time, context, propensities, eligible,"
    " certificate"
)
_LAST = 2**63 - 1
_INSERT_DECISIONS = f"""
INSERT INTO decision ({_DECISION})
SELECT :stream, substr(:ids, key * {ID_BYTES} + 1, {ID_BYTES}), :first + key, :version, value ->> 0, value ->> 1,
    value ->> 2, :model_position, :degraded, :time, coalesce(substr(:contexts, key * :context + 1, :context), x''),
    substr(:propensities, key * :vector + 1, :vector), substr(:eligible, key * :vector / 8 + 1, :vector / 8),
    coalesce(value ->> 3, :certificate)
FROM json_each(:rows)"""
_INSERT_REQUESTS = f"""
INSERT INTO request (id, stream, first, count)
SELECT value ->> 0, :stream, substr(:ids, (value ->> 1) * {ID_BYTES} + 1, {ID_BYTES}), value ->> 2
FROM json_each(:requests)"""
# The first reward in time that was there when the decision resolved, if any, says how it had to.
_UNFOUNDED = """
SELECT r.decision, CASE
    WHEN d.grp <> 1 OR d.degraded THEN 'resolved, though it teaches nothing'
    WHEN r.kind = 1 THEN 'resolved with another value than its reward'
    ELSE 'resolved by its window''s close, against its rewards'
END
FROM resolution r JOIN decision d ON d.stream = r.stream AND d.id = r.decision
WHERE r.stream = :stream AND (
    d.grp <> 1 OR d.degraded OR r.kind NOT IN (1, 2)
    OR r.kind = 2 AND r.value <> :default
    OR (r.kind = 1) IS NOT EXISTS (
        SELECT 1 FROM reward w WHERE w.stream = r.stream AND w.decision = r.decision AND w.goal = :goal
            AND w.late = 0 AND w.position < r.position)
    OR r.kind = 1 AND r.value IS NOT (
        SELECT value FROM reward w WHERE w.stream = r.stream AND w.decision = r.decision AND w.goal = :goal
            AND w.late = 0 ORDER BY w.position LIMIT 1)
)
ORDER BY r.position LIMIT 1"""
_EVENTS = ("decision", "exposure", "reward", "resolution")


def check_current(connection: apsw.Connection, origin: str) -> None:
    """`check_origin` for those who only read: raises StoreUnavailable when the schema is an older release's."""
    check_origin(connection, origin)
    version = int(connection.pragma("user_version"))
    if version < len(_steps()):
        raise StoreUnavailable(
            f"{origin} was written by an older release (schema {version}): start `banditcore serve` on it once,"
            " which brings it up to date"
        )


def check_origin(connection: apsw.Connection, origin: str) -> None:
    """Raises StoreCorrupt when a database that is not empty is another program's or a newer release's."""
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StoreCorrupt(f"{origin} is an SQLite database of another program: choose another directory")
    version = int(connection.pragma("user_version"))
    if version > len(_steps()):
        raise StoreCorrupt(f"{origin} was written by a newer release (schema {version}): upgrade banditcore")


def _steps() -> list[str]:
    """The statements of each migration, oldest first."""
    found = [entry for entry in files("banditcore.storage.migrations").iterdir() if entry.name.endswith(".sql")]
    return [entry.read_text() for entry in sorted(found, key=lambda entry: entry.name)]


def migrate(connection: apsw.Connection, origin: str) -> None:
    """Brings the schema to this release in one transaction. Raises StoreCorrupt on a foreign or newer file."""
    steps = _steps()
    empty = not connection.execute("SELECT count(*) FROM sqlite_schema").get
    if not empty:
        check_origin(connection, origin)
    version = int(connection.pragma("user_version"))
    if version == len(steps):
        return
    with connection:
        for step in steps[version:]:
            connection.execute(step)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", len(steps))


class Tables:
    """Keeps `banditcore.storage.base.Transaction` on one connection, within the caller's transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._run = connection.execute
        self._run_many = connection.executemany

    def _one(self, sql: str, *bindings: Any) -> Any:
        return next(iter(self._run(sql, bindings)), None)

    # Experiments

    def experiments(self) -> list[ExperimentRow]:
        rows = self._run("SELECT name, status, version, create_time, update_time FROM experiment ORDER BY name")
        return [ExperimentRow(*row) for row in rows]

    def versions(self, experiment: str) -> list[VersionRow]:
        rows = self._run(
            "SELECT experiment, version, stream, spec, arms, time FROM experiment_version"
            " WHERE experiment = ? ORDER BY version",
            (experiment,),
        )
        return [VersionRow(*row) for row in rows]

    def put_experiment(self, row: ExperimentRow) -> None:
        self._run(
            "INSERT OR REPLACE INTO experiment (name, status, version, create_time, update_time) VALUES (?,?,?,?,?)",
            (row.name, row.status, row.version, row.create_time, row.update_time),
        )

    def put_version(self, row: VersionRow) -> None:
        self._run(
            "INSERT INTO experiment_version (experiment, version, stream, spec, arms, time) VALUES (?,?,?,?,?,?)",
            (row.experiment, row.version, row.stream, row.spec, row.arms, row.time),
        )

    def new_stream(self, experiment: str) -> int:
        stream = int(self._one("SELECT coalesce(max(stream), 0) + 1 FROM stream")[0])
        if stream > MAX_STREAM:
            raise NotAllowedNow(f"this store has opened its {MAX_STREAM} streams: start a new one")
        self._run(
            "INSERT INTO stream (stream, experiment, position, expired) VALUES (?, ?, 0, x'')", (stream, experiment)
        )
        return stream

    def stream_position(self, stream: int) -> int:
        row = self._one("SELECT position FROM stream WHERE stream = ?", stream)
        return int(row[0]) if row else 0

    def _advance(self, stream: int, count: int) -> int:
        """Takes `count` positions of the stream; returns the first."""
        row = self._one("UPDATE stream SET position = position + ? WHERE stream = ? RETURNING position", count, stream)
        return int(row[0]) - count + 1

    # Decisions

    def append_decisions(self, rows: DecisionColumns, requests: Sequence[Asked] = ()) -> None:
        # One statement for all rows: SQLite unpacks them without the interpreter's lock, for which a statement per
        # row would have to queue up behind the requests, row after row.
        count, stated = len(rows.units), rows.certificates
        several = () if isinstance(stated, float) else (stated,)
        self._run(
            _INSERT_DECISIONS,
            {
                "stream": rows.stream,
                "first": self._advance(rows.stream, count),
                "version": rows.version,
                "model_position": rows.model_position,
                "degraded": rows.degraded,
                "time": rows.time,
                "rows": json.dumps(list(zip(rows.units, rows.groups, rows.arms, *several, strict=True))),
                "ids": rows.ids,
                "contexts": rows.contexts,
                "context": len(rows.contexts) // count,
                "propensities": rows.propensities,
                "vector": len(rows.propensities) // count,
                "eligible": rows.eligible,
                "certificate": stated if isinstance(stated, float) else 0.0,
            },
        )
        if requests:
            bindings = {"stream": rows.stream, "requests": json.dumps(requests), "ids": rows.ids}
            self._run(_INSERT_REQUESTS, bindings)

    def known_requests(self, request_ids: Sequence[str]) -> set[str]:
        rows = self._run(
            "SELECT id FROM request WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(request_ids),)
        )
        return {row[0] for row in rows}

    def decision(self, stream: int, decision: bytes) -> DecisionRow | None:
        row = self._one(f"SELECT {_DECISION} FROM decision WHERE stream = ? AND id = ?", stream, decision)
        return DecisionRow(*row) if row else None

    def request(self, request_id: str) -> list[DecisionRow] | None:
        found = self._one("SELECT stream, first, count FROM request WHERE id = ?", request_id)
        if found is None:
            return None
        rows = self._run(f"SELECT {_DECISION} FROM decision WHERE stream = ? AND id >= ? ORDER BY id LIMIT ?", found)
        return [DecisionRow(*row) for row in rows]

    def decisions_to_audit(self, stream: int) -> Iterator[DecisionRow]:
        rows = self._run(
            f"SELECT {_DECISION} FROM decision WHERE stream = ? ORDER BY version, model_position", (stream,)
        )
        return (DecisionRow(*row) for row in rows)

    def last_decision_id(self) -> bytes | None:
        found: list[bytes] = [
            row[0]
            for (stream,) in self._run("SELECT stream FROM stream").fetchall()
            if (row := self._one("SELECT max(id) FROM decision WHERE stream = ?", stream))[0]
        ]
        return max(found, key=id_milliseconds, default=None)

    # Exposures, rewards, resolutions

    def append_exposure(self, stream: int, decision: bytes, time: int) -> None:
        position = self._advance(stream, 1)
        self._run(
            "INSERT INTO exposure (stream, decision, position, time) VALUES (?,?,?,?)",
            (stream, decision, position, time),
        )

    def exposed(self, stream: int, decision: bytes) -> bool:
        return self._one("SELECT 1 FROM exposure WHERE stream = ? AND decision = ?", stream, decision) is not None

    def append_reward(self, row: RewardRow) -> None:
        position = self._advance(row.stream, 1)
        self._run(
            "INSERT INTO reward (stream, decision, goal, key, position, value, late, time) VALUES (?,?,?,?,?,?,?,?)",
            (row.stream, row.decision, row.goal, row.key, position, row.value, row.late, row.time),
        )

    def rewards(self, stream: int, decision: bytes) -> list[RewardRow]:
        rows = self._run(
            "SELECT stream, decision, goal, key, value, late, time FROM reward WHERE stream = ? AND decision = ?"
            " ORDER BY position",
            (stream, decision),
        )
        return [RewardRow(*row) for row in rows]

    def append_resolutions(self, rows: Sequence[ResolutionRow]) -> None:
        for stream, group in groupby(rows, key=attrgetter("stream")):
            same = list(group)
            first = self._advance(stream, len(same))
            self._run_many(
                "INSERT INTO resolution (stream, position, decision, kind, value, time) VALUES (?,?,?,?,?,?)",
                [
                    (stream, first + index, row.decision, int(row.kind), row.value, row.time)
                    for index, row in enumerate(same)
                ],
            )

    def resolved(self, stream: int, decision: bytes) -> bool:
        return self._one("SELECT 1 FROM resolution WHERE stream = ? AND decision = ?", stream, decision) is not None

    def lessons(self, stream: int, after: int, limit: int, up_to: int | None = None) -> Lessons:
        rows = self._run(
            "SELECT r.position, d.arm, r.value, d.context, r.time FROM resolution r"
            " JOIN decision d ON d.stream = r.stream AND d.id = r.decision"
            " WHERE r.stream = ? AND r.position > ? AND r.position <= ? ORDER BY r.position LIMIT ?",
            (stream, after, _LAST if up_to is None else up_to, limit),
        ).fetchall()
        return Lessons(*zip(*rows, strict=True)) if rows else Lessons((), (), (), (), ())

    def last_decision(self, stream: int, before: bytes) -> bytes | None:
        row = self._one("SELECT max(id) FROM decision WHERE stream = ? AND id < ?", stream, before)
        return bytes(row[0]) if row[0] is not None else None

    def windows_due(self, stream: int, before: bytes) -> bool:
        row = self._one(
            "SELECT 1 FROM decision WHERE stream = ?1 AND id < ?2"
            " AND id >= (SELECT expired FROM stream WHERE stream = ?1) LIMIT 1",
            stream,
            before,
        )
        return row is not None

    def expirable(self, stream: int, before: bytes, limit: int) -> list[tuple[bytes, bool]]:
        rows = self._run(
            "SELECT d.id, EXISTS (SELECT 1 FROM exposure e WHERE e.stream = d.stream AND e.decision = d.id)"
            " FROM decision d WHERE d.stream = :stream AND d.id < :before"
            " AND d.id >= (SELECT expired FROM stream WHERE stream = :stream)"
            " AND d.grp = :group AND d.degraded = 0"
            " AND NOT EXISTS (SELECT 1 FROM resolution r WHERE r.stream = d.stream AND r.decision = d.id)"
            " ORDER BY d.id LIMIT :limit",
            {"stream": stream, "before": before, "group": int(Group.POLICY), "limit": limit},
        )
        return [(decision, bool(exposed)) for decision, exposed in rows]

    def set_expired(self, stream: int, before: bytes) -> None:
        self._run("UPDATE stream SET expired = max(expired, ?) WHERE stream = ?", (before, stream))

    # Snapshots

    def put_snapshot(self, row: SnapshotRow, *, milestone_every: int) -> None:
        self._run(
            "DELETE FROM snapshot WHERE stream = ? AND position / ? = ? / ?",
            (row.stream, milestone_every, row.position, milestone_every),
        )
        self._run(
            "INSERT INTO snapshot (stream, position, version, state, digest) VALUES (?,?,?,?,?)",
            (row.stream, row.position, row.version, row.state, row.digest),
        )

    def snapshot(self, stream: int, up_to: int, version: int) -> SnapshotRow | None:
        row = self._one(
            "SELECT stream, position, version, state, digest FROM snapshot"
            " WHERE stream = ? AND position <= ? AND version <= ? ORDER BY position DESC LIMIT 1",
            stream,
            up_to,
            version,
        )
        return SnapshotRow(*row) if row else None

    def snapshots(self, stream: int) -> list[SnapshotRow]:
        rows = self._run(
            "SELECT stream, position, version, state, digest FROM snapshot WHERE stream = ? ORDER BY position",
            (stream,),
        )
        return [SnapshotRow(*row) for row in rows]

    # Sums for audit and report

    def unfounded_resolutions(self, stream: int, goal: str, default: float) -> list[str]:
        rows = self._run(_UNFOUNDED, {"stream": stream, "goal": goal, "default": default})
        return [f"decision {decision.hex()}: {why}" for decision, why in rows]

    def density(self, stream: int) -> tuple[int, int, int]:
        union = " UNION ALL ".join(f"SELECT position FROM {table} WHERE stream = :stream" for table in _EVENTS)
        row = self._one_named(
            f"SELECT count(*), count(DISTINCT position), coalesce(max(position), 0) FROM ({union})", stream=stream
        )
        return int(row[0]), int(row[1]), int(row[2])

    def _one_named(self, sql: str, **bindings: Any) -> Any:
        return next(iter(self._run(sql, bindings)))

    def group_counts(self, streams: tuple[int, ...]) -> dict[int, tuple[int, int]]:
        rows = self._run(
            "SELECT grp, count(*), count(DISTINCT unit) FROM decision"
            f" WHERE stream IN ({_marks(streams)}) GROUP BY grp",
            streams,
        )
        return {group: (decisions, units) for group, decisions, units in rows}

    def outcome_moments(self, query: GoalQuery) -> dict[int, tuple[int, int, float, float]]:
        per_unit = f"SELECT grp, {_combine(query)}(y) AS y FROM ({_outcomes(query)}) GROUP BY unit, grp"
        rows = self._run(
            f"SELECT grp, count(*), sum(y <> 0), sum(y), sum(y * y) FROM ({per_unit}) GROUP BY grp", _bindings(query)
        )
        return {group: (units, nonzero, total, squares) for group, units, nonzero, total, squares in rows}

    def arm_outcomes(self, query: GoalQuery) -> dict[tuple[int, int], tuple[int, int, float]]:
        counts = self._run(
            f"SELECT stream, arm, count(*) FROM decision WHERE stream IN ({_marks(query.streams)}) AND grp = ?"
            " GROUP BY stream, arm",
            (*query.streams, int(Group.POLICY)),
        )
        result = {(stream, arm): (decisions, 0, 0.0) for stream, arm, decisions in counts}
        matured = self._run(
            f"SELECT stream, arm, count(*), sum(y) FROM ({_outcomes(query)}) WHERE grp = {int(Group.POLICY)}"
            " GROUP BY stream, arm",
            _bindings(query),
        )
        for stream, arm, count, total in matured:
            result[stream, arm] = (result[stream, arm][0], count, total)
        return result


def _combine(query: GoalQuery) -> str:
    # A unit converts once however often it did; values add up.
    return "max" if query.binary else "sum"


def _marks(streams: tuple[int, ...]) -> str:
    return ",".join("?" * len(streams))


def _outcomes(query: GoalQuery) -> str:
    """One row per decision whose window has closed: (stream, unit, grp, arm, y)."""
    marks = ",".join(str(int(stream)) for stream in query.streams)
    versions = ",".join(str(int(version)) for version in query.versions)
    exposed = (
        " AND EXISTS (SELECT 1 FROM exposure e WHERE e.stream = d.stream AND e.decision = d.id)"
        if query.explicit_exposure
        else ""
    )
    return (
        "SELECT d.stream AS stream, d.unit AS unit, d.grp AS grp, d.arm AS arm, coalesce(r.v, :default) AS y"
        f" FROM decision d LEFT JOIN (SELECT stream, decision, {_combine(query)}(value) AS v FROM reward"
        f" WHERE stream IN ({marks}) AND goal = :goal AND late = 0 GROUP BY stream, decision) r"
        " ON r.stream = d.stream AND r.decision = d.id"
        f" WHERE d.stream IN ({marks}) AND d.version IN ({versions}) AND d.id < :closed_before{exposed}"
    )


def _bindings(query: GoalQuery) -> dict[str, Any]:
    return {"goal": query.goal, "default": query.default, "closed_before": query.closed_before}
