"""Whether a store is sound: that what it holds fits together, without folding or deciding anything again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from banditcore.assignment import DecisionIds, id_stream
from banditcore.audit import numbering
from banditcore.errors import StoreCorrupt
from banditcore.learner import unpack
from banditcore.storage.base import Reader, StreamRow
from banditcore.storage.tables import Tables, migrations

SHOWN = 20
_REFERRING = {"exposure": "an exposure", "reward": "a reward", "resolution": "a resolution"}
_EVENTS = ("decision", *_REFERRING)
_ANY_VERSION = 2**31 - 1
_CHUNK = 1_000

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Check:
    """What a check has looked at and found."""

    schema: int = 0
    """Number of the last migration, which is this release's: nothing else can be opened."""
    streams: int = 0
    decisions: int = 0
    exposures: int = 0
    rewards: int = 0
    resolutions: int = 0
    requests: int = 0
    snapshots: int = 0
    found: int = 0
    """Problems, all of them."""
    problems: list[str] = field(default_factory=list)
    """The first `SHOWN` in words."""

    @property
    def passed(self) -> bool:
        return not self.found

    def add(self, problem: str) -> None:
        self.found += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)


def check(reader: Reader, secret: bytes, progress: Progress = lambda done, of: None) -> Check:
    """Looks through one consistent view of a store; `progress` gets how many ids are verified, and of how many."""
    assert isinstance(reader, Tables)
    found = Check(schema=len(migrations()))
    try:
        for problem in reader.integrity():
            found.add(problem)
        if found.passed:
            # Of damaged pages everything else would only be the consequence.
            _count(reader, found)
            for problem in _problems(reader, DecisionIds(secret), lambda done: progress(done, found.decisions)):
                found.add(problem)
    except StoreCorrupt as error:
        found.add(error.message)
    return found


def _count(tables: Tables, found: Check) -> None:
    for table in ("stream", *_EVENTS, "request", "snapshot"):
        setattr(found, f"{table}s", int(tables._one(f"SELECT count(*) FROM {table}")[0]))


def _problems(tables: Tables, ids: DecisionIds, progress: Callable[[int], None]) -> Iterator[str]:
    yield from _definitions(tables)
    for experiment in tables.experiments():
        yield from _merges(tables, experiment.name)
    done = 0
    for row in tables.streams():
        yield from numbering(tables, row.stream)
        for problem in _decisions(tables, row, ids):
            done += 1
            if problem:
                yield problem
            if done % _CHUNK == 0:
                progress(done)
        progress(done)
        yield from _references(tables, row.stream)
        yield from _snapshots(tables, row)
    yield from _requests(tables, ids)


# Definitions

_MISFITS = {
    "SELECT v.experiment, v.version FROM experiment_version v"
    " WHERE NOT EXISTS (SELECT 1 FROM experiment e WHERE e.name = v.experiment)": "{} version {}: no such experiment",
    "SELECT v.experiment, v.version, v.stream FROM experiment_version v"
    " WHERE NOT EXISTS (SELECT 1 FROM stream s WHERE s.stream = v.stream AND s.experiment = v.experiment)": (
        "{} version {}: it has no stream {}"
    ),
    "SELECT e.name, e.version FROM experiment e WHERE NOT EXISTS"
    " (SELECT 1 FROM experiment_version v WHERE v.experiment = e.name AND v.version = e.version)": (
        "{}: its version {} is not there"
    ),
    "SELECT DISTINCT m.experiment FROM merged m WHERE NOT EXISTS"
    " (SELECT 1 FROM experiment e WHERE e.name = m.experiment)": (
        "{}: units are merged, but there is no such experiment"
    ),
    "SELECT DISTINCT c.experiment FROM import_count c WHERE NOT EXISTS"
    " (SELECT 1 FROM experiment e WHERE e.name = c.experiment)": "{}: imports are counted, but not in any experiment",
    "SELECT count(*), max(number) FROM merged HAVING count(*) <> coalesce(max(number), 0)": (
        "there are {} merges of units, the last of which is number {}"
    ),
    "SELECT s.stream FROM stream s WHERE NOT EXISTS (SELECT 1 FROM learner l WHERE l.stream = s.stream)": (
        "stream {}: how far it was learned is not there"
    ),
}


def _definitions(tables: Tables) -> Iterator[str]:
    for sql, words in _MISFITS.items():
        for row in tables._run(sql):
            yield words.format(*row)
    known = {stream for (stream,) in tables._run("SELECT stream FROM stream")}
    for table in (*_EVENTS, "snapshot", "tally", "straggler", "arm_outcome", "off_policy"):
        for stream in _streams_of(tables, table):
            if stream not in known:
                yield f"table {table} has rows of stream {stream}, which does not exist"


