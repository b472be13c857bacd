"""The contract of a store: an append-only log with atomic group commits, and snapshots beside it.

Threads: every method may be called from any thread. Writes are operations, functions of a `Transaction`, of which
several go to a commit; the future of an operation completes after the commit that made it durable, never before.
An operation that raises leaves no trace, and its exception is the future's. It may be run more than once before it
counts, so it must change nothing but the transaction. A commit that fails is of unknown outcome: all its futures get
`StoreUnavailable`, the connection is given up, and what a new one finds in the store is what happened; until then
every write is refused at once. Reads see committed data only and never wait for writers.

Order: `append_*` number the events of a stream densely 1, 2, 3.. in the order of the operations. An operation names
the streams that it appends to (ValueError for another); what it reads of them stays true until its commit, whoever else
writes to the store. One that names none has the definitions to itself.
Errors: `StoreLocked` and `StoreCorrupt` on opening, `StoreUnavailable` on use; nothing of the engine below.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from banditcore.storage.tallied import TallyReader, TallyWriter
from banditcore.types import StoreHealth

T = TypeVar("T")


class ResolutionKind(enum.IntEnum):
    """How a decision was resolved."""

    REWARD = 1
    EXPIRY = 2


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """An experiment's current standing."""

    name: str
    status: str
    version: int
    create_time: int
    update_time: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One definition that is or was in force."""

    experiment: str
    version: int
    stream: int
    spec: str
    arms: str
    time: int


@dataclass(frozen=True, slots=True)
class StreamRow:
    """How far a stream has come."""

    stream: int
    experiment: str
    position: int
    """Of its last event."""
    learned: int
    """Position of the snapshot saved last."""
    open: int
    """Decisions that may still be resolved."""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A logged decision; vectors as little-endian float64 bytes."""

    stream: int
    id: bytes
    position: int
    version: int
    unit: str
    group: int
    arm: int
    model_position: int
    degraded: int
    time: int
    context: bytes
    propensities: bytes
    eligible: bytes | None
    certificate: float


@dataclass(frozen=True, slots=True)
class DecisionColumns:
    """n decisions of one model, to be appended: scalars common to all, blobs packed row after row."""

    stream: int
    version: int
    model_position: int
    degraded: int
    time: int
    ids: bytes
    """24 bytes each."""
    units: Sequence[str]
    groups: Sequence[int]
    arms: Sequence[int]
    contexts: bytes
    """Equally many bytes each, as are those of the next two."""
    propensities: bytes
    eligible: bytes | None
    """None: for all of them every variant of the version."""
    certificates: Sequence[float] | float = 0.0
    """Error of each vector as its policy states it, or one for all."""


class Asked(NamedTuple):
    """A request id and the decisions that answered it: `length` of them from index `first` on."""

    request_id: str
    first: int
    length: int


class Trimmed(NamedTuple):
    """What retention has left of a stream."""

    base: int
    """Position of the snapshot that the log begins with; 0 while nothing was deleted."""
    version: int
    """Of the definition it was saved under; 0 without one."""
    deleted: int
    """Events."""

    def reaches(self, version: int, position: int) -> bool:
        """Whether the model at a position, as a definition has it, can still be folded from what is kept."""
        return position >= self.base and version >= self.version


class Standing(NamedTuple):
    """What a reward or an exposure needs to know of a decision."""

    version: int
    group: int
    degraded: int
    exposed: bool
    resolution: int
    """ResolutionKind; 0 while there is none."""


@dataclass(frozen=True, slots=True)
class RewardRow:
    """A logged reward."""

    stream: int
    decision: bytes
    goal: str
    key: str
    value: float
    late: int
    time: int


@dataclass(frozen=True, slots=True)
class ResolutionRow:
    """The event the learner folds, to be appended."""

    stream: int
    decision: bytes
    kind: ResolutionKind
    value: float
    time: int


class Resolved(NamedTuple):
    """A resolution as it stands in the log."""

    position: int
    value: float
    time: int


