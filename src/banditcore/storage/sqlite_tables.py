"""What SQLite says in its own way."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import apsw

from banditcore.assignment import ID_BYTES
from banditcore.errors import StoreCorrupt, StoreUnavailable
from banditcore.storage.base import Asked, DecisionColumns
from banditcore.storage.tables import DECISION_COLUMNS, Tables, migrations, replacing

APPLICATION_ID = 0x62616E64  # "band": tells our files from other SQLite databases
_INSERT_DECISIONS = f"""
INSERT INTO decision ({", ".join(DECISION_COLUMNS)})
SELECT :stream, substr(:ids, key * {ID_BYTES} + 1, {ID_BYTES}), :first + key, :version, value ->> 0, value ->> 1,
    value ->> 2, :model_position, :degraded, :time, coalesce(substr(:contexts, key * :context + 1, :context), x''),
    substr(:propensities, key * :vector + 1, :vector), substr(:eligible, key * :vector / 8 + 1, :vector / 8),
    coalesce(value ->> 3, :certificate)
FROM json_each(:rows)"""
_INSERT_REQUESTS = f"""
INSERT INTO request (id, stream, first, count)
SELECT value ->> 0, :stream, substr(:ids, (value ->> 1) * {ID_BYTES} + 1, {ID_BYTES}), value ->> 2
FROM json_each(:requests)"""


def check_current(connection: apsw.Connection, origin: str) -> None:
    """`check_origin` for those who only read: raises StoreUnavailable when the schema is an older release's."""
    check_origin(connection, origin)
    version = int(connection.pragma("user_version"))
    if version < len(migrations()):
        raise StoreUnavailable(
            f"{origin} was written by an older release (schema {version}): start `banditcore serve` on it once,"
            " which brings it up to date"
        )


def check_origin(connection: apsw.Connection, origin: str) -> None:
    """Raises StoreCorrupt when a database that is not empty is another program's or a newer release's."""
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StoreCorrupt(f"{origin} is an SQLite database of another program: choose another directory")
    version = int(connection.pragma("user_version"))
    if version > len(migrations()):
        raise StoreCorrupt(f"{origin} was written by a newer release (schema {version}): upgrade banditcore")


def migrate(connection: apsw.Connection, origin: str) -> None:
    """Brings the schema to this release in one transaction. Raises StoreCorrupt on a foreign or newer file."""
    steps = migrations()
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


class SqliteTables(Tables):
    """The tables on one connection of APSW."""

    failures = (apsw.Error, OSError)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def integrity(self) -> list[str]:
        verdicts = [row[0] for row in self._connection.execute("PRAGMA integrity_check")]
        lines = [line for verdict in verdicts for line in verdict.splitlines() if not line.startswith("***")]
        return [] if lines == ["ok"] else [f"SQLite: {line}" for line in lines]

    def _run(self, sql: str, bindings: Sequence[Any] = ()) -> Iterable[Sequence[Any]]:
        return self._connection.execute(sql, bindings)

    def _stream_rows(self, sql: str, bindings: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        return self._connection.execute(sql, bindings)

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.wrote = True
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    def _replace_many(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        self.wrote = True
        ending = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {replacing(columns, keys)}"
        into = f"INSERT INTO {table} ({', '.join(columns)})"
        if any(isinstance(value, bytes) for value in rows[0]):
            marks = ", ".join("?" * len(columns))
            self._connection.executemany(f"{into} VALUES ({marks}) {ending}", rows)
            return
        # In one statement, as in `_insert_decisions`. SQLite reads floats back from JSON to the last bit.
        values = ", ".join(f"value ->> {index}" for index in range(len(columns)))
        self._connection.execute(f"{into} SELECT {values} FROM json_each(?) WHERE true {ending}", (json.dumps(rows),))

    def _insert_decisions(self, rows: DecisionColumns, first: int) -> None:
        # One statement for all rows: SQLite unpacks them without the interpreter's lock, for which a statement per
        # row would have to queue up behind the requests, row after row.
        count, stated = len(rows.units), rows.certificates
        several = () if isinstance(stated, float) else (stated,)
        self._connection.execute(
            _INSERT_DECISIONS,
            {
                "stream": rows.stream,
                "first": first,
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

    def _insert_requests(self, rows: DecisionColumns, requests: Sequence[Asked]) -> None:
        bindings = {"stream": rows.stream, "requests": json.dumps(requests), "ids": rows.ids}
        self._connection.execute(_INSERT_REQUESTS, bindings)

    def _among_texts(self, parameter: str) -> str:
        return f"IN (SELECT value FROM json_each({parameter}))"

    def _hashed_texts(self, parameter: str) -> str:
        return f"IN (SELECT value FROM json_each({parameter}))"

    def _among_blobs(self, parameter: str) -> str:
        return f"IN (SELECT unhex(value) FROM json_each({parameter}))"

    def _list(self, values: Collection[bytes] | Collection[str]) -> str:
        return json.dumps([value.hex() if isinstance(value, bytes) else value for value in values])
