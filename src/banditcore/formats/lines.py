"""Lines of a text file, plain or gzipped, with their numbers, in bounded memory whatever the file holds."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from banditcore.bandit_log import PAGE
from banditcore.errors import InvalidInput
from banditcore.formats.problems import Problems

T = TypeVar("T")
LONGEST = 2**24
"""Bytes of a line at most: no decision comes near it, and a file may be one line."""
_GZIP = b"\x1f\x8b"
FEW = 4_096
"""Lines of a page whose rows are many objects until they are arrays: more of them cost memory and gain no time."""
_CELLS = 2**22
"""Numbers that a page holds about."""
_TEXT = 2**24
"""Characters that a page holds about."""
_MARK = "\ufeff"
_TOO_LONG = f"is longer than {LONGEST:,} bytes: is this text with one row a line?"
_NOT_UTF8 = "is not UTF-8: save the file as UTF-8"


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where it is gzipped. Raises InvalidInput when they cannot be read."""
    try:
        with path.open("rb") as file:
            if file.peek(2)[:2] == _GZIP:
                with gzip.open(file) as unpacked, io.BufferedReader(unpacked) as plain:
                    yield plain
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(f"{path} is a damaged gzip file ({error}): pack it anew", field="file") from None
    except IsADirectoryError:
        raise InvalidInput(f"{path} is a directory: name the file in it", field="file") from None
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}", field="file") from None


def start_of(path: Path, size: int = 2**16) -> bytes:
    """The first bytes. Raises InvalidInput, also for an empty file."""
    with opened(path) as file:
        start = file.read(size)
    if not start:
        raise InvalidInput(f"{path} is empty", field="file")
    return start


def first_line(path: Path) -> str:
    """The line that names the columns. Raises InvalidInput: what is wrong with it spoils the whole file."""
    with opened(path) as file:
        raw = file.readline(LONGEST + 1)
    if len(raw) > LONGEST:
        raise InvalidInput(f"{path}, row 1: the line {_TOO_LONG}", field="file")
    try:
        return raw.decode().lstrip(_MARK).rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path}, row 1: the line {_NOT_UTF8}", field="file") from None


def numbered(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """(number from 1, line without its end) of all lines that are UTF-8 and of a sane length; `problems` hears of
    the others. Raises InvalidInput when the file cannot be read."""
    number = 0
    with opened(path) as file:
        while raw := file.readline(LONGEST + 1):
            number += 1
            if len(raw) > LONGEST:
                problems.bad(number, "the line", _TOO_LONG)
                _skip_rest(file, raw)
                continue
            try:
                line = raw.decode()
            except UnicodeDecodeError:
                problems.bad(number, "the line", _NOT_UTF8)
                continue
            yield number, line.lstrip(_MARK).rstrip("\r\n") if number == 1 else line.rstrip("\r\n")


def _skip_rest(file: IO[bytes], raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(LONGEST)


def paged(lines: Iterator[tuple[int, str]], cells: int = 1, rows: int = PAGE) -> Iterator[list[tuple[int, str]]]:
    """Lines in lists of at most `rows`, fewer where their text, or `cells` numbers a line, would fill the memory."""
    page: list[tuple[int, str]] = []
    most, held = max(1, min(rows, _CELLS // max(cells, 1))), 0
    for line in lines:
        page.append(line)
        held += len(line[1])
        if len(page) >= most or held >= _TEXT:
            yield page
            page, held = [], 0
    if page:
        yield page
