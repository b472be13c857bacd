"""Counts what is final, looks at what it comes to, and acts on it: beside the requests, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from banditcore.assignment import id_bound
from banditcore.config import GoalSpec
from banditcore.course import Course
from banditcore.experiments import Live, put_status
from banditcore.findings import Alarm
from banditcore.ledger import matured_bound
from banditcore.reporting import Conclusion, conclude
from banditcore.reporting.advice import HARM
from banditcore.storage.base import ExperimentRow, Reader, Store, Transaction
from banditcore.storage.tallied import EVERYTHING, PageQuery, TallyChange
from banditcore.tally import count_everything, count_goal
from banditcore.traits import Traits
from banditcore.valuing import Valuing

PAGE = 500
"""Decisions counted by one write: requests that come meanwhile wait for it."""
GRACE_US = 1_000_000
"""So long after a decision the thread counts it: until then it may still be on its way to the log."""
EVERY_S = 1.0
REST = 2.0
"""Times as long as a page took, the thread rests."""
LEAVE_S = 5.0
"""So long an experiment is left to the other process that was found to be counting it."""
_END = object()


class Analyst:
    """Counts page by page, and writes down looks, verdicts and alarms. From any thread, one at a time."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        lives: Callable[[], list[Live]],
        froze: Callable[[ExperimentRow], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        report_error: Callable[[str, Exception], None] = lambda experiment, error: None,
        raised: Callable[[str, Alarm], None] = lambda experiment, alarm: None,
    ) -> None:
        """`froze` takes over the new standing of an experiment that was frozen; `raised` hears of every new alarm."""
        self._store, self._clock, self._lives, self._froze = store, clock, lives, froze
        self._monotonic, self._report_error, self._raised = monotonic, report_error, raised
        self._lock = threading.Lock()
        self._valuing = Valuing()
        self._courses: dict[str, Course] = {}
        self._concluded: dict[str, tuple[bytes, ...]] = {}
        """experiment -> how far its tallies were when it was last looked at."""
        self._left: dict[str, float] = {}
        """experiment -> monotonic time until which others count it."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def catch_up(self, name: str, *, seconds: float | None = None) -> None:
        """Counts what is final by now, for at most so long, and draws the conclusions.

        Somebody else who is at it is waited for no longer than that.
        """
        limit = None if seconds is None else self._monotonic() + seconds
        if not self._lock.acquire(timeout=-1 if seconds is None else seconds):
            return
        try:
            for _ in self._pages(name, self._clock()):
                if limit is not None and self._monotonic() > limit:
                    break
            self._conclude(name)
        finally:
            self._lock.release()

    def step(self) -> None:
        """The same for every experiment."""
        for live in self._lives():
            self.catch_up(live.row.name)

    # Counting

    def _pages(self, name: str, now_us: int) -> Iterator[None]:
        """Counts page by page."""
        course = self._course(name)
        for stream in course.streams:
            while self._page(name, course, stream, None, now_us):
                yield
            for goal in self._due(course, stream, now_us):
                while self._page(name, course, stream, goal, now_us):
                    yield

    def _due(self, course: Course, stream: int, now_us: int) -> list[GoalSpec]:
        """Goals for which there may be something to count, found without looking at the log."""
        with self._store.read() as reader:
            counted, late = reader.counted(stream), reader.stragglers(stream)
        return [
            goal
            for goal in course.goals.values()
            if goal.name in late or _final(goal, counted, now_us) > counted.get(goal.name, b"")
        ]

    def _course(self, name: str) -> Course:
        with self._store.read() as reader:
            rows = tuple(reader.versions(name))
        if name not in self._courses or self._courses[name].rows != rows:
            self._courses[name] = Course.of(rows)
        return self._courses[name]

    def _page(self, name: str, course: Course, stream: int, goal: GoalSpec | None, now_us: int) -> bool:
        """Counts the next page; whether there may be more."""
        with self._store.read() as reader:
            query = _query(reader, course, stream, goal, now_us)
            change = self._change(reader, course, goal, query)
        if change is None:
            return False
        counted = self._store.write(lambda tx: tx.add_tally(change), [stream]).result()
        if self._store.shared and not counted:
            self._left[name] = self._monotonic() + LEAVE_S
        return counted and (change.page.stragglers or change.page.until < query.before)

    def _change(self, reader: Reader, course: Course, goal: GoalSpec | None, query: PageQuery) -> TallyChange | None:
        if goal is None:
            return count_everything(reader, course, query)
        change = count_goal(reader, course, goal, query)
        if change is not None and query.with_vectors:
            change.off_policy = self._valuing.add(reader, course, goal, query, change.page)
        return change

    # Conclusions

    def _conclude(self, name: str) -> None:
        course = self._course(name)
        with self._store.read() as reader:
            counted = tuple(mark for stream in course.streams for mark in reader.counted(stream).values())
            if self._concluded.get(name) == counted:
                return
            found = conclude(reader, course, self._clock())
        written = _Written((), None)
        if found.anything:
            written = self._store.write(lambda tx: _write(tx, name, course, found)).result()
        self._concluded[name] = counted
        for alarm in written.alarms:
            self._raised(name, alarm)
        if written.frozen is not None:
            self._froze(written.frozen)

    # The thread

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="banditcore-analyst", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stopping.wait(EVERY_S):
            for live in self._lives():
                try:
                    if self._left.get(live.row.name, 0.0) <= self._monotonic():
                        self._left.pop(live.row.name, None)
                        self._take_turns(live.row.name)
                except Exception as error:
                    # The store is away, or this experiment cannot be counted: the others can, and the next turn
                    # tries again.
                    self._report_error(live.row.name, error)
                if self._stopping.is_set():
                    return

    def _take_turns(self, name: str) -> None:
        """Counts a page at a time and leaves most of the time to the requests, also when much is to be caught up on."""
        pages, more = self._pages(name, self._clock() - GRACE_US), True
        while more:
            started = time.thread_time()
            with self._lock:
                more = next(pages, _END) is not _END and name not in self._left
            if self._stopping.wait(REST * (time.thread_time() - started)):
                return
        with self._lock:
            self._conclude(name)

    def close(self) -> None:
        """Stops the thread; what was not counted is counted at the next start."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()


