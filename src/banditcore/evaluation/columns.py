"""Columns that came along with a log and are asked for: whether they are there, and the first row that is unusable."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from banditcore.bandit_log import SUM_TOLERANCE, BanditLog, Rows
from banditcore.errors import InvalidInput
from banditcore.evaluation.spec import unknown
from banditcore.formats import parquet
from banditcore.formats.parquet_columns import MODEL_POSITION, open_parquet
from banditcore.types import Floats


class Fault(NamedTuple):
    """A row of a page that cannot be used."""

    row: int
    """From 0."""
    column: str
    wrong: str
    """Reads on from the column's name."""


def check_column(log: BanditLog, name: str, *, vectors: bool = False) -> None:
    """Raises InvalidInput where the log has no such column of numbers, one a row or (with `vectors` only) one a
    variant."""
    columns = log.head().columns
    if name not in columns:
        raise _other_kind(log, name) or unknown(
            "column of the log", name, [known for known in columns if known != MODEL_POSITION]
        )
    found = columns[name]
    width = 1 if found.ndim == 1 else found.shape[1]
    if (vectors or found.ndim > 1) and found.shape[1:] != (log.n_arms,):
        raise _misfit(log, name, width)


def _misfit(log: BanditLog, name: str, width: int) -> InvalidInput:
    numbers = "one number" if width == 1 else f"{width} numbers"
    return InvalidInput(
        f"column {name} holds {numbers} a row, and the log has {log.n_arms} variants: one number each is needed",
        field="column",
    )


def _other_kind(log: BanditLog, name: str) -> InvalidInput | None:
    """What is wrong with a column of a Parquet file that its reader took for nothing an evaluation could want."""
    if not _is_parquet(log.path):
        return None
    from banditcore.formats import arrow

    file = open_parquet(log.path or "")
    if name not in file.schema_arrow.names:
        return None
    kind = file.schema_arrow.field(name).type
    if arrow.is_vector(kind):
        lengths = arrow.lengths(next(file.iter_batches(1_024, columns=[name])).column(0))
        return _misfit(log, name, int(lengths.max(initial=0)))
    if arrow.is_number(kind):
        return None
    return InvalidInput(f"column {name} holds {kind}, expected numbers", field="column")


def chances_fault(rows: Rows, name: str) -> Fault | None:
    """Of a column of probabilities: (n,) of the arm shown, or (n, K) vectors."""
    found = rows.columns[name]
    if found.ndim == 1:
        return _first(rows, name, (found >= 0.0) & (found <= 1.0), "must be a probability, from 0 to 1", found)
    inside = _first(rows, name, ((found >= 0.0) & (found <= 1.0)).all(axis=1), "must hold probabilities, from 0 to 1")
    total = found @ np.ones(found.shape[1])
    return inside or _first(rows, name, np.abs(total - 1.0) <= SUM_TOLERANCE, "must sum to 1", total)


def rewards_fault(rows: Rows, name: str) -> Fault | None:
    """Of a column of (n, K) expected rewards."""
    found = rows.columns[name]
    return _first(rows, name, np.isfinite(found @ np.ones(found.shape[1])), "must hold finite numbers only")


def _first(rows: Rows, name: str, sound: Any, rule: str, seen: Floats | None = None) -> Fault | None:
    if sound.all():
        return None
    # Nothing is weighed in rows that the policy did not draw.
    bad = np.flatnonzero(~sound if rows.fallback is None else ~sound & ~rows.fallback)
    if not len(bad):
        return None
    return Fault(int(bad[0]), name, rule if seen is None else f"{rule}, found {seen[bad[0]]:.6g}")


def checked(pages: Iterator[Rows], log: BanditLog, checks: Sequence[Callable[[Rows], Fault | None]]) -> Iterator[Rows]:
    """The pages as they were read. Raises InvalidInput with the row, counted from 1 as it stands in the file."""
    before = 0
    for rows in pages:
        left = sum(rows.left_out.values())
        for check in checks:
            if fault := check(rows):
                # Which of the rows stood before it that were left out of its page is not known; text has headers.
                sure = not left and (log.path is None or _is_parquet(log.path))
                where = f"{'' if sure else 'about '}row {before + fault.row + 1}"
                raise InvalidInput(f"{log.source}, {where}: column {fault.column} {fault.wrong}", field="column")
        before += len(rows) + left
        yield rows


def _is_parquet(path: str | None) -> bool:
    return path is not None and os.path.splitext(path)[1].lower() in parquet.SUFFIXES
