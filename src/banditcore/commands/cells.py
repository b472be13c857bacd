"""Numbers and times as people write them into files."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from banditcore.commands.sheets import Cell, Time
from banditcore.errors import InvalidInput

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"\d+", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# From 1973 on, so that a date such as 20240131 is not taken for the year 1970.
_UNIX = ((10**8, 10**11, 1_000_000), (10**11, 10**14, 1_000), (10**14, 10**17, 1))
_EXAMPLE = "write it as 2024-01-31T17:05:00Z, or as an integer of seconds, milliseconds or microseconds since 1970"


def number(cell: Cell, column: str) -> float:
    """A number; currencies, units and decimal commas are refused. Raises InvalidInput."""
    if isinstance(cell, str):
        text = cell.strip()
        if not text:
            raise InvalidInput(f"{column} is empty: write a number, also when it is 0", field=column)
        if _NUMBER.fullmatch(text) is None:
            raise InvalidInput(
                f"{column} {text[:64]!r} is no number: write digits with a decimal point and nothing else,"
                " such as 12.50",
                field=column,
            )
        cell = float(text)
    if not math.isfinite(cell):
        raise InvalidInput(f"{column} is {cell}: write a finite number", field=column)
    return float(cell)


def time(cell: Cell, column: str) -> tuple[int, bool]:
    """(microseconds since the Unix epoch, whether the zone was said). Raises InvalidInput."""
    if isinstance(cell, Time):
        return int(cell), cell.zoned
    text = str(cell).strip()
    if _INTEGER.fullmatch(text):
        return _unix(int(text[:20]), column), True
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{column} {text[:64]!r} is no time: {_EXAMPLE}", field=column) from None
    if len(text) <= 10:
        raise InvalidInput(f"{column} {text[:64]!r} is a whole day: add the time of day, and its zone", field=column)
    zoned = found.tzinfo is not None
    span = (found if zoned else found.replace(tzinfo=UTC)) - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds, zoned


def _unix(value: int, column: str) -> int:
    for least, end, micros in _UNIX:
        if least <= value < end:
            return value * micros
    raise InvalidInput(f"{column} {value} is no time since 1973: {_EXAMPLE}", field=column)
