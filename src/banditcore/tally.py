"""The fold of the log into what reports read: every decision counts once, as soon as its outcome is final.

What a page of decisions adds is computed from a reader, while requests go on, and added by one short operation, which
first makes sure that log and tally are still as they were read. So whatever process adds a page, it counts once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from banditcore.assignment import id_milliseconds, id_stream
from banditcore.config import PER_DECISION, GoalSpec
from banditcore.course import Course
from banditcore.estimators.lift.moments import NAMES, Moments
from banditcore.storage.base import Reader
from banditcore.storage.tallied import (
    EVERYTHING,
    Day,
    Page,
    PageQuery,
    Slice,
    Span,
    Tallied,
    TallyChange,
    UnitOutcome,
)
from banditcore.traits import Traits, audience, covariate
from banditcore.types import Floats, Group

BUCKETS = 256
DAY_MS = 86_400_000
DECISIONS = -1
"""In the place of a day: how many decisions there were, on all of them."""
NARROWEST_S = 5
_WIDTHS_S = ((600, NARROWEST_S), (86_400, 300), (30 * 86_400, 3_600))
_WIDEST_S = 86_400
AUDIENCES_WIDER = 12
"""Times as wide are the spans in which the traffic of audiences is counted, of which there may be many."""
Key = tuple[str, int]
"""Unit and epoch."""


def count_everything(reader: Reader, course: Course, query: PageQuery) -> TallyChange | None:
    """The next page of all decisions: who came, in which group, for which variant. None when there is nothing."""
    page = reader.page(query)
    if not page.rows:
        return None
    before = _before(reader, course, EVERYTHING, page)
    traits = {row.unit: row.traits for row in sorted(before.values(), key=lambda row: -row.epoch)}
    fresh: dict[Key, UnitOutcome] = {}
    for row, seen in zip(page.rows, _traits(course, page.rows, traits), strict=True):
        epoch = course.epoch_of[row.version]
        key = (row.unit, epoch)
        traits.setdefault(row.unit, seen)
        if key not in before and key not in fresh:
            first = row.id.hex() if course.chosen(row) else ""
            fresh[key] = UnitOutcome(row.unit, epoch, row.group, float(row.version), 0.0, first, traits[row.unit])
    change = TallyChange(course.number, query, page, units=list(fresh.values()))
    change.moments = _decisions(course, page.rows, traits)
    _merge(change.moments, _units(course, list(fresh.values()), traits))
    change.days = _new_units(course, fresh.values())
    change.traffic = _traffic(course, page.rows, traits)
    change.arms = _arms(page.rows)
    return change


def count_goal(reader: Reader, course: Course, goal: GoalSpec, query: PageQuery) -> TallyChange | None:
    """The next page of decisions whose outcome for a goal is final; None when there is nothing."""
    page = reader.page(query)
    if not page.rows:
        return None
    having = {version for version, spec in course.specs.items() if spec.goal(goal.name)}
    rows = [row for row in page.rows if course.counts(row, goal)]
    change = TallyChange(course.number, query, page)
    if not rows:
        return change
    visits, stored = (_before(reader, course, name, page) for name in (EVERYTHING, goal.name))
    known = {key: visit for key, visit in visits.items() if visit.y in having and course.spec.exposure == "implied"}
    counted = _counted(reader, goal, [visit for key, visit in known.items() if visit.first and key not in stored])
    before = stored | counted
    after = _outcomes(course, goal, rows, before)
    changed = {key: row for key, row in after.items() if row != before.get(key)}
    # Who earns nothing, which is most of them, is not stored where the first decision tells that the unit counts.
    here = {row.id.hex() for row in rows}
    told = counted.keys() | {key for key, visit in known.items() if visit.first in here}
    change.units = [row for key, row in changed.items() if row.y or row.d or key in stored or key not in told]
    traits = {row.unit: row.traits for row in sorted(visits.values(), key=lambda row: -row.epoch)}
    change.moments = _gained(course, goal, list(changed.values()), before, traits)
    if goal.kind != "ratio":
        change.days = _days(course, goal, rows)
        change.arms = _arms(rows)
    return change


# Units


def _before(reader: Reader, course: Course, goal: str, page: Page) -> dict[Key, UnitOutcome]:
    units = {row.unit for row in page.rows}
    return {(row.unit, row.epoch): row for row in reader.unit_outcomes(course.number, goal, units)}


def _traits(course: Course, rows: Sequence[Tallied], known: dict[str, str]) -> list[str]:
    """Of each row's unit, read from the row where nothing is known yet."""
    found = [known.get(row.unit, "") for row in rows]
    for version in {row.version for row in rows}:
        reading = Traits(course.specs[version])
        new = [index for index, row in enumerate(rows) if row.version == version and row.unit not in known]
        if reading.any and new:
            contexts = np.frombuffer(b"".join(rows[index].context or b"" for index in new), dtype="<f8")
            for index, text in zip(new, reading.read(contexts.reshape(len(new), -1)), strict=True):
                found[index] = text
    return found


