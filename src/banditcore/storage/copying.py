"""A store into another, whatever engines keep them: all of it, or what is missing.

The source is read in one consistent view and the target written in one transaction, so the target holds what the
source held at one moment, or what it held before. Events are only ever appended, so a target whose events are the
first of the source's is brought up to date with the rest; what the target has is compared before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from banditcore.assignment import ID_BYTES
from banditcore.errors import NotAllowedNow, StoreUnavailable
from banditcore.storage.base import MergeRow, Reader, StreamRow
from banditcore.storage.tables import DECISION_COLUMNS, Tables
from banditcore.storage.tallies import TALLIES

EVENTS: dict[str, tuple[str, ...]] = {
    "decision": DECISION_COLUMNS,
    "exposure": ("stream", "decision", "position", "time"),
    "reward": ("stream", "decision", "goal", "key", "position", "value", "late", "time"),
    "resolution": ("stream", "position", "decision", "kind", "value", "time"),
}
REQUEST = ("id", "stream", "first", "count")
# One row a stream each, which change as events come.
COUNTERS: dict[str, tuple[str, ...]] = {
    "stream": ("stream", "experiment", "position", "expired", "open", "base", "deleted"),
    "learner": ("stream", "position"),
}
# What imports came to, replaced as a whole; and merges of identities, of which the target's are the source's first.
COUNTED: dict[str, tuple[str, ...]] = {
    "import_count": ("experiment", "goal", "day", "attributed", "late", "unattributed", "conflicts"),
    "import_seen": ("experiment", "goal", "day", "mark"),
}
MERGED = MergeRow._fields
SNAPSHOT = ("stream", "position", "version", "state", "digest")
_CHUNK = 2_000
"""Rows in memory at a time."""
_LAST_ID = b"\xff" * ID_BYTES

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Copied:
    """What the target got."""

    streams: int = 0
    """That were new to it."""
    decisions: int = 0
    exposures: int = 0
    rewards: int = 0
    resolutions: int = 0
    requests: int = 0
    snapshots: int = 0
    merges: int = 0


def copy(source: Reader, target: Tables, progress: Progress = lambda done, of: None) -> Copied:
    """Brings `target` to where `source` is, within the transactions that both are in.

    Raises NotAllowedNow, before anything is written, when the target holds another store, or events that the source
    does not have.
    """
    assert isinstance(source, Tables)
    if _secret(target) != _secret(source):
        _refuse_if_filled(target)
        target._change("DELETE FROM secret")
        for name, value in source._run("SELECT name, value FROM secret"):
            target._change("INSERT INTO secret (name, value) VALUES ($1, $2)", name, value)
    known = {row.stream: row for row in target.streams()}
    _compare_definitions(source, target)
    for stream in known.values():
        _compare(source, target, stream)
    merges = _compare_merges(source, target)
    return _Copy(source, target, {stream: row.position for stream, row in known.items()}, merges, progress).run()


def _secret(tables: Tables) -> bytes | None:
    row = tables._one("SELECT value FROM secret WHERE name = 'decision-ids'")
    return bytes(row[0]) if row else None


# What the target has already


def _refuse_if_filled(target: Tables) -> None:
    for table in ("experiment", "stream"):
        if target._one(f"SELECT 1 FROM {table} LIMIT 1"):
            raise NotAllowedNow("the target holds another store, with another key: name an empty one")


def _compare_definitions(source: Tables, target: Tables) -> None:
    there = {row.name for row in source.experiments()}
    for row in target.experiments():
        if row.name not in there:
            raise _ahead(f"experiment {row.name}")
        versions = target.versions(row.name)
        if versions != source.versions(row.name)[: len(versions)]:
            raise _ahead(f"experiment {row.name}")


def _compare(source: Tables, target: Tables, row: StreamRow) -> None:
    """Raises NotAllowedNow when the target's events of a stream are not the source's first ones."""
    if row.position > source.stream_position(row.stream) or _deleted_since(source, target, row.stream) < 0:
        raise _ahead(f"stream {row.stream}")
    since = _oldest_kept(source, target, row.stream)
    for table in EVENTS:
        if _fingerprint(source, table, row, since) != _fingerprint(target, table, row, since):
            raise _ahead(f"stream {row.stream}")


def _compare_merges(source: Tables, target: Tables) -> int:
    """How many merges of identities the target has. Raises NotAllowedNow when they are not the source's first ones."""
    last = f"SELECT {', '.join(MERGED)} FROM merged ORDER BY number DESC LIMIT 1"
    newest = target._one(last)
    if newest is None:
        return 0
    same = source._one(f"SELECT {', '.join(MERGED)} FROM merged WHERE number = $1", newest[0])
    if same is None or tuple(same) != tuple(newest):
        raise _ahead(f"the merges of experiment {newest[1]}")
    return int(newest[0])


def _deleted_since(source: Tables, target: Tables, stream: int) -> int:
    """How many events of a stream retention has deleted in the source and not in the target."""
    return source.trimmed(stream).deleted - target.trimmed(stream).deleted


def _oldest_kept(source: Tables, target: Tables, stream: int) -> bytes:
    """What belongs to ids below it was deleted in the source since the last copy."""
    if not _deleted_since(source, target, stream):
        return b""
    row = source._one("SELECT id FROM decision WHERE stream = $1 ORDER BY id LIMIT 1", stream)
    return bytes(row[0]) if row else _LAST_ID


def _ahead(what: str) -> NotAllowedNow:
    return NotAllowedNow(
        f"the target has events or definitions in {what} that the source does not have, as when it was served since the"
        " last copy: name an empty one"
    )


