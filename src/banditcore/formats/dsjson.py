"""DSJSON of Vowpal Wabbit's decision services and of Azure Personalizer, both ways: one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.bandit_log import BanditLog, Rows, Units, hash_units
from banditcore.checks import Mask
from banditcore.errors import InvalidInput
from banditcore.formats.checking import MOST_ARMS, given_arms, reporter, seconds, shown, sound_rows
from banditcore.formats.hashing import DIMS, Features, given_arm_features, given_dims, hashed, hashed_by_arm
from banditcore.formats.json_events import HEADER, OWN, Apart, Event, Unusable, bare, features, parsed, raw_vector
from banditcore.formats.json_writing import OWN_UNIT, write
from banditcore.formats.lines import FEW, numbered, paged
from banditcore.formats.problems import Problems
from banditcore.types import Floats

__all__ = ["NAME", "SUFFIXES", "read", "sniff", "write"]

NAME = "dsjson"
SUFFIXES = (".dsjson", ".json", ".jsonl", ".ndjson")
MOST_IDS = 256
"""Names of actions that come in changing places and still are arms; news have more, and are known by their place."""
_NAMES = {"arms": "_label_Action", "rewards": "_label_cost", "propensity": "_label_probability", "contexts": "c"}
_NAMES |= {"propensities": "p", "times": "Timestamp"}
_KNOWN = re.compile(rb'"(_label_cost|_label_probability|_labelIndex|_multi|EventId)"')


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a pass over the file needs to know. What the first decision has, all must have."""

    path: Path
    n_arms: int
    at: dict[str, int] | None
    """Name of an action -> arm; None where the place is the arm."""
    partly: bool
    """Whether not every arm was there in every decision."""
    vectors: bool
    unit: str | None
    timed: bool
    marked: bool
    """Whether decisions may be marked as the fallback's."""
    dropped: float
    raw: int | None
    """Features of our own, to be read as they are."""
    by_arm: bool
    dims: int
    lenient: bool

    @property
    def width(self) -> int:
        """Features."""
        return self.dims if self.raw is None else self.raw


def sniff(path: Path, start: bytes) -> bool:
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and _KNOWN.search(start) is not None


def read(
    path: Path,
    *,
    lenient: bool = False,
    dims: int = DIMS,
    arm_features: bool | None = None,
    vectors: bool = True,
    unit: str = "EventId",
    n_arms: int | None = None,
) -> BanditLog:
    """A log of decisions with their outcomes joined. Raises InvalidInput.

    The reward is minus _label_cost. dims: columns that features are hashed into. arm_features: contexts by arm; None:
    where actions say more than which one they are. vectors: False takes _label_probability only, for a p that was
    rounded. unit: key of the event or of c, with dots, whose equal values are one unit. n_arms: where actions have no
    names, else the most that one decision lists.
    """
    survey = _survey(path)
    plan = _plan(path, survey, unit, vectors, given_dims(dims), given_arm_features(arm_features), lenient)
    keys = [str(arm) for arm in range(plan.n_arms)] if plan.at is None else list(plan.at)
    if n_arms is not None and plan.at is None:
        plan, keys = _widened(plan, given_arms(n_arms) or 1)
    return BanditLog(
        keys,
        partial(_pages, plan),
        source=str(path),
        features=survey.names or [f"hash[{index}]" for index in range(plan.width)],
        rows=survey.rows,
        path=str(path),
        metadata={"format": NAME, "pdrop": repr(plan.dropped)},
    )


# First pass: which actions there are, and what the first decision has


@dataclass(slots=True)
class _Survey:
    first: Event | None = None
    rows: int = 0
    most: int = 0
    fewest: int = 2**31
    places: dict[str, int] = field(default_factory=dict)
    named: bool = True
    moved: bool = False
    bare: bool = True
    marked: bool = False

    def add(self, event: Event) -> None:
        if self.first is None:
            self.first = event
        self.rows += 1
        n = len(event.actions)
        self.most, self.fewest = max(self.most, n), min(self.fewest, n)
        self.bare = self.bare and all(map(bare, event.actions))
        self.marked |= bool(_marks(event).get("fallback"))
        if self.named:
            self._add_names(event.ids())

    def _add_names(self, names: list[str | None]) -> None:
        self.named = None not in names and len(set(names)) == len(names)
        for place, name in enumerate(names if self.named else ()):
            self.moved |= self.places.setdefault(str(name), place) != place

    @property
    def header(self) -> dict[str, Any]:
        return {} if self.first is None else _marks(self.first)

    @property
    def names(self) -> list[str]:
        """Of the features of our own, as they are."""
        found = self.header.get("features")
        own = self.first is not None and _width(self.first) == len(found or ())
        return [str(name) for name in found] if found and own else []

    def arms(self) -> list[str] | None:
        """Names of the arms in their order; None where the place is the arm."""
        told = self.header.get("variants")
        if isinstance(told, list) and self.named and self.places.keys() <= set(map(str, told)):
            return [str(name) for name in told]
        shared = len(set(self.places.values())) < len(self.places)
        if not self.named or not self.places or ((self.moved or shared) and len(self.places) > MOST_IDS):
            return None
        return sorted(self.places) if self.moved or shared else sorted(self.places, key=self.places.__getitem__)


