"""What PostgreSQL says in its own way."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import psycopg

from banditcore.assignment import split_ids
from banditcore.errors import StoreCorrupt, StoreUnavailable
from banditcore.estimators.lift.moments import NAMES
from banditcore.storage.base import Asked, DecisionColumns
from banditcore.storage.tables import DECISION_COLUMNS, Tables, migrations, replacing
from banditcore.storage.tallies import BY_NUMBER, LOOK

Connection = psycopg.Connection[tuple[Any, ...]]

# One file of statements for both engines: the types differ in name only, and texts compare by bytes in SQLite.
_WORDS = {
    "INTEGER": "BIGINT",
    "BLOB": "BYTEA",
    "REAL": "DOUBLE PRECISION",
    "TEXT": 'TEXT COLLATE "C"',
    " WITHOUT ROWID": "",
}
_TYPES = {
    "float8": {"value", "certificate", "outcome", "y", "d", *NAMES[2:], *LOOK[2:]},
    "bytea": {
        *("id", "decision", "first", "context", "propensities", "eligible", "state", "digest", "expired"),
        *("counted", "sums", "mark"),
    },
    "text": {
        *("unit", "goal", "key", "experiment", "name", "status", "spec", "arms", "target"),
        *("traits", "audience", "trait", "variant", "kind", "subject", "message"),
    },
}
_TYPE_OF = {column: kind for kind, columns in _TYPES.items() for column in columns}
_TYPE_IN = {
    ("request", "id"): "text",
    ("unit_outcome", "first"): "text",
    ("resolution", "kind"): "int8",
    ("verdict", "outcome"): "text",
    # Here experiments go by the number of their first stream.
    **{(table, "experiment"): "int8" for table in BY_NUMBER},
}
_MIGRATING = 0x62616E64  # advisory lock: replicas that start together migrate one after the other


def migrate(connection: Connection, origin: str) -> None:
    """Brings the schema to this release in one transaction. Raises StoreCorrupt on a foreign or newer database."""
    steps = migrations()
    with connection.transaction():
        connection.execute(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
        version = _version(connection)
        if version is None:
            if _exists(connection, "decision"):
                raise StoreCorrupt(f"{origin} has a table `decision` of another program: choose another database")
            connection.execute("CREATE TABLE banditcore_schema (version BIGINT NOT NULL)")
            connection.execute("INSERT INTO banditcore_schema (version) VALUES (0)")
            version = 0
        _refuse_newer(version, origin)
        for step in steps[version:]:
            connection.execute(_translated(step).encode())
        if version < len(steps):
            connection.execute("UPDATE banditcore_schema SET version = $1", (len(steps),))


def check_current(connection: Connection, origin: str) -> None:
    """For those who only read: raises StoreCorrupt or StoreUnavailable when the schema is not this release's."""
    version = _version(connection)
    if version is None:
        raise StoreUnavailable(f"{origin} holds no log of banditcore: name the server's database")
    _refuse_newer(version, origin)
    if version < len(migrations()):
        raise StoreUnavailable(
            f"{origin} was written by an older release (schema {version}): start `banditcore serve` on it once,"
            " which brings it up to date"
        )


def is_ours(connection: Connection) -> bool:
    """Whether there is a schema of ours, of whatever release."""
    return _version(connection) is not None


def _refuse_newer(version: int, origin: str) -> None:
    if version > len(migrations()):
        raise StoreCorrupt(f"{origin} was written by a newer release (schema {version}): upgrade banditcore")


def _version(connection: Connection) -> int | None:
    if not _exists(connection, "banditcore_schema"):
        return None
    row = connection.execute("SELECT version FROM banditcore_schema").fetchone()
    return int(row[0]) if row else None


def _exists(connection: Connection, table: str) -> bool:
    row = connection.execute("SELECT to_regclass($1) IS NOT NULL", (table,)).fetchone()
    return bool(row and row[0])


def _translated(statements: str) -> str:
    words = "|".join(rf"\b{word}\b" if word[0] != " " else word for word in _WORDS)
    return re.sub(words, lambda found: _WORDS[found[0]], statements)


class PostgresTables(Tables):
    """The tables on one connection of psycopg, within a transaction of the caller's.

    `touch` is called before every statement: whoever watches over the connection knows that it is being used.
    """

    failures = (psycopg.Error, OSError)

    def __init__(self, connection: Connection, touch: Callable[[], None] = lambda: None) -> None:
        self._connection, self._touch = connection, touch

    def _run(self, sql: str, bindings: Sequence[Any] = ()) -> Iterable[Sequence[Any]]:
        self._touch()
        cursor = self._connection.execute(sql.encode(), bindings)
        return cursor.fetchall() if cursor.description else ()

    def _stream_rows(self, sql: str, bindings: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        with psycopg.RawServerCursor(self._connection, "rows") as cursor:
            cursor.itersize = 5_000
            cursor.execute(sql.encode(), bindings)
            for row in cursor:
                self._touch()
                yield row

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.wrote = True
        types = [_TYPE_IN.get((table, column)) or _TYPE_OF.get(column, "int8") for column in columns]
        self._copy(table, columns, rows, types)

    def _replace_many(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        self.wrote = True
        types = [_TYPE_IN.get((table, column)) or _TYPE_OF.get(column, "int8") for column in columns]
        arrays = ", ".join(f"${index + 1}::{kind}[]" for index, kind in enumerate(types))
        self._run(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {replacing(columns, keys)}",
            [list(column) for column in zip(*rows, strict=True)],
        )

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], types: list[str]) -> None:
        self._touch()
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _insert_decisions(self, rows: DecisionColumns, first: int) -> None:
        count, stated = len(rows.units), rows.certificates
        fixed = (rows.model_position, rows.degraded, rows.time)
        types = [_TYPE_OF.get(column, "int8") for column in DECISION_COLUMNS]
        columns = zip(
            split_ids(rows.ids),
            rows.units,
            rows.groups,
            rows.arms,
            _split(rows.contexts, count),
            _split(rows.propensities, count),
            [None] * count if rows.eligible is None else _split(rows.eligible, count),
            [stated] * count if isinstance(stated, float) else stated,
            strict=True,
        )
        self._copy(
            "decision",
            DECISION_COLUMNS,
            (
                (rows.stream, id, first + index, rows.version, unit, group, arm, *fixed, context, vector, mask, error)
                for index, (id, unit, group, arm, context, vector, mask, error) in enumerate(columns)
            ),
            types,
        )

    def _insert_requests(self, rows: DecisionColumns, requests: Sequence[Asked]) -> None:
        ids = split_ids(rows.ids)
        self._copy(
            "request",
            ("id", "stream", "first", "count"),
            ((asked.request_id, rows.stream, ids[asked.first], asked.length) for asked in requests),
            ["text", "int8", "bytea", "int8"],
        )

    def _among_texts(self, parameter: str) -> str:
        return f"= ANY({parameter})"

    def _hashed_texts(self, parameter: str) -> str:
        # A bound list is searched from end to end for every row; that of a query is hashed once.
        return f"IN (SELECT unnest({parameter}::text[]))"

    def _among_blobs(self, parameter: str) -> str:
        return f"= ANY({parameter})"

    def _list(self, values: Collection[bytes] | Collection[str]) -> list[Any]:
        return list(values)


def _split(packed: bytes, count: int) -> list[bytes]:
    width = len(packed) // count
    return [packed[index * width : (index + 1) * width] for index in range(count)]
