"""The tables that reports read, and the pages of the log that are added to them."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from banditcore.assignment import ID_BYTES, split_ids
from banditcore.estimators.lift.moments import NAMES, Moments
from banditcore.findings import Alarm, Look, Verdict
from banditcore.storage.base import DecisionColumns
from banditcore.storage.sums import Sums
from banditcore.storage.tallied import (
    Day,
    Page,
    PageQuery,
    Part,
    Slice,
    Span,
    Tallied,
    TallyChange,
    UnitOutcome,
)

_UNIT = ("experiment", "goal", "unit", "epoch", "grp", "y", "d", "first", "traits")
LOOK = ("time", "goal", "estimate", "low", "high", "information", "off_policy", "off_policy_low", "off_policy_high")
_VERDICT = ("outcome", "time", "estimate", "low", "high", "information")
_ALARM = ("time", "kind", "subject", "message")
_SLICE = ("goal", "epoch", "audience", "trait", "grp")
_SPAN = ("start", "width", "audience", "trait", "grp", "variant")
_DAY = ("experiment", "goal", "epoch", "day", "grp")
TALLIES: dict[str, tuple[str, ...]] = {
    "tally": ("stream", "goal", "counted"),
    "straggler": ("stream", "goal", "id"),
    "unit_outcome": _UNIT,
    "moment": ("experiment", *_SLICE, *NAMES),
    "arm_outcome": ("stream", "goal", "arm", "decisions", "outcome"),
    "day_outcome": (*_DAY, "sums"),
    "traffic": ("experiment", *_SPAN, "decisions"),
    "off_policy": ("stream", "goal", "state", "digest"),
    "look": ("experiment", *LOOK),
    "verdict": ("experiment", "goal", *_VERDICT),
    "alarm": ("experiment", *_ALARM, "resumed"),
}
"""All tables here, with their columns."""
BY_NUMBER = tuple(table for table, columns in TALLIES.items() if columns[0] == "experiment")
_EXPOSED = "(SELECT e.time FROM exposure e WHERE e.stream = d.stream AND e.decision = d.id)"


class Tallies(Sums):
    """Keeps `banditcore.storage.tallied.TallyWriter` within a transaction of the caller's."""

    @abstractmethod
    def _change(self, sql: str, *bindings: Any) -> list[Sequence[Any]]:
        """Runs one statement that writes."""

    @abstractmethod
    def _one(self, sql: str, *bindings: Any) -> Any:
        """The first row, or None."""

    @abstractmethod
    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Inserts many rows."""

    @abstractmethod
    def _replace_many(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Inserts many rows with different keys, or puts them in place of those that are there."""

    @abstractmethod
    def _among_blobs(self, parameter: str) -> str:
        """What to write after a column to compare it with a bound list; likewise the next of texts."""

    @abstractmethod
    def _among_texts(self, parameter: str) -> str: ...

    @abstractmethod
    def _list(self, values: Collection[bytes] | Collection[str]) -> Any:
        """Such a list, to be bound."""

    # Pages of the log

    def counted(self, stream: int) -> dict[str, bytes]:
        rows = self._run("SELECT goal, counted FROM tally WHERE stream = $1", (stream,))
        return {goal: bytes(counted) for goal, counted in rows}

    def stragglers(self, stream: int) -> set[str]:
        return {row[0] for row in self._run("SELECT DISTINCT goal FROM straggler WHERE stream = $1", (stream,))}

    def final(self, stream: int, decisions: Collection[bytes]) -> set[tuple[bytes, str]]:
        counted = self.counted(stream)
        passed = {(id, goal) for goal, mark in counted.items() if goal for id in decisions if id < mark}
        if not passed:
            return passed
        late = self._run(
            f"SELECT id, goal FROM straggler WHERE stream = $1 AND id {self._among_blobs('$2')}",
            (stream, self._list(decisions)),
        )
        return passed - {(bytes(id), goal) for id, goal in late}

    def uncounted(self, stream: int, before: bytes) -> int:
        row = self._one(
            "SELECT count(*) FROM decision WHERE stream = $1 AND id < $2 AND id >="
            " coalesce((SELECT counted FROM tally t WHERE t.stream = $1 AND t.goal = ''), $3)",
            stream,
            before,
            b"",
        )
        return int(row[0])

    def page(self, query: PageQuery) -> Page:
        late = self._late(query)
        if late:
            rows = self._tallied(query, f"{{}} {self._among_blobs('$2')}", (self._list(late),))
            return Page(rows, query.since, True, len(late), 0, 0)
        if not self._any(query):
            return Page([], query.before, False, 0, 0, 0)
        until = self._end(query)
        rows = self._tallied(query, "{0} >= $2 AND {0} < $3", (query.since, until))
        return Page(rows, until, False, *self._counts(query, until))

    def _late(self, query: PageQuery) -> list[bytes]:
        rows = self._run(
            "SELECT id FROM straggler WHERE stream = $1 AND goal = $2 AND id < $3 ORDER BY id LIMIT $4",
            (query.stream, query.goal, query.before, query.limit),
        )
        return [bytes(row[0]) for row in rows]

    def _any(self, query: PageQuery) -> bool:
        among = (query.stream, query.since, query.before)
        return bool(self._one("SELECT 1 FROM decision WHERE stream = $1 AND id >= $2 AND id < $3 LIMIT 1", *among))

    def _end(self, query: PageQuery) -> bytes:
        row = self._one(
            "SELECT id FROM decision WHERE stream = $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT 1 OFFSET $4",
            query.stream,
            query.since,
            query.before,
            query.limit,
        )
        return query.before if row is None else bytes(row[0])

    def _counts(self, query: PageQuery, until: bytes) -> tuple[int, int, int]:
        """How many decisions, rewards that count, and exposures there are; those that do not matter as 0."""
        between = (query.stream, query.since, until)
        decisions = self._one("SELECT count(*) FROM decision WHERE stream = $1 AND id >= $2 AND id < $3", *between)[0]
        rewards = sum(
            self._one(
                "SELECT count(*) FROM reward WHERE stream = $1 AND decision >= $2 AND decision < $3 AND goal = $4"
                " AND late = 0",
                *between,
                part.goal,
            )[0]
            for part in query.parts
        )
        exposures = 0
        if query.explicit_exposure:
            exposures = self._one(
                "SELECT count(*) FROM exposure WHERE stream = $1 AND decision >= $2 AND decision < $3", *between
            )[0]
        return int(decisions), int(rewards), int(exposures)

    def _tallied(self, query: PageQuery, among: str, values: tuple[Any, ...]) -> list[Tallied]:
        """`among` picks the ids `{}`, with `values` from the second parameter on."""
        sides, bound = [], list(values)
        for index, part in enumerate(query.parts):
            bound += [part.goal]
            sides.append(_earned(f"p{index}", part, among, len(bound) + 1))
        outcomes = "".join(f", coalesce(p{index}.v, {part.default!r})" for index, part in enumerate(query.parts))
        none = (0.0,) * (2 - len(query.parts))
        exposed = _EXPOSED if query.explicit_exposure else "0"
        vectors = "d.context, d.propensities" if query.with_vectors else "NULL, NULL"
        rows = self._run(
            f"SELECT d.id, d.unit, d.grp, d.arm, d.version, d.degraded, {exposed}{outcomes}, {vectors}, d.eligible"
            f" FROM decision d {' '.join(sides)} WHERE d.stream = $1 AND {among.format('d.id')} ORDER BY d.id",
            (query.stream, *bound),
        )
        make = Tallied._make
        return [make((*row[:-3], *none, *row[-3:])) for row in rows]

    # What has been counted

    def unit_outcomes(self, experiment: int, goal: str, units: Collection[str]) -> list[UnitOutcome]:
        rows = self._run(
            "SELECT unit, epoch, grp, y, d, first, traits FROM unit_outcome"
            f" WHERE experiment = $1 AND goal = $2 AND unit {self._among_texts('$3')}",
            (experiment, goal, self._list(units)),
        )
        return list(map(UnitOutcome._make, rows))

    def moments(self, experiment: int) -> dict[Slice, Moments]:
        rows = self._run(
            f"SELECT goal, epoch, audience, trait, grp, {', '.join(NAMES)} FROM moment WHERE experiment = $1"
            " ORDER BY goal, epoch, audience, trait, grp",
            (experiment,),
        )
        return {Slice(*row[:5]): Moments(*row[5:]) for row in rows}

    def arm_outcomes(self, streams: Sequence[int], goal: str) -> dict[tuple[int, int], tuple[int, float]]:
        found = {}
        for stream in streams:
            rows = self._run(
                "SELECT arm, decisions, outcome FROM arm_outcome WHERE stream = $1 AND goal = $2", (stream, goal)
            )
            found.update({(stream, int(arm)): (int(decisions), float(total)) for arm, decisions, total in rows})
        return found

    def days(self, experiment: int, goal: str, epoch: int, since: int) -> list[tuple[Day, bytes]]:
        rows = self._run(
            "SELECT day, grp, sums FROM day_outcome WHERE experiment = $1 AND goal = $2 AND epoch = $3 AND day >= $4",
            (experiment, goal, epoch, since),
        )
        return [(Day(goal, epoch, day, group), bytes(sums)) for day, group, sums in rows]

    def traffic(self, experiment: int, width: int, audience_width: int) -> dict[Span, int]:
        rows = self._run(
            "SELECT begin, wide, audience, trait, grp, variant, sum(decisions) FROM ("
            "SELECT CASE WHEN audience = '' THEN start / $1 * $1 ELSE start / $2 * $2 END AS begin,"
            " CASE WHEN audience = '' THEN $1 ELSE $2 END AS wide, audience, trait, grp, variant, decisions"
            " FROM traffic WHERE experiment = $3) AS spans GROUP BY begin, wide, audience, trait, grp, variant"
            " ORDER BY begin, audience, trait, grp, variant",
            (width, audience_width, experiment),
        )
        return {Span(*row[:6]): int(row[6]) for row in rows}

    def off_policy(self, stream: int, goal: str) -> tuple[bytes, bytes] | None:
        row = self._one("SELECT state, digest FROM off_policy WHERE stream = $1 AND goal = $2", stream, goal)
        return (bytes(row[0]), bytes(row[1])) if row else None

    def looks(self, experiment: int) -> list[Look]:
        rows = self._run(f"SELECT {', '.join(LOOK)} FROM look WHERE experiment = $1 ORDER BY time, goal", (experiment,))
        return [Look(*row[:2], *(math.nan if value is None else value for value in row[2:])) for row in rows]

    def verdict(self, experiment: int, goal: str) -> Verdict | None:
        row = self._one(
            f"SELECT {', '.join(_VERDICT)} FROM verdict WHERE experiment = $1 AND goal = $2", experiment, goal
        )
        return Verdict(*row) if row else None

    def alarms(self, experiment: int) -> list[Alarm]:
        rows = self._run(
            f"SELECT {', '.join(_ALARM)} FROM alarm WHERE experiment = $1 ORDER BY time, kind, subject", (experiment,)
        )
        return [Alarm(*row) for row in rows]

    # Counting

    def add_tally(self, change: TallyChange) -> bool:
        query, page = change.query, change.page
        if not (self._take_stragglers(change) if page.stragglers else self._advance_tally(query, page)):
            return False
        experiment, goal = change.experiment, query.goal
        # In order of the key, so that neighbours share a page of the table.
        units = [(experiment, goal, *row) for row in sorted(change.units)]
        if units:
            self._replace_many("unit_outcome", _UNIT, ("experiment", "goal", "unit", "epoch"), units)
        for where, moments in change.moments.items():
            keys = dict(zip(_SLICE, where, strict=True))
            self._add("moment", {"experiment": experiment, **keys}, dict(zip(NAMES, astuple(moments), strict=True)))
        for arm, (decisions, outcome) in change.arms.items():
            keys = {"stream": query.stream, "goal": goal, "arm": arm}
            self._add("arm_outcome", keys, {"decisions": decisions, "outcome": outcome})
        for span, decisions in change.traffic.items():
            keys = dict(zip(_SPAN, span, strict=True))
            self._add("traffic", {"experiment": experiment, **keys}, {"decisions": decisions})
        for day, sums in change.days.items():
            self._add_day(experiment, day, sums)
        if change.off_policy:
            row = (query.stream, goal, *change.off_policy)
            self._replace_many("off_policy", TALLIES["off_policy"], ("stream", "goal"), [row])
        return True

    def _advance_tally(self, query: PageQuery, page: Page) -> bool:
        moved = self.counted(query.stream).get(query.goal, b"") != query.since
        if moved or self._counts(query, page.until) != (page.decisions, page.rewards, page.exposures):
            return False
        row = (query.stream, query.goal, page.until)
        self._replace_many("tally", TALLIES["tally"], ("stream", "goal"), [row])
        return True

    def _take_stragglers(self, change: TallyChange) -> bool:
        query, ids = change.query, self._list([row.id for row in change.page.rows])
        among = f"stream = $1 AND goal = $2 AND id {self._among_blobs('$3')}"
        found = self._one(f"SELECT count(*) FROM straggler WHERE {among}", query.stream, query.goal, ids)[0]
        if found != len(change.page.rows):
            return False
        self._change(f"DELETE FROM straggler WHERE {among}", query.stream, query.goal, ids)
        return True

    def _add(self, table: str, keys: dict[str, Any], sums: dict[str, Any]) -> None:
        columns = [*keys, *sums]
        marks = ", ".join(f"${index + 1}" for index in range(len(columns)))
        added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)
        self._change(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}",
            *keys.values(),
            *sums.values(),
        )

    def _add_day(self, experiment: int, day: Day, sums: bytes) -> None:
        where = " AND ".join(f"{key} = ${index + 1}" for index, key in enumerate(_DAY))
        row = self._one(f"SELECT sums FROM day_outcome WHERE {where}", experiment, *day)
        if row:
            sums = (np.frombuffer(row[0], dtype="<f8") + np.frombuffer(sums, dtype="<f8")).tobytes()
        self._replace_many("day_outcome", TALLIES["day_outcome"], _DAY, [(experiment, *day, sums)])

    def note_stragglers(self, rows: DecisionColumns) -> None:
        """Remembers which of the decisions, in order of their ids, came after their neighbours had been counted."""
        passed = self._run("SELECT goal, counted FROM tally WHERE stream = $1 AND counted > $2", _first(rows))
        for goal, counted in list(passed):
            late = [(rows.stream, goal, id) for id in split_ids(rows.ids) if id < bytes(counted)]
            self._insert("straggler", TALLIES["straggler"], late)

    def put_look(self, experiment: int, look: Look) -> None:
        values = [None if isinstance(value, float) and math.isnan(value) else value for value in astuple(look)]
        self._put("look", {"experiment": experiment, **dict(zip(LOOK, values, strict=True))})

    def put_verdict(self, experiment: int, goal: str, verdict: Verdict) -> bool:
        columns = dict(zip(_VERDICT, astuple(verdict), strict=True))
        return self._put("verdict", {"experiment": experiment, "goal": goal, **columns})

    def frozen(self, experiment: int) -> bool:
        sql = "SELECT 1 FROM alarm WHERE experiment = $1 AND kind = 'harm' AND resumed IS NULL LIMIT 1"
        return bool(self._one(sql, experiment))

    def resume_alarms(self, experiment: int, time: int) -> None:
        self._change("UPDATE alarm SET resumed = $1 WHERE experiment = $2 AND resumed IS NULL", time, experiment)

    def put_alarm(self, experiment: int, alarm: Alarm) -> bool:
        return self._put("alarm", {"experiment": experiment, **dict(zip(_ALARM, astuple(alarm), strict=True))})

    def _put(self, table: str, row: dict[str, Any]) -> bool:
        """Inserts a row; False when one with its key is there."""
        marks = ", ".join(f"${index + 1}" for index in range(len(row)))
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING 1"
        return bool(self._change(sql, *row.values()))


def _first(rows: DecisionColumns) -> tuple[int, bytes]:
    return rows.stream, rows.ids[:ID_BYTES]


def _earned(name: str, part: Part, among: str, parameter: int) -> str:
    """A side of the join: what each decision earned of one goal, which is the parameter of that number."""
    combined = "max" if part.largest else "sum"
    return (
        f"LEFT JOIN (SELECT decision, {combined}(value) AS v FROM reward WHERE stream = $1 AND"
        f" {among.format('decision')} AND goal = ${parameter} AND late = 0 GROUP BY decision) {name}"
        f" ON {name}.decision = d.id"
    )