@dataclass(frozen=True, slots=True)
class Lessons:
    """Resolutions with what they resolve, in columns and in order of position, as the fold reads them."""

    positions: Sequence[int]
    arms: Sequence[int]
    values: Sequence[float]
    contexts: Sequence[bytes]
    times: Sequence[int]
    """When each was resolved, in microseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """Learned state at a position."""

    stream: int
    position: int
    version: int
    state: bytes
    digest: bytes


class UnitDecision(NamedTuple):
    """A decision that an imported reward may belong to."""

    unit: str
    id: bytes
    version: int
    exposed: bool


class ImportKind(enum.IntEnum):
    """How a row of an import is counted."""

    ATTRIBUTED = 1
    LATE = 2
    UNATTRIBUTED = 3
    CONFLICT = 4


class ImportedRow(NamedTuple):
    """A row of an import, to be counted."""

    goal: str
    day: int
    """UTC day since the Unix epoch of what it reports."""
    kind: ImportKind
    mark: bytes = b""
    """Tells it from others when it leaves no reward behind; the same again is not counted."""


class ImportCounts(NamedTuple):
    """How many imported rows of a goal fared how; none is counted twice."""

    attributed: int
    """To one decision at least, in time."""
    late: int
    unattributed: int
    """No decision of the unit within the window."""
    conflicts: int
    """Refused, as the same key had come with another value."""


class MergeRow(NamedTuple):
    """A unit that was found to be the same customer as another one."""

    number: int
    """1, 2, 3.. through the whole store."""
    experiment: str
    unit: str
    target: str
    """For which it is decided when `unit` is asked for; may be merged itself."""
    time: int


class Reader(TallyReader, Protocol):
    """A consistent view of what is committed."""

    def experiments(self) -> list[ExperimentRow]: ...

    def versions(self, experiment: str) -> list[VersionRow]:
        """All definitions, oldest first."""

    def streams(self) -> list[StreamRow]:
        """Of all experiments, in the order they were opened."""

    def stream_position(self, stream: int) -> int:
        """Position of the stream's last event; 0 when it has none."""

    def decision(self, stream: int, decision: bytes) -> DecisionRow | None: ...

    def request(self, request_id: str) -> list[DecisionRow] | None:
        """The decisions that first answered the request id; None when it is new."""

    def standings(self, stream: int, decisions: Collection[bytes]) -> dict[bytes, Standing]:
        """Of those of the decisions that are in the log."""

    def rewards(self, stream: int, decisions: Collection[bytes]) -> list[RewardRow]:
        """Of any of the decisions, oldest first."""

    def resolutions(self, stream: int, decisions: Collection[bytes]) -> dict[bytes, Resolved]:
        """Of those of the decisions that have one."""

    def exposures(self, stream: int, decisions: Collection[bytes]) -> dict[bytes, int]:
        """When those of the decisions were shown that were, in microseconds since the Unix epoch."""

    def lessons(self, stream: int, after: int, limit: int, up_to: int | None = None) -> Lessons:
        """At most `limit` resolutions at positions in (after, up_to]."""

    def backlog(self, stream: int, after: int) -> tuple[int, int]:
        """How many resolutions there are past position `after`, and when the first was made (0: there is none)."""

    def last_decision(self, stream: int, before: bytes) -> bytes | None:
        """The largest id below `before`."""

    def windows_due(self, stream: int, before: bytes) -> bool:
        """Whether there is a decision below `before` that `set_expired` has not passed yet."""

    def expirable(self, stream: int, before: bytes, limit: int) -> list[tuple[bytes, bool]]:
        """POLICY decisions below `before` that no resolution has, oldest first, with whether they were exposed."""

    def snapshot(self, stream: int, up_to: int, version: int) -> SnapshotRow | None:
        """The latest snapshot at a position not past `up_to`, made under no later version than `version`."""

    def unfounded_resolutions(self, stream: int, goal: str, default: float) -> list[str]:
        """What does not follow from the rewards: resolutions with another value, too many, or of the holdout."""

    def snapshots(self, stream: int) -> list[SnapshotRow]:
        """All snapshots kept, oldest first."""

    def decisions_to_audit(self, stream: int) -> Iterator[DecisionRow]:
        """All decisions, ordered by (version, model position, id)."""

    def decision_count(self, stream: int) -> int: ...

    def density(self, stream: int) -> tuple[int, int, int]:
        """(events, distinct positions, largest position), deleted events included in the first two.

        In a sound stream these two are its position, and so is the last one while nothing was deleted.
        """

    def trimmed(self, stream: int) -> Trimmed: ...

    def oldest_model(self, stream: int, since: bytes, limit: int) -> tuple[int, int] | None:
        """(least model position, least version) of the first `limit` decisions of a policy from the id `since` on."""

    def unit_decisions(self, stream: int, units: Collection[str], first: bytes, before: bytes) -> list[UnitDecision]:
        """Decisions for any of the units with an id in [first, before), in order of id; reads all that lie there."""

    def import_counts(self, experiment: str, since_day: int = 0) -> dict[str, ImportCounts]:
        """goal -> how its imported rewards fared that happened on that UTC day (since the Unix epoch) or later."""

    def merges(self, experiment: str) -> list[MergeRow]:
        """In the order they were made."""

    def merges_after(self, number: int) -> list[MergeRow]:
        """Of all experiments, those made after the one of that number, in order."""

    def merge_count(self, experiment: str) -> int: ...

    def merged_into(self, experiment: str, units: Collection[str]) -> dict[str, str]:
        """unit -> what it was merged into, of those of the units that were; one step, which may have a next one."""


