"""What a store keeps of the tallies: rows, and what may be asked of them. Part of the contract in `base`.

The fold of decisions into tallies is `banditcore.tally`; a store reads pages for it and adds what it finds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from banditcore.estimators.lift.moments import Moments
from banditcore.findings import Alarm, Look, Verdict

EVERYTHING = ""
"""The goal that counts every decision, whatever it earns."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rewards that add up to an outcome: those of a goal, the largest or the sum of a decision's."""

    goal: str
    largest: bool
    default: float


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Decisions of a stream from an id on, each with its outcome."""

    stream: int
    goal: str
    since: bytes
    before: bytes
    limit: int
    parts: tuple[Part, ...]
    """None for `EVERYTHING`, one for most goals, two for a ratio of goals."""
    with_vectors: bool
    explicit_exposure: bool


class Tallied(NamedTuple):
    """One decision to be counted."""

    id: bytes
    unit: str
    group: int
    arm: int
    version: int
    degraded: int
    exposed: int | None
    """When it was shown, in microseconds since the Unix epoch; 0 where every decision counts as shown, None if not."""
    y: float
    d: float
    """Outcomes of the first and second part; 0 where there is none."""
    context: bytes | None
    propensities: bytes | None
    eligible: bytes | None


@dataclass(frozen=True, slots=True)
class Page:
    """Decisions in order of their ids, and what must still be true when they are counted."""

    rows: Sequence[Tallied]
    until: bytes
    """Ids below it are in this page or an earlier one."""
    stragglers: bool
    """Whether these came late: ids below what is counted already."""
    decisions: int
    rewards: int
    """How many of either the log holds from `since` to `until`."""
    exposures: int


class UnitOutcome(NamedTuple):
    """What a unit has earned in an epoch."""

    unit: str
    epoch: int
    group: int
    y: float
    d: float
    first: str
    """Of `EVERYTHING`: the hexadecimal id of its first decision in the epoch; empty when there was no choice in it."""
    traits: str
    """Of `EVERYTHING`: what the unit was like at its first decision of all."""


class Slice(NamedTuple):
    """Units that are added up together; the audience '' holds all."""

    goal: str
    epoch: int
    audience: str
    trait: str
    group: int


class Span(NamedTuple):
    """Decisions for one variant in a span of time."""

    start: int
    width: int
    audience: str
    trait: str
    group: int
    variant: str


class Day(NamedTuple):
    """Outcomes of decisions of one day; of `EVERYTHING` on day 0: units, whenever they came."""

    goal: str
    epoch: int
    day: int
    group: int


@dataclass(slots=True)
class TallyChange:
    """What a page adds."""

    experiment: int
    query: PageQuery
    page: Page
    units: list[UnitOutcome] = field(default_factory=list)
    """As they are now."""
    moments: dict[Slice, Moments] = field(default_factory=dict)
    arms: dict[int, tuple[int, float]] = field(default_factory=dict)
    """arm -> (decisions, sum of outcomes), POLICY only."""
    days: dict[Day, bytes] = field(default_factory=dict)
    """256 little-endian float64 each, to be added."""
    traffic: dict[Span, int] = field(default_factory=dict)
    off_policy: tuple[bytes, bytes] | None = None
    """State and its digest, as they are now."""


class TallyReader(Protocol):
    """What has been counted."""

    def counted(self, stream: int) -> dict[str, bytes]:
        """goal -> ids below it have been counted."""

    def stragglers(self, stream: int) -> set[str]:
        """Goals that have decisions to count that came late."""

    def final(self, stream: int, decisions: Collection[bytes]) -> set[tuple[bytes, str]]:
        """Those of the decisions that have been counted, with the goals for which they were."""

    def page(self, query: PageQuery) -> Page:
        """The next decisions to be counted: stragglers first."""

    def unit_outcomes(self, experiment: int, goal: str, units: Collection[str]) -> list[UnitOutcome]:
        """Of those units, in all epochs."""

    def moments(self, experiment: int) -> dict[Slice, Moments]: ...

    def arm_outcomes(self, streams: Sequence[int], goal: str) -> dict[tuple[int, int], tuple[int, float]]:
        """(stream, arm) -> (decisions, sum of outcomes), POLICY only."""

    def days(self, experiment: int, goal: str, epoch: int, since: int) -> list[tuple[Day, bytes]]:
        """From the day `since` on."""

    def traffic(self, experiment: int, width: int, audience_width: int) -> dict[Span, int]:
        """In spans of so many microseconds, those of audiences in spans of their own width."""

    def off_policy(self, stream: int, goal: str) -> tuple[bytes, bytes] | None: ...

    def looks(self, experiment: int) -> list[Look]:
        """Oldest first."""

    def verdict(self, experiment: int, goal: str) -> Verdict | None: ...

    def alarms(self, experiment: int) -> list[Alarm]:
        """Oldest first."""

    def frozen(self, experiment: int) -> bool:
        """Whether harm was found and nobody has resumed the experiment since."""

    def uncounted(self, stream: int, before: bytes) -> int:
        """Decisions below `before` that `EVERYTHING` has not counted yet."""


class TallyWriter(TallyReader, Protocol):
    """Adds to the tallies, within an operation that names the stream."""

    def add_tally(self, change: TallyChange) -> bool:
        """Counts a page; False, with nothing changed, when the log or the tally has moved since it was read."""

    def put_look(self, experiment: int, look: Look) -> None: ...

    def put_verdict(self, experiment: int, goal: str, verdict: Verdict) -> bool:
        """False when there is one already: the first stands."""

    def resume_alarms(self, experiment: int, time: int) -> None:
        """Remembers that the owner has resumed the experiment in spite of its alarms."""

    def put_alarm(self, experiment: int, alarm: Alarm) -> bool:
        """Likewise for its kind and subject."""
