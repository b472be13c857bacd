"""Outcomes that come in bulk by unit and goal: which decisions earned them, and that each counts once.

A row is attributed to decisions of its unit made at or before it happened and less than the goal's window before it:
the last of them, the first, or all. A decision's time is that of its id, to the millisecond, as for windows. That is
looked up by a reader beforehand, so that the writer scans nothing; what it writes, it checks again. What a row was
recorded for is known by its key: a row whose key stands with any decision it could belong to was imported before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import blake2b

from banditcore import ledger, validation
from banditcore.assignment import id_bound, id_milliseconds, id_stream
from banditcore.config import ExperimentSpec, GoalSpec
from banditcore.deciding import History
from banditcore.errors import BanditcoreError, InvalidInput, NotFound
from banditcore.experiments import Live, definition
from banditcore.futures import one_by_one
from banditcore.identities import Identities
from banditcore.offline import RULES, ImportResult, Rule, UnitReward, derive_keys
from banditcore.storage.base import ImportedRow, ImportKind, Reader, Store, Transaction, UnitDecision
from banditcore.types import Reward

MAX_ROWS = 10_000
MAX_KEY = 249
PREFIX = "import:"
"""Of the keys in the log, so that imported rewards and those by decision id stay apart."""
FUTURE_US = 1_000_000
"""How far clocks may be apart."""
_DAY_US = 86_400_000_000
_PART = 2_500
"""Rewards in one write at most: others wait for it."""


def submit(
    store: Store, live: Live, history: History, rewards: Sequence[UnitReward], rule: str, clock: Callable[[], int]
) -> Future[list[ImportResult]]:
    """See `DecisionEngine.submit_import`."""
    checked = _rule(rule)
    if not 1 <= len(rewards) <= MAX_ROWS:
        raise InvalidInput(f"a call has 1 to {MAX_ROWS} rewards, found {len(rewards)}: split it", field="rewards")
    now_us = clock()
    with store.read() as reader:
        plan = _Plan.of(reader, live, checked, now_us)
        rows = [plan.place(reward) for reward in _keyed(rewards)]
        plan.look(reader)
    placed = [plan.choose(row) if isinstance(row, _Row) else row for row in rows]

    def write(part: list[_Chosen]) -> Future[list[ImportResult]]:
        return store.write(lambda tx: _write(tx, live.spec.name, part, history, clock()), plan.streams)

    def merged(results: list[ImportResult]) -> list[ImportResult]:
        written = iter(results)
        return [next(written) if isinstance(row, _Chosen) else row for row in placed]

    return one_by_one(write, _parts([row for row in placed if isinstance(row, _Chosen)]), merged)


def _rule(rule: str) -> Rule:
    for known in RULES:
        if rule == known:
            return known
    raise InvalidInput(f"rule is one of {', '.join(RULES)}, found {str(rule)[:64]!r}", field="rule")


def _keyed(rewards: Sequence[UnitReward]) -> list[UnitReward | ImportResult]:
    """The rows with their keys, and what is wrong with the malformed ones."""
    checked = [_checked(reward) for reward in rewards]
    keyed = iter(derive_keys([reward for reward in checked if isinstance(reward, UnitReward)]))
    return [next(keyed) if isinstance(reward, UnitReward) else reward for reward in checked]


def _checked(reward: UnitReward) -> UnitReward | ImportResult:
    try:
        validation.text(reward.unit, "unit")
        validation.reward(Reward("", reward.goal, reward.value, reward.key))
        validation.text(reward.key, "key", least=0, most=MAX_KEY)
        if isinstance(reward.time_us, bool) or not isinstance(reward.time_us, int) or reward.time_us < 0:
            raise InvalidInput(
                f"time must be whole microseconds since 1970, found {str(reward.time_us)[:64]!r}", field="time"
            )
    except InvalidInput as error:
        return ImportResult(error=error)
    return reward._replace(value=float(reward.value) + 0.0)


# Which decisions earned what


@dataclass(frozen=True, slots=True)
class _Goal:
    """A goal as it is and was defined, which never differs, and the definitions that had it."""

    spec: GoalSpec
    versions: frozenset[int]
    window_us: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A reward that may be attributed."""

    reward: UnitReward
    goal: _Goal
    root: str
    """Of the unit's identity."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A row and the decisions that earned it; none: it is only counted, with what it comes to."""

    row: _Row
    decisions: tuple[bytes, ...] = ()
    result: ImportResult = field(default_factory=ImportResult)
    counted: bool = True
    """Whether it counts when it leaves no reward behind: only while one could still have been in time."""