def _query(reader: Reader, course: Course, stream: int, goal: GoalSpec | None, now_us: int) -> PageQuery:
    counted = reader.counted(stream)
    name = goal.name if goal else EVERYTHING
    # Those of this very millisecond, too.
    before = id_bound(now_us // 1000 + 1)
    if goal:
        before = _final(goal, counted, now_us)
    spec = course.spec
    valued = goal is not None and goal.name == spec.primary_goal.name and goal.kind != "ratio"
    return PageQuery(
        stream=stream,
        goal=name,
        since=counted.get(name, b""),
        before=before,
        limit=PAGE,
        parts=course.parts(goal) if goal else (),
        with_vectors=valued or (goal is None and any(Traits(of).any for of in course.specs.values())),
        explicit_exposure=goal is not None and spec.exposure == "explicit",
    )


def _final(goal: GoalSpec, counted: dict[str, bytes], now_us: int) -> bytes:
    """Ids below it have their outcome for the goal; what units were like is known once they were counted as visits."""
    return min(matured_bound(goal, now_us), counted.get(EVERYTHING, b""))


@dataclass(frozen=True, slots=True)
class _Written:
    alarms: tuple[Alarm, ...]
    frozen: ExperimentRow | None


def _write(tx: Transaction, name: str, course: Course, found: Conclusion) -> _Written:
    """Writes down what is new; a verdict or an alarm that is there already stands."""
    for look in found.looks:
        tx.put_look(course.number, look)
    for goal, verdict in found.verdicts.items():
        tx.put_verdict(course.number, goal, verdict)
    alarms = tuple(alarm for alarm in found.alarms if tx.put_alarm(course.number, alarm))
    row = next(row for row in tx.experiments() if row.name == name)
    if row.status == "running" and any(alarm.kind == HARM for alarm in alarms):
        return _Written(alarms, put_status(tx, name, "frozen", max(alarm.time_us for alarm in alarms)))
    return _Written(alarms, None)