class Transaction(Reader, TallyWriter, Protocol):
    """A reader that can append; what it wrote becomes visible and durable with the commit."""

    def put_experiment(self, row: ExperimentRow) -> None: ...

    def put_version(self, row: VersionRow) -> None: ...

    def new_stream(self, experiment: str) -> int:
        """Opens the next stream, numbered from 1 through the whole store."""

    def append_decisions(self, rows: DecisionColumns, requests: Sequence[Asked] = ()) -> None:
        """Appends decisions, and which request ids they answer."""

    def known_requests(self, request_ids: Sequence[str]) -> set[str]:
        """Those of the request ids that were answered before."""

    def append_exposure(self, stream: int, decision: bytes, time: int) -> None: ...

    def append_rewards(self, rows: Sequence[RewardRow]) -> None: ...

    def append_resolutions(self, rows: Sequence[ResolutionRow]) -> None: ...

    def set_expired(self, stream: int, before: bytes, unresolved: int = 0) -> None:
        """Remembers that every id below `before` has had its window closed; one appended later takes that back.

        `unresolved` of them closed without a resolution and will get none.
        """

    def count_imports(self, experiment: str, rows: Sequence[ImportedRow]) -> None:
        """Counts rows of an import, those with a mark that was counted before left out."""

    def forget_imports(self, experiment: str, goal: str, before_day: int) -> None:
        """Forgets the marks of earlier days, which are not counted any more; the counts stay."""

    def put_merges(self, experiment: str, merges: Sequence[tuple[str, str]], time: int) -> list[MergeRow]:
        """Merges units that were not before, each (unit, into), and numbers that; needs the definitions to itself."""

    def set_base(self, row: SnapshotRow, *, instead_of: int) -> bool:
        """Lets the log begin with a snapshot, older ones dropped; False when the base is not `instead_of` any more."""

    def delete_decisions(self, stream: int, before: bytes, goals: Sequence[str], limit: int) -> int:
        """Deletes the first decisions below `before` with all that belongs to them; returns how many, `limit` at most.

        It stops at the first whose window is open, whose resolution the base has not learned, or which the tally of
        one of `goals` has not counted.
        """


class Folding(Reader, Protocol):
    """The right to fold a stream, held alone until the transaction ends."""

    def put_snapshot(self, row: SnapshotRow, *, milestone_every: int) -> None:
        """Keeps the newest snapshot, the base and one per `milestone_every` positions."""


class Store(Protocol):
    """See the module's docstring."""

    @property
    def secret(self) -> bytes:
        """32 random bytes made with the store; they key the decision ids."""

    @property
    def shared(self) -> bool:
        """Whether other processes may write to the store, learn from it and change definitions."""

    def now_us(self) -> int:
        """Wall time that all who share the store agree on, in microseconds since the Unix epoch."""

    def last_decision_id(self) -> bytes | None:
        """The latest id in any stream."""

    def write(self, operation: Callable[[Transaction], T], streams: Collection[int] = ()) -> Future[T]: ...

    def read(self) -> AbstractContextManager[Reader]: ...

    def fold(self, stream: int) -> AbstractContextManager[Folding | None]:
        """A transaction in which nobody else folds the stream; None when somebody else is at it.

        Committed at the end of the block; a block that raises leaves no trace.
        """

    def health(self) -> StoreHealth:
        """Raises nothing: a store that is away says so."""

    def hurry(self) -> None:
        """Waits for nothing longer than a few seconds from now on: what comes before closing is worth no more."""

    def close(self) -> None:
        """Commits what was submitted, then closes; later writes get `StoreUnavailable`."""
