"""A chart before it is drawn: what to draw, the sentence below, and the same numbers as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WIDE, NARROW = 866, 320
"""Pixels. Charts are drawn wide and narrow, as text that shrinks with its chart cannot be read on a phone."""
MISSING = "\N{EN DASH}"


class Figure(NamedTuple):
    """A number as it is shown, and in full for whoever copies it."""

    text: str
    value: float

    def __str__(self) -> str:
        return self.text


Row = tuple[Figure | str, ...]


def minus(text: str) -> str:
    """With the sign that is as wide as a plus."""
    return text.replace("-", "\N{MINUS SIGN}")


def share(value: float, digits: int = 1) -> Figure:
    """A part of one."""
    return Figure(MISSING if math.isnan(value) else f"{value:.{digits}%}", value)


def count(value: int) -> Figure:
    """A whole number."""
    return Figure(f"{value:,}", value)


@dataclass(frozen=True)
class Chart:
    """One chart with all that stands around it."""

    name: str
    """Its test id, and what its ids begin with."""
    kind: str
    data: dict[str, Any]
    title: str
    sentence: str
    """What it shows, and when to trust it."""
    head: Row
    rows: tuple[Row, ...]
    legend: tuple[tuple[str, str], ...] = ()
    """(class of the swatch, words)"""
    widths: tuple[int, ...] = field(default=(WIDE, NARROW))