def _fingerprint(tables: Tables, table: str, row: StreamRow, since: bytes) -> list[Any]:
    """Which positions the table has of the stream's, and its newest row there: histories that part differ in it."""
    columns = EVENTS[table]
    decision = "decision" if "decision" in columns else "id"
    count, total, newest = tables._one(
        f"SELECT count(*), coalesce(sum(position), 0), max(position) FROM {table}"
        f" WHERE stream = $1 AND position <= $2 AND {decision} >= $3",
        row.stream,
        row.position,
        since,
    )
    found = [int(count), int(total), newest]
    if newest is not None:
        last = f"SELECT {', '.join(columns)} FROM {table} WHERE stream = $1 AND position = $2"
        found += tables._one(last, row.stream, newest)
    return found


# What it lacks


class _Copy:
    def __init__(self, source: Tables, target: Tables, known: dict[int, int], merges: int, progress: Progress) -> None:
        """`known` are the streams that the target has, with their positions in it; `merges` how many it has."""
        self._merges = merges
        self._source, self._target, self._known, self._progress = source, target, known, progress
        self._streams = source.streams()
        self._done, self._of = 0, sum(self._missing(row) for row in self._streams)
        self._copied = Copied(streams=len(self._streams) - len(known))

    def _missing(self, row: StreamRow) -> int:
        """How many events are to come, as far as that can be told in advance."""
        return row.position - self._known.get(row.stream, 0) - _deleted_since(self._source, self._target, row.stream)

    def run(self) -> Copied:
        self._definitions()
        for row in self._streams:
            self._delete(row.stream)
            for table, columns in EVENTS.items():
                self._append(table, columns, row.stream)
        self._requests()
        for table, columns in (COUNTERS | TALLIES).items():
            self._replace(table, columns)
        for table, columns in COUNTED.items():
            self._replace(table, columns)
        self._merged()
        self._snapshots()
        return self._copied

    def _definitions(self) -> None:
        for row in self._source.experiments():
            self._target.put_experiment(row)
            known = len(self._target.versions(row.name))
            for version in self._source.versions(row.name)[known:]:
                self._target.put_version(version)

    def _delete(self, stream: int) -> None:
        """Deletes what retention has deleted."""
        if stream in self._known and _deleted_since(self._source, self._target, stream):
            self._target._delete(stream, _oldest_kept(self._source, self._target, stream))

    def _append(self, table: str, columns: Sequence[str], stream: int) -> None:
        rows = self._source._stream_rows(
            f"SELECT {', '.join(columns)} FROM {table} WHERE stream = $1 AND position > $2",
            (stream, self._known.get(stream, 0)),
        )
        self._insert(table, columns, rows, events=True)

    def _requests(self) -> None:
        if not self._known:
            self._insert("request", REQUEST, self._source._stream_rows(f"SELECT {', '.join(REQUEST)} FROM request"))
            return
        # A request came with the decisions that answered it, and is known when they are.
        rows = self._source._stream_rows(
            f"SELECT {', '.join(f'q.{column}' for column in REQUEST)}, d.position FROM request q"
            " JOIN decision d ON d.stream = q.stream AND d.id = q.first"
        )
        fresh = (row[:-1] for row in rows if row[-1] > self._known.get(row[1], 0))
        self._insert("request", REQUEST, fresh)

    def _insert(self, table: str, columns: Sequence[str], rows: Iterable[Any], *, events: bool = False) -> None:
        rows, name = iter(rows), f"{table}s"
        while chunk := self._read(rows):
            self._target._insert(table, columns, chunk)
            setattr(self._copied, name, getattr(self._copied, name) + len(chunk))
            if events:
                self._done += len(chunk)
                self._progress(self._done, max(self._done, self._of))

    def _read(self, rows: Iterator[Any]) -> list[Any]:
        try:
            return list(islice(rows, _CHUNK))
        except self._source.failures as error:
            # Said here, because further out it would be taken for a failure of the target.
            said = str(error).strip().partition("\n")[0]
            raise StoreUnavailable(f"the source failed ({said}), and the target was left as it was: retry") from error

    def _replace(self, table: str, columns: Sequence[str]) -> None:
        self._target._change(f"DELETE FROM {table}")
        rows = self._source._stream_rows(f"SELECT {', '.join(columns)} FROM {table}")
        while chunk := self._read(rows):
            self._target._insert(table, columns, chunk)

    def _merged(self) -> None:
        rows = self._source._stream_rows(f"SELECT {', '.join(MERGED)} FROM merged WHERE number > $1", (self._merges,))
        while chunk := self._read(rows):
            self._target._insert("merged", MERGED, chunk)
            self._copied.merges += len(chunk)

    def _snapshots(self) -> None:
        keys = "SELECT stream, position, version, digest FROM snapshot ORDER BY stream, position"
        wanted, had = ([tuple(row) for row in tables._run(keys)] for tables in (self._source, self._target))
        for stream, position, *_ in set(had) - set(wanted):
            self._target._change("DELETE FROM snapshot WHERE stream = $1 AND position = $2", stream, position)
        # One after the other: states may be large.
        for stream, position, *_ in sorted(set(wanted) - set(had)):
            row = self._source._one(
                f"SELECT {', '.join(SNAPSHOT)} FROM snapshot WHERE stream = $1 AND position = $2", stream, position
            )
            self._target._insert("snapshot", SNAPSHOT, [row])
            self._copied.snapshots += 1