def _marks(event: Event) -> dict[str, Any]:
    found = event.raw.get(HEADER)
    return found if isinstance(found, dict) else {}


def _survey(path: Path) -> _Survey:
    survey, quiet = _Survey(), Problems("", lenient=True)
    # The rows that are bad are told of when they are read.
    for _, event in _events(numbered(path, quiet), quiet):
        with suppress(Unusable):
            survey.add(event)
    if survey.most > MOST_ARMS:
        raise InvalidInput(f"{path}: a decision lists more than {MOST_ARMS:,} actions", field="c._multi")
    return survey


def _events(lines: Iterable[tuple[int, str]], problems: Problems) -> Iterator[tuple[int, Event]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            yield number, parsed(line)
        except Unusable as error:
            problems.bad(number, *error.args)
        except Apart as error:
            problems.leave_out(*error.args)


def _plan(
    path: Path, survey: _Survey, unit: str, vectors: bool, dims: int, by_arm: bool | None, lenient: bool
) -> _Plan:
    first, names = survey.first, survey.arms()
    raw = None if first is None else _width(first)
    own_by_arm = raw is not None and first is not None and raw_vector(first.context) is None
    n_arms = max(1, survey.most if names is None else len(names))
    return _Plan(
        path=path,
        n_arms=n_arms,
        at=None if names is None else {name: arm for arm, name in enumerate(names)},
        partly=survey.fewest < n_arms,
        vectors=vectors and first is not None and first.vector is not None,
        unit=_unit(path, first, unit),
        timed=first is not None and "Timestamp" in first.raw,
        marked=survey.marked,
        dropped=0.0 if first is None else first.dropped,
        raw=raw,
        by_arm=own_by_arm or (raw is None and (not survey.bare if by_arm is None else by_arm)),
        dims=dims,
        lenient=lenient,
    )


def _unit(path: Path, first: Event | None, unit: str) -> str | None:
    if first is not None and _looked_up(first, unit) is not None:
        return unit
    # Only the usual one may be absent.
    if unit != "EventId" and first is not None:
        raise InvalidInput(f"{path}: the first decision has no {unit}, in itself or in c", field="unit")
    return None


def _widened(plan: _Plan, n_arms: int) -> tuple[_Plan, list[str]]:
    if n_arms < plan.n_arms:
        raise InvalidInput(f"n_arms is {n_arms}, but a decision lists {plan.n_arms} actions", field="n_arms")
    values = {name: getattr(plan, name) for name in _Plan.__dataclass_fields__}
    wider = _Plan(**values | {"n_arms": n_arms, "partly": plan.partly or n_arms > plan.n_arms})
    return wider, [str(arm) for arm in range(n_arms)]


def _width(event: Event) -> int | None:
    """Number of features where the contexts are our own."""
    found = raw_vector(event.context)
    if found is None and all(raw_vector(action) is not None for action in event.actions):
        found = raw_vector(event.actions[0])
    return None if found is None else len(found)


# Second pass: the rows


def _pages(plan: _Plan) -> Iterator[Rows]:
    problems = Problems(str(plan.path), plan.lenient)
    cells = plan.n_arms * (plan.width if plan.by_arm else 2) + plan.width
    for page in paged(numbered(plan.path, problems), cells, FEW):
        yield _rows(plan, list(_sound(plan, page, problems)), problems)


@dataclass(slots=True)
class _Row:
    event: Event
    arms: list[int]
    """Arm of each place."""
    shared: Features
    own: list[Features]
    """Of the actions, where contexts are by arm."""
    time: float
    unit: str | None


def _sound(plan: _Plan, page: list[tuple[int, str]], problems: Problems) -> Iterator[tuple[int, _Row]]:
    for number, event in _events(page, problems):
        try:
            yield number, _row(plan, event)
        except Unusable as error:
            problems.bad(number, *error.args)


def _row(plan: _Plan, event: Event) -> _Row:
    if event.dropped != plan.dropped:
        raise Unusable(
            "pdrop",
            f"differs from the first decision's {plan.dropped:g}: rows stand for 1 / (1 - pdrop) decisions each,"
            f" and cannot weigh the same, found {event.dropped:g}",
        )
    if plan.vectors and event.vector is None:
        raise Unusable("p", "is missing: the first decision has it")
    unit = None if plan.unit is None else _looked_up(event, plan.unit)
    if plan.unit is not None and unit is None:
        raise Unusable(plan.unit, "is missing: the first decision has it")
    shared: Features = []
    own: list[Features] = []
    if plan.raw is not None:
        _check_own(plan, event)
    else:
        shared = features(event.context)
        own = list(map(features, event.actions)) if plan.by_arm else []
    return _Row(event, _arms_of(plan, event), shared, own, _time(event) if plan.timed else np.nan, unit)


def _arms_of(plan: _Plan, event: Event) -> list[int]:
    places = range(len(event.actions))
    try:
        return list(places) if plan.at is None else [plan.at[str(name)] for name in event.ids()]
    except KeyError as error:
        raise Unusable("c._multi", f"changed while it was read: {error} was not there before") from None


def _check_own(plan: _Plan, event: Event) -> None:
    for holder in event.actions if plan.by_arm else [event.context]:
        found = raw_vector(holder)
        if found is None or len(found) != plan.raw:
            size = "none" if found is None else len(found)
            raise Unusable(f"c.{OWN}", f"must be {plan.raw} numbers as in the first decision, found {size}")


def _looked_up(event: Event, key: str) -> str | None:
    for holder in (event.raw, event.context):
        value: Any = holder
        for word in key.split("."):
            value = value.get(word) if isinstance(value, dict) else None
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value).encode(errors="replace").decode()
    return None


