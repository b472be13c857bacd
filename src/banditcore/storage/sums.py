"""What audits and reports add up over the tables of `migrations/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from banditcore.storage.base import GoalQuery
from banditcore.types import Group

_EVENTS = ("decision", "exposure", "reward", "resolution")
# The first reward in time that was there when the decision resolved, if any, says how it had to.
_UNFOUNDED = """
SELECT r.decision, CASE
    WHEN d.grp <> 1 OR d.degraded <> 0 THEN 'resolved, though it teaches nothing'
    WHEN r.kind = 1 THEN 'resolved with another value than its reward'
    ELSE 'resolved by its window''s close, against its rewards'
END
FROM resolution r JOIN decision d ON d.stream = r.stream AND d.id = r.decision
WHERE r.stream = $1 AND (
    d.grp <> 1 OR d.degraded <> 0 OR r.kind NOT IN (1, 2)
    OR r.kind = 2 AND r.value <> $2
    OR (r.kind = 1) <> EXISTS (
        SELECT 1 FROM reward w WHERE w.stream = r.stream AND w.decision = r.decision AND w.goal = $3
            AND w.late = 0 AND w.position < r.position)
    OR r.kind = 1 AND r.value IS DISTINCT FROM (
        SELECT value FROM reward w WHERE w.stream = r.stream AND w.decision = r.decision AND w.goal = $3
            AND w.late = 0 ORDER BY w.position LIMIT 1)
)
ORDER BY r.position LIMIT 1"""


class Sums(ABC):
    """Reads within a transaction of the caller's."""

    @abstractmethod
    def _run(self, sql: str, bindings: Sequence[Any] = ()) -> Iterable[Sequence[Any]]: ...

    def unfounded_resolutions(self, stream: int, goal: str, default: float) -> list[str]:
        rows = self._run(_UNFOUNDED, (stream, default, goal))
        return [f"decision {decision.hex()}: {why}" for decision, why in rows]

    def density(self, stream: int) -> tuple[int, int, int]:
        union = " UNION ALL ".join(f"SELECT position FROM {table} WHERE stream = $1" for table in _EVENTS)
        ((events, distinct, last, deleted),) = self._run(
            "SELECT count(*), count(DISTINCT position), coalesce(max(position), 0),"
            f" coalesce((SELECT deleted FROM stream WHERE stream = $1), 0) FROM ({union}) AS event",
            (stream,),
        )
        return int(events) + int(deleted), int(distinct) + int(deleted), int(last)

    def group_counts(self, streams: tuple[int, ...]) -> dict[int, tuple[int, int]]:
        rows = self._run(
            "SELECT grp, sum(n), count(DISTINCT unit) FROM ("
            f"SELECT grp, unit, 1 AS n FROM decision WHERE stream IN ({_numbers(streams)}) UNION ALL "
            f"SELECT grp, unit, decisions FROM carried_unit WHERE stream IN ({_numbers(streams)}) AND goal = ''"
            ") AS seen GROUP BY grp"
        )
        return {group: (int(decisions), units) for group, decisions, units in rows}

    def outcome_moments(self, query: GoalQuery) -> dict[int, tuple[int, int, float, float]]:
        # A unit that comes back after its first decisions were deleted is one unit all the same.
        carried = f"SELECT grp, unit, outcome FROM carried_unit WHERE {_carried(query)}"
        every = f"SELECT grp, unit, y FROM ({outcomes(query)}) AS outcome UNION ALL {carried}"
        per_unit = f"SELECT grp, {combine(query)}(y) AS y FROM ({every}) AS kept_or_carried GROUP BY unit, grp"
        rows = self._run(
            "SELECT grp, count(*), count(CASE WHEN y <> 0 THEN 1 END), sum(y), sum(y * y)"
            f" FROM ({per_unit}) AS by_unit GROUP BY grp",
            bindings(query),
        )
        return {group: (units, nonzero, total, squares) for group, units, nonzero, total, squares in rows}

    def arm_outcomes(self, query: GoalQuery) -> dict[tuple[int, int], tuple[int, int, float]]:
        streams = f"stream IN ({_numbers(query.streams)})"
        counts = self._run(
            "SELECT stream, arm, sum(n) FROM ("
            f"SELECT stream, arm, 1 AS n FROM decision WHERE {streams} AND grp = {int(Group.POLICY)} UNION ALL "
            f"SELECT stream, arm, decisions FROM carried_arm WHERE {streams} AND goal = ''"
            ") AS seen GROUP BY stream, arm"
        )
        result = {(stream, arm): (int(decisions), 0, 0.0) for stream, arm, decisions in counts}
        matured = self._run(
            "SELECT stream, arm, sum(n), sum(y) FROM ("
            f"SELECT stream, arm, 1 AS n, y FROM ({outcomes(query)}) AS outcome WHERE grp = {int(Group.POLICY)}"
            f" UNION ALL SELECT stream, arm, decisions, outcome FROM carried_arm WHERE {_carried(query)}"
            ") AS kept_or_carried GROUP BY stream, arm",
            bindings(query),
        )
        for stream, arm, count, total in matured:
            result[stream, arm] = (result[stream, arm][0], int(count), total)
        return result


def _carried(query: GoalQuery) -> str:
    """Picks what is carried for the goal, after `outcomes` with the same parameters."""
    return f"stream IN ({_numbers(query.streams)}) AND goal = $2"


def combine(query: GoalQuery) -> str:
    """How the outcomes of one unit become one."""
    # A unit converts once however often it did; values add up.
    return "max" if query.binary else "sum"


def _numbers(numbers: tuple[int, ...]) -> str:
    return ",".join(str(int(number)) for number in numbers) or "NULL"


def outcomes(query: GoalQuery) -> str:
    """SQL of one row per decision whose window has closed: (stream, unit, grp, arm, y); parameters as in `bindings`."""
    streams, versions = _numbers(query.streams), _numbers(query.versions)
    exposed = (
        " AND EXISTS (SELECT 1 FROM exposure e WHERE e.stream = d.stream AND e.decision = d.id)"
        if query.explicit_exposure
        else ""
    )
    return (
        "SELECT d.stream AS stream, d.unit AS unit, d.grp AS grp, d.arm AS arm, coalesce(r.v, $1) AS y"
        f" FROM decision d LEFT JOIN (SELECT stream, decision, {combine(query)}(value) AS v FROM reward"
        f" WHERE stream IN ({streams}) AND goal = $2 AND late = 0 AND decision < $3 GROUP BY stream, decision) r"
        " ON r.stream = d.stream AND r.decision = d.id"
        f" WHERE d.stream IN ({streams}) AND d.version IN ({versions}) AND d.id < $3{exposed}"
    )


def bindings(query: GoalQuery) -> tuple[float, str, bytes]:
    return query.default, query.goal, query.closed_before