@dataclass(slots=True)
class _Plan:
    spec: ExperimentSpec
    rule: Rule
    now_us: int
    identities: Identities
    goals: dict[str, _Goal]
    streams: tuple[int, ...]
    rows: list[_Row] = field(default_factory=list)
    made: dict[str, list[UnitDecision]] = field(default_factory=lambda: defaultdict(list))
    """root -> decisions of that customer in order of id."""
    known: dict[tuple[str, str, str], list[tuple[bytes, float]]] = field(default_factory=lambda: defaultdict(list))
    """(root, goal, key) -> decisions it was recorded for, and the value."""

    @classmethod
    def of(cls, reader: Reader, live: Live, rule: Rule, now_us: int) -> _Plan:
        versions = reader.versions(live.spec.name)
        goals: dict[str, _Goal] = {}
        for row in versions:
            for goal in definition(row).goals:
                having = goals[goal.name].versions if goal.name in goals else frozenset()
                goals[goal.name] = _Goal(goal, having | {row.version}, round(goal.window_s * 1e6))
        streams = tuple({row.stream: None for row in versions})
        return cls(live.spec, rule, now_us, live.identities, goals, streams)

    def place(self, reward: UnitReward | ImportResult) -> _Row | ImportResult:
        """Refuses what cannot be attributed, whatever was decided."""
        if isinstance(reward, ImportResult):
            return reward
        try:
            goal = self._goal(reward)
            ledger.check_value(goal.spec, reward.value)
            if reward.time_us > self.now_us + FUTURE_US:
                raise InvalidInput(
                    f"time is {(reward.time_us - self.now_us) / 1e6:.6g} s in the future: send what has happened, with"
                    " its time zone",
                    field="time",
                    reason="TIME_IN_FUTURE",
                )
        except InvalidInput as error:
            return ImportResult(error=error)
        row = _Row(reward, goal, self.identities.root(reward.unit))
        self.rows.append(row)
        return row

    def _goal(self, reward: UnitReward) -> _Goal:
        goal = self.goals.get(reward.goal)
        if goal is None or goal.spec.kind == "ratio":
            ledger.rewarded_goal(self.spec, reward.goal)
            raise InvalidInput(f"goal {reward.goal[:64]!r} takes no rewards", field="goal", reason="RATIO_GOAL")
        return goal

    def look(self, reader: Reader) -> None:
        """Finds the decisions of all rows' units that lie within any window, and what was imported for them."""
        roots: dict[str, str] = {}
        found: dict[bytes, UnitDecision] = {}
        for first_ms, last_ms, rows in _spans(self.rows):
            units = {unit: row.root for row in rows for unit in self.identities.same(row.root)}
            roots |= units
            for stream in self.streams:
                some = reader.unit_decisions(stream, units, id_bound(first_ms), id_bound(last_ms + 1))
                found |= {made.id: made for made in some}
        for decision in sorted(found):
            self.made[roots[found[decision].unit]].append(found[decision])
        for stream in self.streams:
            ids = [decision for decision in found if id_stream(decision) == stream]
            for old in reader.rewards(stream, ids) if ids else ():
                root = roots[found[old.decision].unit]
                self.known[root, old.goal, old.key].append((old.decision, old.value))

    def choose(self, row: _Row) -> _Chosen | ImportResult:
        """What becomes of a row, given all rows before it."""
        reward, key = row.reward, PREFIX + row.reward.key
        within = self._within(row)
        counted = self.now_us <= reward.time_us + round(row.goal.spec.closes_s * 1e6)
        known = self.known[row.root, reward.goal, key]
        values = [value for decision, value in known if within and within[0].id <= decision <= within[-1].id]
        if values and values[0] == reward.value:
            return ImportResult(duplicate=True)
        if values:
            error = ledger.conflict(row.goal.spec, reward.key, values[0], reward.value)
            return _Chosen(row, result=ImportResult(error=error), counted=counted)
        eligible = [made.id for made in within if self._eligible(row, made)]
        chosen = {"last": eligible[-1:], "first": eligible[:1], "all": eligible}[self.rule]
        known += [(decision, reward.value) for decision in chosen]
        return _Chosen(row, tuple(chosen), counted=counted)

    def _within(self, row: _Row) -> list[UnitDecision]:
        """The customer's decisions within the window before the event."""
        made, time_us = self.made.get(row.root, []), row.reward.time_us
        first = bisect_right(made, time_us - row.goal.window_us, key=_time_us)
        return made[first : bisect_right(made, time_us, key=_time_us)]

    def _eligible(self, row: _Row, made: UnitDecision) -> bool:
        return made.version in row.goal.versions and (made.exposed or self.spec.exposure == "implied")


