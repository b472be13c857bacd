"""Makes every logged decision again and compares: the proof that the log is the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from banditcore.assignment import DecisionIds
from banditcore.errors import BanditcoreError, StoreCorrupt
from banditcore.experiments import Live, Model, resumed
from banditcore.learner import Fold, digest, unpack
from banditcore.recompute import live_versions, recompute
from banditcore.storage.base import DecisionRow, Reader, SnapshotRow, Trimmed

_CHUNK = 1_000


@dataclass(slots=True)
class Audit:
    """What an audit has looked at and found."""

    decisions: int = 0
    equal: int = 0
    identical: int = 0
    """Decisions whose vector is equal to the last bit, not only within 1e-12."""
    beyond: int = 0
    """Sound decisions whose vector was not compared: what their models had learned from is deleted."""
    resolutions: int = 0
    snapshots: int = 0
    streams: int = 0
    problems: list[str] = field(default_factory=list)
    """At most the first; an audit stops there."""

    @property
    def passed(self) -> bool:
        return not self.problems


def audit(reader: Reader, secret: bytes, progress: Callable[[int], None] = lambda done: None) -> Audit:
    """Recomputes all decisions of all streams, in order of the model that made them.

    The models are folded afresh from the prior, or from the snapshot that a log begins with when older events were
    deleted; every snapshot on the way must equal the fold byte for byte, every id must be genuine and every stream
    densely numbered. Stops at the first problem.
    """
    found = Audit()
    for row in reader.experiments():
        streams: dict[int, list[Live]] = {}
        for live in live_versions(reader, row.name):
            streams.setdefault(live.stream, []).append(live)
        for lives in streams.values():
            _stream(reader, secret, lives, found, progress)
            if found.problems:
                return found
    return found


def _stream(reader: Reader, secret: bytes, lives: list[Live], found: Audit, progress: Callable[[int], None]) -> None:
    stream = lives[-1].stream
    found.streams += 1
    trimmed = reader.trimmed(stream)
    if gaps := numbering(reader, stream):
        found.problems += gaps
        return
    if unfounded := reader.unfounded_resolutions(stream, lives[-1].spec.learn, lives[-1].spec.learned_goal.default):
        found.problems += unfounded
        return
    try:
        walk = _Walk(reader, lives, trimmed, found)
    except BanditcoreError as error:
        found.problems.append(error.message)
        return
    by_version = {live.version: live for live in lives}
    ids = DecisionIds(secret)
    rows = reader.decisions_to_audit(stream)
    for (version, position), same in groupby(rows, key=lambda row: (row.version, row.model_position)):
        reached = trimmed.reaches(version, position)
        if reached and not walk.to(version, position):
            return
        for chunk in _chunks(same):
            if not _compare(by_version[version], walk.model if reached else None, ids, chunk, found):
                return
            progress(found.decisions)
    walk.to(lives[-1].version, reader.stream_position(stream))


def numbering(reader: Reader, stream: int) -> list[str]:
    """What is wrong with how the events of a stream are numbered, in words; nothing when they are 1, 2, 3..

    Deleted events count as if they were there.
    """
    events, distinct, last = reader.density(stream)
    end = reader.stream_position(stream)
    if events == distinct == end and (last <= end if reader.trimmed(stream).deleted else last == end):
        return []
    return [f"stream {stream} is at {end} with {events} events at {distinct} positions up to {last}: not 1, 2, 3.."]


class _Walk:
    """Folds a stream forward, under each definition in turn, checking the snapshots it passes."""

    def __init__(self, reader: Reader, lives: list[Live], trimmed: Trimmed, found: Audit) -> None:
        self._reader, self._found = reader, found
        self._lives = {live.version: live for live in lives}
        self.live = self._lives.get(trimmed.version, lives[0])
        self._newest = lives[-1]
        self._base = trimmed.base
        self._fold = self._from_base()
        if self._fold.position != trimmed.base:
            raise StoreCorrupt(f"stream {self.live.stream}: its log begins with {trimmed.base}, where no snapshot is")
        self._snapshots = iter(reader.snapshots(self.live.stream))
        self._next = next(self._snapshots, None)

    @property
    def model(self) -> Model:
        return Model(self._fold.policy, self._fold.position)

    def _from_base(self) -> Fold:
        return Fold.start(self._reader, self.live, up_to=self._base)

    def to(self, version: int, position: int) -> bool:
        if version != self.live.version:
            self.live = self._lives[version]
            self._fold.policy = resumed(self.live, self._fold.policy.state())
        if position < self._fold.position:
            # A definition takes over at another moment in every process of a shared store.
            self._fold = self._from_base()
        while self._next is not None and self._next.position <= position:
            self._fold_to(self._next.position)
            if not self._snapshot_equal(self._next):
                return False
            self._next = next(self._snapshots, None)
        self._fold_to(position)
        return True

    def _fold_to(self, position: int) -> None:
        while count := self._fold.read(self._reader, self.live.stream, up_to=position):
            self._found.resolutions += count

    def _snapshot_equal(self, row: SnapshotRow) -> bool:
        self._found.snapshots += 1
        # Snapshot and fold may know different numbers of arms; the newest definition holds both.
        folded = resumed(self._newest, self._fold.policy.state())
        try:
            saved = resumed(self._newest, unpack(row))
        except BanditcoreError as error:
            self._found.problems.append(error.message)
            return False
        if digest(saved.state()) == digest(folded.state()):
            return True
        self._found.problems.append(f"stream {row.stream}: the snapshot at {row.position} is not what the log folds to")
        return False


def _chunks(rows: Iterator[DecisionRow]) -> Iterator[list[DecisionRow]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _compare(live: Live, model: Model | None, ids: DecisionIds, rows: list[DecisionRow], found: Audit) -> bool:
    """Adds a chunk to `found`; False at the first difference."""
    again = recompute(live, model, rows)
    if model is None:
        found.beyond += len(rows)
    else:
        found.identical += again.identical
    for row, difference in zip(rows, again.differences, strict=True):
        found.decisions += 1
        if not ids.genuine(row.id):
            difference = "the id was not made by this store"
        if difference:
            found.problems.append(f"decision {row.id.hex()} of {live.spec.name} version {live.version}: {difference}")
            return False
        found.equal += model is not None
    return True