def _counted(reader: Reader, goal: GoalSpec, visits: Iterable[UnitOutcome]) -> dict[Key, UnitOutcome]:
    """Units that count with an outcome of 0, which is not stored: those whose first decision has been counted."""
    firsts = {bytes.fromhex(visit.first): visit for visit in visits}
    final: set[tuple[bytes, str]] = set()
    for stream in {id_stream(id) for id in firsts}:
        final |= reader.final(stream, [id for id in firsts if id_stream(id) == stream])
    found = (visit for id, visit in firsts.items() if (id, goal.name) in final)
    return {(visit.unit, visit.epoch): visit._replace(y=0.0, d=0.0, first="", traits="") for visit in found}


def _outcomes(
    course: Course, goal: GoalSpec, rows: Iterable[Tallied], before: dict[Key, UnitOutcome]
) -> dict[Key, UnitOutcome]:
    """Of every unit of the page, with what the page adds."""
    after: dict[Key, UnitOutcome] = {}
    per_decision = goal.kind == "ratio" and goal.denominator == PER_DECISION
    for row in rows:
        key = (row.unit, course.epoch_of[row.version])
        old = after.get(key) or before.get(key)
        y, d = row.y, 1.0 if per_decision else row.d
        if old is not None:
            y = max(old.y, y) if goal.kind == "binary" else old.y + y
            d += old.d
        after[key] = UnitOutcome._make((row.unit, key[1], row.group, y, d, "", ""))
    return after


# Moments


def _features(goal: GoalSpec | None, rows: Sequence[UnitOutcome | None], traits: Sequence[str]) -> Floats:
    """(k, 16) what each unit adds to `Moments`; nothing where there is no unit."""
    raw = np.array([row.y if row else 0.0 for row in rows])
    d = np.array([row.d if row else 0.0 for row in rows])
    there = np.array([row is not None for row in rows], dtype=np.float64)
    y = raw if goal is None or goal.cap is None else np.minimum(raw, goal.cap)
    x, m = _covariates(goal, traits)
    columns = (there, raw != 0, y, y * y, raw, raw * raw, d, d * d, y * d)
    return np.column_stack([*columns, x, x * x, x * y, x * d, m, m * y, m * d]) * there[:, None]


def _covariates(goal: GoalSpec | None, traits: Sequence[str]) -> tuple[Floats, Floats]:
    """(k,) of the values, 0 where missing, and (k,) of 1 where missing; all 0 when the goal has none."""
    if goal is None or not goal.covariate:
        return np.zeros(len(traits)), np.zeros(len(traits))
    found = [covariate(each, goal.covariate) for each in traits]
    return np.array([value or 0.0 for value in found]), np.array([float(value is None) for value in found])


def _gained(
    course: Course,
    goal: GoalSpec,
    units: Sequence[UnitOutcome],
    before: dict[Key, UnitOutcome],
    traits: dict[str, str],
) -> dict[Slice, Moments]:
    """What the moments of each slice gain by units being as they are now."""
    if not units:
        return {}
    own = [traits.get(row.unit, "") for row in units]
    old = [before.get((row.unit, row.epoch)) for row in units]
    gain = _features(goal, units, own) - _features(goal, old, own)
    return _by_slice(course, goal.name, units, own, gain)


def _units(course: Course, units: Sequence[UnitOutcome], traits: dict[str, str]) -> dict[Slice, Moments]:
    own = [traits.get(row.unit, "") for row in units]
    gain = np.zeros((len(units), len(NAMES)))
    gain[:, 0] = 1.0
    return _by_slice(course, EVERYTHING, units, own, gain)