def _time_us(made: UnitDecision) -> int:
    return id_milliseconds(made.id) * 1_000


def _spans(rows: Sequence[_Row]) -> Iterator[tuple[int, int, list[_Row]]]:
    """Stretches of time, in milliseconds, that hold the windows of some rows each; what lies between is not read."""
    starts = sorted(rows, key=lambda row: row.reward.time_us - row.goal.window_us)
    while starts:
        first_us = starts[0].reward.time_us - starts[0].goal.window_us
        last_us, count = 0, 0
        for row in starts:
            # A gap of less than a day is not worth another query.
            if count and row.reward.time_us - row.goal.window_us > last_us + _DAY_US:
                break
            last_us, count = max(last_us, row.reward.time_us), count + 1
        yield first_us // 1_000, last_us // 1_000, starts[:count]
        starts = starts[count:]


# Writing


def _parts(chosen: list[_Chosen]) -> list[list[_Chosen]]:
    """What to write at a time, in order."""
    parts: list[list[_Chosen]] = []
    room = 0
    for each in chosen:
        size = max(1, len(each.decisions))
        if not parts or size > room:
            parts.append([])
            room = _PART
        parts[-1].append(each)
        room -= size
    return parts


def _write(
    tx: Transaction, experiment: str, chosen: list[_Chosen], history: History, now_us: int
) -> list[ImportResult]:
    page = ledger.Page.of(
        tx,
        {decision for each in chosen for decision in each.decisions},
        lambda stream, version: history.spec(tx, stream, version),
        now_us,
    )
    results = [_record(page, each) for each in chosen]
    page.write(tx)
    rows = [row for row in map(_counted, chosen, results) if row is not None]
    for goal in {each.row.goal.spec.name: each.row.goal.spec for each in chosen}.values():
        tx.forget_imports(experiment, goal.name, _day(now_us - round(goal.closes_s * 1e6)))
    tx.count_imports(experiment, rows)
    return results


def _record(page: ledger.Page, chosen: _Chosen) -> ImportResult:
    if not chosen.decisions:
        return chosen.result
    reward = chosen.row.reward
    done = [
        page.attempt(decision, Reward("", reward.goal, reward.value, PREFIX + reward.key), imported=True)
        for decision in chosen.decisions
    ]
    late = sum(result.error is not None and result.error.reason == ledger.WINDOW_CLOSED for result in done)
    refused = [result.error for result in done if result.error is not None and _is_refusal(result.error)]
    recorded = sum(result.error is None and not result.duplicate for result in done)
    return ImportResult(
        error=refused[0] if refused and not recorded else None,
        decisions=recorded,
        late=late,
        duplicate=not recorded and any(result.duplicate for result in done),
        resolved=sum(result.resolved for result in done),
    )


def _is_refusal(error: BanditcoreError) -> bool:
    # Retention may just have deleted the decision, whose window had closed then.
    return error.reason != ledger.WINDOW_CLOSED and not isinstance(error, NotFound)


def _counted(chosen: _Chosen, result: ImportResult) -> ImportedRow | None:
    """How a row is counted, if at all."""
    reward = chosen.row.reward
    goal, day = reward.goal, _day(reward.time_us)
    match result.outcome:
        case "imported":
            return ImportedRow(goal, day, ImportKind.ATTRIBUTED)
        case "late":
            return ImportedRow(goal, day, ImportKind.LATE)
        case "unattributed" if chosen.counted:
            return ImportedRow(goal, day, ImportKind.UNATTRIBUTED, _mark(reward, with_value=False))
        case "refused" if chosen.counted:
            return ImportedRow(goal, day, ImportKind.CONFLICT, _mark(reward, with_value=True))
    return None


def _mark(reward: UnitReward, *, with_value: bool) -> bytes:
    """8 bytes that the same row has again."""
    parts = (reward.unit, reward.key, *([reward.value.hex()] if with_value else []))
    return blake2b("\0".join(parts).encode(), digest_size=8, person=b"bc-import-mark").digest()


def _day(time_us: int) -> int:
    return time_us // _DAY_US
