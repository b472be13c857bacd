"""What audits add up over the tables of `migrations/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

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