def _decisions(course: Course, rows: Sequence[Tallied], traits: dict[str, str]) -> dict[Slice, Moments]:
    """The number of decisions in each slice, as `Moments.d`."""
    gain = np.zeros((len(rows), len(NAMES)))
    gain[:, NAMES.index("d")] = 1.0
    units = [UnitOutcome(row.unit, course.epoch_of[row.version], row.group, 0.0, 0.0, "", "") for row in rows]
    return _by_slice(course, EVERYTHING, units, [traits.get(row.unit, "") for row in rows], gain)


def _by_slice(
    course: Course, goal: str, units: Sequence[UnitOutcome], traits: Sequence[str], gain: Floats
) -> dict[Slice, Moments]:
    """Adds up rows of `gain` for all units, and for each value of each audience."""
    found = {}
    for name in ("", *course.spec.audiences):
        rows: dict[tuple[int, str, int], list[int]] = defaultdict(list)
        for index, (_, epoch, group, *_) in enumerate(units):
            rows[epoch, audience(traits[index], name) if name else "", group].append(index)
        for (epoch, trait, group), some in rows.items():
            found[Slice(goal, epoch, name, trait, group)] = _moments(gain[some].sum(axis=0))
    return found


def _moments(sums: Floats) -> Moments:
    n, converted, *rest = sums.tolist()
    return Moments(round(n), round(converted), *rest)


def _merge(into: dict[Slice, Moments], more: dict[Slice, Moments]) -> None:
    for where, moments in more.items():
        into[where] = into[where] + moments if where in into else moments


# Days, traffic, arms


def _sums() -> Floats:
    return np.zeros(BUCKETS)


def _packed(sums: dict[Day, Floats]) -> dict[Day, bytes]:
    return {day: values.astype("<f8").tobytes() for day, values in sums.items()}


def _new_units(course: Course, units: Iterable[UnitOutcome]) -> dict[Day, bytes]:
    """New units in each bucket."""
    sums: dict[Day, Floats] = defaultdict(_sums)
    for row in units:
        sums[Day(EVERYTHING, row.epoch, 0, row.group)][course.bucket(row.unit.encode())] += 1.0
    return _packed(sums)


def _days(course: Course, goal: GoalSpec, rows: Iterable[Tallied]) -> dict[Day, bytes]:
    """What decisions of each day have earned, in each bucket; each decision up to the cap.

    Of the primary goal also how many decisions that were, over all days.
    """
    sums: dict[Day, Floats] = defaultdict(_sums)
    counts = goal.name == course.spec.primary_goal.name
    for row in rows:
        epoch = course.epoch_of[row.version]
        if not (row.y or counts):
            continue
        bucket = course.bucket(row.unit.encode())
        if row.y:
            day = Day(goal.name, epoch, id_milliseconds(row.id) // DAY_MS, row.group)
            sums[day][bucket] += row.y if goal.cap is None else min(row.y, goal.cap)
        if counts:
            sums[Day(goal.name, epoch, DECISIONS, row.group)][bucket] += 1.0
    return _packed(sums)


def _traffic(course: Course, rows: Iterable[Tallied], traits: dict[str, str]) -> dict[Span, int]:
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    start_ms, names = course.epochs[0].start_us // 1000, course.spec.audiences
    for row in rows:
        now_ms, variant, own = id_milliseconds(row.id), course.arms[row.version][row.arm], traits[row.unit]
        at, wider = span(now_ms, start_ms), span(now_ms, start_ms, AUDIENCES_WIDER)
        counts[*at, "", "", row.group, variant] += 1
        for name in names:
            counts[*wider, name, audience(own, name), row.group, variant] += 1
    return {Span._make(where): count for where, count in counts.items()}


def span(now_ms: int, start_ms: int, wider: int = 1) -> tuple[int, int]:
    """Start and width in microseconds of the span of time that a decision is counted in: wider as time goes by."""
    age_s = max(now_ms - start_ms, 0) / 1e3
    width_ms = next((width for limit, width in _WIDTHS_S if age_s < limit), _WIDEST_S) * 1000 * wider
    return now_ms // width_ms * width_ms * 1000, width_ms * 1000


def _arms(rows: Iterable[Tallied]) -> dict[int, tuple[int, float]]:
    sums: dict[int, tuple[int, float]] = {}
    for row in rows:
        if row.group == Group.POLICY:
            decisions, outcome = sums.get(row.arm, (0, 0.0))
            sums[row.arm] = (decisions + 1, outcome + row.y)
    return sums
