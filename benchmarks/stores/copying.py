"""Appending through the PostgreSQL store beside a bare binary COPY of the same rows into the same table."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import psycopg

from banditcore import DecisionEngine
from banditcore.assignment import DecisionIds, split_ids
from banditcore.storage.base import DecisionColumns
from banditcore.storage.postgres import PostgresStore
from banditcore.storage.tables import DECISION_COLUMNS
from benchmarks.stores.rates import AHEAD, BATCH, pipelined
from benchmarks.stores.world import FEATURES, NAME, WIDE, Rows

PER_TURN = 8
"""Batches of each side before it is the next side's turn."""
_TYPES = [
    *("int8", "bytea", "int8", "int8", "text", "int8", "int8", "int8", "int8", "int8"),
    *("bytea", "bytea", "bytea", "float8"),
]
_COPY = f"COPY bare ({', '.join(DECISION_COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()


def tuples(rows: DecisionColumns, first: int) -> list[tuple[Any, ...]]:
    """What the store writes for the rows, from position `first` on, made beforehand."""
    count = len(rows.units)
    contexts, vectors = _split(rows.contexts, count), _split(rows.propensities, count)
    whole = zip(split_ids(rows.ids), rows.units, rows.groups, rows.arms, contexts, vectors, strict=True)
    fixed = (rows.model_position, rows.degraded, rows.time)
    return [
        (rows.stream, id, first + index, rows.version, unit, group, arm, *fixed, context, vector, None, 0.0)
        for index, (id, unit, group, arm, context, vector) in enumerate(whole)
    ]


def _split(packed: bytes, count: int) -> list[bytes]:
    width = len(packed) // count
    return [packed[index * width : (index + 1) * width] for index in range(count)]


def encoded(rows: list[tuple[Any, ...]]) -> bytes:
    """The rows as PostgreSQL reads them, so that nothing is left for the client to do."""
    lines = (struct.pack(">h", len(row)) + b"".join(map(_field, row, _TYPES)) for row in rows)
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"".join(lines) + b"\xff\xff"


def _field(value: Any, kind: str) -> bytes:
    match kind:
        case _ if value is None:
            return b"\xff\xff\xff\xff"
        case "int8":
            return struct.pack(">iq", 8, value)
        case "float8":
            return struct.pack(">id", 8, value)
    raw = value if isinstance(value, bytes) else str(value).encode()
    return struct.pack(">i", len(raw)) + raw


class _Sides:
    """Each takes as many batches as it is given; what is sent is made before the clock starts."""

    def __init__(self, url: str, engine: DecisionEngine, store: PostgresStore) -> None:
        self._engine, self._store = engine, store
        self._stream = engine.apply(WIDE).stream
        self._rows = Rows(self._stream, DecisionIds(store.secret), len(WIDE.variants), FEATURES)
        self._bare = psycopg.connect(url, autocommit=True)
        self._bare.execute("CREATE TABLE bare (LIKE decision INCLUDING ALL)")
        self._vectors = np.random.default_rng(0).standard_normal((BATCH, FEATURES))

    def prepared(self) -> dict[str, Callable[[], object]]:
        """One turn of every side."""
        batches = [[self._batch() for _ in range(PER_TURN)] for _ in range(4)]
        rows = [tuples(batch, 1) for batch in batches[0]]
        ready = [encoded(tuples(batch, 1)) for batch in batches[1]]
        return {
            "bare COPY": lambda: self._copy_rows(rows),
            "bare COPY, encoded beforehand": lambda: self._copy_bytes(ready),
            "store, one at a time": lambda: self._append(batches[2], 1),
            f"store, {AHEAD} submitted": lambda: self._append(batches[3], AHEAD),
            "engine, one at a time": lambda: self._decide(1),
            f"engine, {AHEAD} submitted": lambda: self._decide(AHEAD),
        }

    def _batch(self) -> DecisionColumns:
        return self._rows.decisions(BATCH, time.time_ns() // 1000)

    def _copy_rows(self, batches: list[list[tuple[Any, ...]]]) -> None:
        for rows in batches:
            with self._bare.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for row in rows:
                    copy.write_row(row)

    def _copy_bytes(self, batches: list[bytes]) -> None:
        for data in batches:
            with self._bare.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(data)

    def _append(self, batches: list[DecisionColumns], ahead: int) -> None:
        def call(batch: DecisionColumns) -> Callable[[], Any]:
            return lambda: self._store.write(lambda tx: tx.append_decisions(batch), [self._stream])

        pipelined(map(call, batches), ahead)

    def _decide(self, ahead: int) -> None:
        units = [f"customer-{number}" for number in range(BATCH)]
        done = pipelined([partial(self._engine.submit_batch, NAME, units, self._vectors)] * PER_TURN, ahead)
        assert not any(batch.degraded for batch in done)

    def close(self) -> None:
        self._bare.close()


def beside_copy(url: str, turns: int) -> dict[str, dict[str, float]]:
    """Median rows a second of each side, and its share of what each bare COPY did in the same turns."""
    store = PostgresStore(url)
    with DecisionEngine(store, learn_in_background=False) as engine:
        sides = _Sides(url, engine, store)
        times: dict[str, list[float]] = {name: [] for name in sides.prepared()}
        for turn in range(turns + 1):
            order = list(sides.prepared().items())
            # Neither side always comes first after the pause in which rows are made; the first turn warms up.
            for name, call in order[turn % len(order) :] + order[: turn % len(order)]:
                started = perf_counter()
                call()
                if turn:
                    times[name].append(perf_counter() - started)
        sides.close()
    bare, ready = times["bare COPY"], times["bare COPY, encoded beforehand"]
    return {
        name: {
            "per_s": round(PER_TURN * BATCH / median(took)),
            "of_bare": round(median(bare) / median(took), 3),
            "of_encoded": round(median(ready) / median(took), 3),
        }
        for name, took in times.items()
    }
