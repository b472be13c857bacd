"""CSV by column, a page at a time: what is no number or no time is told by row and column."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np

from banditcore.bandit_log import PAGE
from banditcore.errors import InvalidInput
from banditcore.formats.checking import plain_number, seconds, shown
from banditcore.formats.lines import first_line, numbered, paged
from banditcore.formats.problems import Problems
from banditcore.kernels import LIMIT
from banditcore.types import Floats


class Chunk:
    """Some rows of a table by column; rows that turn out bad stay in place until `sound` leaves them out."""

    def __init__(self, problems: Problems, numbers: list[int], cells: dict[str, Sequence[str]]) -> None:
        self._problems = problems
        self.numbers, self.cells = numbers, cells
        self.sound = np.ones(len(numbers), dtype=np.bool_)

    def floats(self, column: str) -> Floats:
        """(n,) numbers; NaN in rows that are no longer sound."""
        return self._converted(column, plain_number, "is no number")

    def bounded(self, column: str) -> Floats:
        """(n,) numbers that a context may hold."""
        found = self.floats(column)
        for row in np.flatnonzero(~(np.abs(found) <= LIMIT)):
            self.refuse(int(row), column, f"must be finite and at most {LIMIT:g} in size, found {found[row]:.6g}")
        return found

    def times(self, column: str) -> Floats:
        """(n,) seconds since 1970; NaN in rows that are no longer sound."""
        return self._converted(column, seconds, "is no time (write it as 2024-01-31T17:05:00Z)")

    def _converted(self, column: str, convert: Callable[[str], float], wrong: str) -> Floats:
        cells = self.cells[column]
        try:
            return np.fromiter(map(convert, cells), dtype=np.float64, count=len(cells))
        except (ValueError, OverflowError):
            return np.array([self._one(row, column, convert, wrong) for row in range(len(cells))])

    def _one(self, row: int, column: str, convert: Callable[[str], float], wrong: str) -> float:
        cell = self.cells[column][row]
        try:
            return convert(cell)
        except (ValueError, OverflowError):
            self.refuse(row, column, f"{wrong}, found {shown(cell)}")
            return np.nan

    def is_text(self, row: int, column: str) -> bool:
        """Whether a cell can be no number."""
        try:
            plain_number(self.cells[column][row])
        except ValueError:
            return True
        return False

    def refuse(self, row: int, column: str, wrong: str) -> None:
        """Takes a row out, once."""
        if self.sound[row]:
            self._problems.bad(self.numbers[row], column, wrong)
        self.sound[row] = False


def header(path: Path) -> tuple[str, ...]:
    """Names of the columns. Raises InvalidInput."""
    try:
        columns = tuple(name.strip() for name in _cells(first_line(path)))
    except csv.Error as error:
        raise InvalidInput(f"{path}, row 1: no row of CSV ({error}): check its quotes", field="file") from None
    if not any(columns):
        raise InvalidInput(f"{path}, row 1: the first line is empty, it must name the columns", field="file")
    for name in columns:
        if name and columns.count(name) > 1:
            raise InvalidInput(f"{path}, row 1: the column {name} is there twice: leave one", field=name)
    return columns


def require(path: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    """Raises InvalidInput that names the first column that is missing."""
    for name in needed:
        if name not in columns:
            hint = ", separated by commas" if any(mark in "".join(columns) for mark in ";\t|") else ""
            raise InvalidInput(
                f"{path}, row 1: no column {name}: the first line must name {', '.join(needed)}{hint},"
                f" found {shown(','.join(columns))}",
                field=name,
            )


def chunks(
    path: Path, columns: Sequence[str], wanted: Sequence[str], problems: Problems, cells: int = 1
) -> Iterator[Chunk]:
    """The rows after the header, of which the columns `wanted` are kept; `cells` numbers will be made of each."""
    pick = itemgetter(*[columns.index(name) for name in wanted])
    lines = numbered(path, problems)
    next(lines, None)
    for page in paged(lines, max(cells, 16 * len(wanted)), PAGE):
        numbers, rows = [], []
        for number, line in page:
            if (row := _row(number, line, columns, problems)) is not None:
                numbers.append(number)
                rows.append(pick(row))
        by_column = zip(*rows, strict=True) if len(wanted) > 1 else iter([rows])
        found: dict[str, Sequence[str]] = dict.fromkeys(wanted, ())
        if rows:
            found = dict(zip(wanted, by_column, strict=True))
        yield Chunk(problems, numbers, found)


def _row(number: int, line: str, columns: Sequence[str], problems: Problems) -> list[str] | None:
    if not line.strip():
        return None
    try:
        row = _cells(line)
    except csv.Error as error:
        problems.bad(number, "the line", f"is no row of CSV ({error}): check its quotes")
        return None
    if len(row) == len(columns):
        return row
    words = f"{len(row)} cells instead of {len(columns)}"
    if len(row) < len(columns):
        problems.bad(number, columns[len(row)], f"is missing, found {words}")
    else:
        problems.bad(number, "the line", f"has too many cells (quote what contains a comma), found {words}")
    return None


def _cells(line: str) -> list[str]:
    # Each line by itself: a quote that is left open must not swallow the rows behind it.
    return next(csv.reader([line], strict=True), []) if '"' in line else line.split(",")