def _time(event: Event) -> float:
    text = event.raw.get("Timestamp")
    try:
        return seconds(str(text))
    except (ValueError, OverflowError):
        raise Unusable("Timestamp", f"is no time (write it as 2024-01-31T17:05:00Z), found {shown(text)}") from None


def _rows(plan: _Plan, numbered_rows: Sequence[tuple[int, _Row]], problems: Problems) -> Rows:
    rows = [row for _, row in numbered_rows]
    events = [row.event for row in rows]
    return sound_rows(
        plan.n_arms,
        problems,
        reporter(problems, [number for number, _ in numbered_rows], _NAMES, plan.n_arms, base=1),
        contexts=_contexts(plan, rows),
        arms=[row.arms[row.event.shown] for row in rows],
        rewards=[event.reward for event in events],
        propensity=[event.probability for event in events],
        propensities=_vectors(plan, rows) if plan.vectors else None,
        eligible=_eligible(plan, rows) if plan.partly else None,
        units=None if plan.unit is None else _units([str(row.unit) for row in rows]),
        times=[row.time for row in rows] if plan.timed else None,
        fallback=_fallback(events) if plan.marked else None,
    )


def _fallback(events: list[Event]) -> Mask:
    return np.array([_marks(event).get("fallback") is True for event in events], dtype=np.bool_)


def _vectors(plan: _Plan, rows: list[_Row]) -> Floats:
    found = np.zeros((len(rows), plan.n_arms))
    for at, row in enumerate(rows):
        found[at, row.arms] = row.event.vector
    return found


def _eligible(plan: _Plan, rows: list[_Row]) -> Mask:
    found = np.zeros((len(rows), plan.n_arms), dtype=np.bool_)
    for at, row in enumerate(rows):
        found[at, row.arms] = True
    return found


def _units(texts: list[str]) -> Units:
    """Hashes, and those that `write` has put into names as they are."""
    found = hash_units(np.array(texts, dtype=object))
    for at, text in enumerate(texts):
        if own := OWN_UNIT.fullmatch(text):
            found[at] = int(own[1], 16)
    return found


def _contexts(plan: _Plan, rows: list[_Row]) -> npt.NDArray[np.float64]:
    if plan.raw is not None:
        return _own(plan, rows)
    shared = [row.shared for row in rows]
    if not plan.by_arm:
        return hashed(shared, plan.dims)
    actions = [dict(zip(row.arms, row.own, strict=True)) for row in rows]
    return hashed_by_arm(shared, actions, plan.n_arms, plan.dims)


def _own(plan: _Plan, rows: list[_Row]) -> Floats:
    if not plan.by_arm:
        return np.array([row.event.context[OWN] for row in rows], dtype=np.float64).reshape(len(rows), plan.width)
    found = np.zeros((len(rows), plan.n_arms, plan.width))
    for at, row in enumerate(rows):
        found[at, row.arms] = [action[OWN] for action in row.event.actions]
    return found