def _merges(tables: Tables, experiment: str) -> Iterator[str]:
    """Units that were merged in a circle: nobody could be decided for."""
    steps = {row.unit: row.target for row in tables.merges(experiment)}
    sound: set[str] = set()
    for unit in steps:
        way: dict[str, None] = {}
        while unit in steps and unit not in sound and unit not in way:
            way[unit] = None
            unit = steps[unit]
        if unit in way:
            yield f"{experiment}: unit {unit!r} is merged into itself"
        sound |= way.keys()


def _streams_of(tables: Tables, table: str) -> Iterator[int]:
    """The streams a table has rows of, by one look into its index for each: DISTINCT would read it all."""
    last = 0
    while (stream := tables._one(f"SELECT min(stream) FROM {table} WHERE stream > $1", last)[0]) is not None:
        yield int(stream)
        last = int(stream)


# Events


def _decisions(tables: Tables, row: StreamRow, ids: DecisionIds) -> Iterator[str]:
    """Of every decision what is wrong with it, or nothing."""
    versions = {version.version for version in tables.versions(row.experiment) if version.stream == row.stream}
    for raw, version in tables._stream_rows("SELECT id, version FROM decision WHERE stream = $1", (row.stream,)):
        if not ids.genuine(raw) or id_stream(raw) != row.stream:
            yield f"decision {raw.hex()} in stream {row.stream}: the id was not made by this store for this stream"
        elif version not in versions:
            yield f"decision {raw.hex()} in stream {row.stream}: {row.experiment} has no version {version} there"
        else:
            yield ""


def _references(tables: Tables, stream: int) -> Iterator[str]:
    for table, words in _REFERRING.items():
        lost = tables._stream_rows(
            f"SELECT r.decision, r.position FROM {table} r WHERE r.stream = $1"
            " AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.stream = r.stream AND d.id = r.decision)",
            (stream,),
        )
        for decision, position in lost:
            yield f"stream {stream} has {words} at {position} of decision {decision.hex()}, which does not exist"
    taught = tables._stream_rows(
        "SELECT r.decision, r.position FROM resolution r JOIN decision d ON d.stream = r.stream AND d.id = r.decision"
        " WHERE r.stream = $1 AND (d.grp <> 1 OR d.degraded <> 0)",
        (stream,),
    )
    for decision, position in taught:
        yield f"decision {decision.hex()} in stream {stream}: resolved at {position}, though it teaches nothing"


def _requests(tables: Tables, ids: DecisionIds) -> Iterator[str]:
    lost = tables._stream_rows(
        "SELECT q.id, q.stream, q.first FROM request q WHERE NOT EXISTS"
        " (SELECT 1 FROM decision d WHERE d.stream = q.stream AND d.id = q.first)"
    )
    for request, stream, first in lost:
        yield f"request {request!r}: decision {first.hex()} in stream {stream}, which answered it, does not exist"
    # The ids of one call follow each other, so its last is known from its first; between them lies what is dense.
    several = tables._stream_rows("SELECT id, stream, first, count FROM request WHERE count > 1")
    while chunk := list(islice(several, _CHUNK)):
        ends: dict[int, dict[bytes, str]] = {}
        for request, stream, first, count in chunk:
            ends.setdefault(stream, {})[ids.later(first, count - 1)] = request
        for stream, wanted in ends.items():
            for decision in wanted.keys() - tables.standings(stream, wanted.keys()).keys():
                yield f"request {wanted[decision]!r}: not all decisions that answered it are in stream {stream}"


# Snapshots


def _snapshots(tables: Tables, row: StreamRow) -> Iterator[str]:
    positions = [
        position
        for (position,) in tables._run(
            "SELECT position FROM snapshot WHERE stream = $1 ORDER BY position", (row.stream,)
        )
    ]
    # One after the other: states may be large.
    for position in positions:
        snapshot = tables.snapshot(row.stream, position, _ANY_VERSION)
        assert snapshot is not None
        try:
            unpack(snapshot)
        except StoreCorrupt as error:
            yield error.message
        if position > row.position:
            yield f"stream {row.stream}: a snapshot at {position}, beyond its last event at {row.position}"
    base, newest = tables.trimmed(row.stream).base, max(positions, default=0)
    if base and base not in positions:
        yield f"stream {row.stream}: its log begins with {base}, where no snapshot is"
    if newest != max(base, row.learned):
        yield f"stream {row.stream}: learned up to {row.learned}, but its newest snapshot is at {newest}"
