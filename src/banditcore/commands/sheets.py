"""Rows of a file, CSV or Parquet, with their line numbers, in bounded memory whatever its size."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from banditcore.errors import InvalidInput
from banditcore.validation import text

Cell = str | int | float
_LONGEST = 2**20
"""Characters of a line that are looked at: no row of ours comes near it, and a file may be one line."""
_BATCH = 10_000
_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, and what to do about it."""

    line: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row by column; `line` is counted from 1 with the header, or the number of the row in a Parquet file."""

    line: int
    cells: dict[str, Cell]

    def text(self, column: str) -> str:
        """A cell that holds an id. Raises InvalidInput."""
        cell = self.cells.get(column, "")
        if isinstance(cell, float):
            raise InvalidInput(f"{column} is the number {cell}: write ids as text", field=column)
        found = str(cell).strip()
        if any("\ud800" <= letter <= "\udfff" for letter in found):
            raise InvalidInput(f"{column} is not UTF-8: save the file as UTF-8", field=column)
        text(found, column, least=0 if column == "key" else 1)
        return found


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open file: its columns, its rows, and how far they have been read."""

    columns: tuple[str, ...]
    unit: str
    """What `done` and `size` count."""
    size: int
    rows: Iterator[Row | BadRow]
    done: Callable[[], int]


@contextmanager
def open_sheet(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Sheet]:
    """Opens a file for its rows. Raises InvalidInput when it cannot be read at all, or has other columns."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
            if start == _MAGIC or path.suffix.lower() in (".parquet", ".pq"):
                sheet = _parquet(path)
                _check_columns(path, sheet.columns, required, optional)
                yield sheet
                return
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            yield _csv(path, lines, required, optional)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}", field="file") from None


def _check_columns(path: Path, found: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> None:
    expected = ",".join(required) + "".join(f"[,{name}]" for name in optional)
    for name in required:
        if name not in found:
            hint = ", separated by commas" if any(mark in "".join(found) for mark in ";\t|") else ""
            raise InvalidInput(
                f"{path} has no column {name}: its first line must name the columns {expected}{hint},"
                f" found {_shown(','.join(found))}",
                field="file",
            )
    for name in found:
        if name not in (*required, *optional):
            raise InvalidInput(f"{path} has a column {_shown(name)}: leave only {expected}", field="file")
        if found.count(name) > 1:
            raise InvalidInput(f"{path} has the column {name} twice: leave one", field="file")


def _shown(words: str) -> str:
    return repr(words[:80])


# CSV


def _csv(path: Path, lines: TextIO, required: Sequence[str], optional: Sequence[str]) -> Sheet:
    header = lines.readline(_LONGEST)
    if any("\udc80" <= letter <= "\udcff" for letter in header):
        raise InvalidInput(f"{path} is not UTF-8: save it as UTF-8", field="file")
    columns = tuple(name.strip().lower() for name in next(csv.reader([header]), ()))
    if not any(columns):
        raise InvalidInput(f"{path} is empty: its first line must name the columns {','.join(required)}", field="file")
    _check_columns(path, columns, required, optional)
    return Sheet(columns, "bytes", path.stat().st_size, _csv_rows(lines, columns), lambda: lines.buffer.tell())


def _csv_rows(lines: TextIO, columns: tuple[str, ...]) -> Iterator[Row | BadRow]:
    for number, line in enumerate(_bounded(lines), start=2):
        try:
            # Each line by itself: a quote that is left open must not swallow the rows behind it.
            cells = next(csv.reader([line], strict=True))
        except csv.Error as error:
            yield BadRow(number, "", f"no row of CSV ({error}): check its quotes")
            continue
        if len(cells) == len(columns):
            yield Row(number, dict(zip(columns, cells, strict=True)))
        elif cells:
            yield _misshapen(number, len(cells), columns)


def _misshapen(number: int, found: int, columns: tuple[str, ...]) -> BadRow:
    words = f"{found} columns instead of {len(columns)}"
    if found < len(columns):
        return BadRow(number, columns[found], f"{words}: add {columns[found]}")
    return BadRow(number, "", f"{words}: quote what contains a comma")


def _bounded(lines: TextIO) -> Iterator[str]:
    """The lines, each cut where it is too long for any row."""
    while line := lines.readline(_LONGEST):
        rest = line
        while rest and rest[-1] not in "\r\n":
            rest = lines.readline(_LONGEST)
        yield line


# Parquet


def _parquet(path: Path) -> Sheet:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InvalidInput(
            f"Parquet needs pyarrow ({error}): install it with `pip install 'banditcore[offline]'`, or send CSV",
            field="file",
        ) from None
    try:
        # Pages are read as they are needed: a file may be one group of rows.
        file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=2**20)
    except pyarrow.ArrowException as error:
        raise _damaged(path, error) from None
    rows = _Parquet(path, file)
    return Sheet(tuple(file.schema_arrow.names), "rows", file.metadata.num_rows, rows.read(), lambda: rows.done)


def _damaged(path: Path, error: Exception) -> InvalidInput:
    said = str(error).strip().partition("\n")[0]
    return InvalidInput(f"{path} is no sound Parquet file ({said}): write it anew", field="file")


class _Parquet:
    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        self.done = 0

    def read(self) -> Iterator[Row | BadRow]:
        import pyarrow

        names = self._file.schema_arrow.names
        try:
            for batch in self._file.iter_batches(_BATCH, use_threads=False):
                columns = [_cells(batch.column(index)) for index in range(len(names))]
                for cells in zip(*columns, strict=True):
                    self.done += 1
                    yield self._row(dict(zip(names, cells, strict=True)))
        except (pyarrow.ArrowException, UnicodeDecodeError) as error:
            raise _damaged(self._path, error) from None

    def _row(self, cells: dict[str, Any]) -> Row | BadRow:
        for name, cell in cells.items():
            if cell is None and name != "key":
                return BadRow(self.done, name, f"{name} is null: fill it in")
        return Row(self.done, {name: "" if cell is None else cell for name, cell in cells.items()})


def _cells(column: Any) -> list[Any]:
    """As text and numbers; times as ISO 8601, in UTC where the column says so."""
    import pyarrow
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        return _cells(column.dictionary_decode())
    if types.is_timestamp(kind):
        micros = column.cast(pyarrow.timestamp("us", kind.tz), safe=False).cast(pyarrow.int64()).to_pylist()
        return [None if value is None else Time(value, zoned=kind.tz is not None) for value in micros]
    if types.is_decimal(kind):
        column = column.cast(pyarrow.float64())
    if types.is_boolean(kind) or not (
        types.is_integer(kind) or types.is_floating(kind) or types.is_string(kind) or types.is_large_string(kind)
    ):
        return [None if value is None else str(value) for value in column.to_pylist()]
    return list(column.to_pylist())


class Time(int):
    """Microseconds since the Unix epoch of a column that holds times; an integer of another column may be seconds."""

    zoned: bool

    def __new__(cls, micros: int, *, zoned: bool) -> Time:
        made = super().__new__(cls, micros)
        made.zoned = zoned
        return made
