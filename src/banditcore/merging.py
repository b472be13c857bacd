"""Units that turn out to be one customer: which merges are possible, and what they make of a unit.

A merge says that decisions asked for a unit are made for another one, which was seen first. So the customer keeps the
group that it was first assigned to; what was decided before stays as it is. Merges are final and form no cycles.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from banditcore.errors import BanditcoreError, Conflict, InvalidInput
from banditcore.offline import MergeResult
from banditcore.storage.base import MergeRow, Reader, Transaction
from banditcore.validation import text

MAX_MERGES = 10_000
Merge = tuple[str, str]
"""(unit, into)"""


def record_merges(
    tx: Transaction, experiment: str, merges: Sequence[Merge], now_us: int
) -> tuple[list[MergeResult], list[MergeRow]]:
    """Makes each merge by itself, in order; returns what became of each, and the rows that are new."""
    steps = _steps(tx, experiment, {unit for merge in merges for unit in merge if _is_sound(unit)})
    fresh: list[Merge] = []
    results = [_attempt(steps, merge, fresh) for merge in merges]
    return results, tx.put_merges(experiment, fresh, now_us) if fresh else []


def _attempt(steps: dict[str, str], merge: Merge, fresh: list[Merge]) -> MergeResult:
    try:
        if _is_known(steps, *merge):
            return MergeResult(duplicate=True)
    except BanditcoreError as error:
        return MergeResult(error=error)
    steps[merge[0]] = merge[1]
    fresh.append(merge)
    return MergeResult()


def _is_known(steps: dict[str, str], unit: str, into: str) -> bool:
    """Whether the two are one customer already. Raises for a merge that cannot be."""
    text(unit, "unit")
    text(into, "into")
    if unit == into:
        raise InvalidInput(
            f"unit {unit[:64]!r} cannot be merged into itself: leave it out", field="into", reason="SELF_MERGE"
        )
    before, after = _root(steps, unit), _root(steps, into)
    if unit in steps and before != after:
        raise Conflict(
            f"unit {unit[:64]!r} was merged into {before[:64]!r} before, which is final: merge {before[:64]!r} into"
            f" {after[:64]!r} if all are one customer",
            field="into",
            reason="MERGE_CONFLICT",
        )
    if unit not in steps and after == unit:
        raise InvalidInput(
            f"into {into[:64]!r} was itself merged into unit {unit[:64]!r} before, which is decided for: leave it out",
            field="into",
            reason="MERGE_CYCLE",
        )
    return before == after


def roots(reader: Reader, experiment: str, units: Collection[str]) -> dict[str, str]:
    """unit -> the unit that is decided for, as it stands in the store."""
    steps = _steps(reader, experiment, units)
    return {unit: _root(steps, unit) for unit in units}


def _steps(reader: Reader, experiment: str, units: Collection[str]) -> dict[str, str]:
    """The merges that lead from the units to their roots."""
    steps: dict[str, str] = {}
    new = set(units)
    while new:
        found = reader.merged_into(experiment, new)
        steps |= found
        new = set(found.values()) - steps.keys()
    return steps


def _root(steps: dict[str, str], unit: str) -> str:
    while (into := steps.get(unit)) is not None:
        unit = into
    return unit


def _is_sound(unit: str) -> bool:
    try:
        text(unit, "unit")
    except InvalidInput:
        return False
    return True
