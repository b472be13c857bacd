"""What an experiment's `analysis.py` gives: pictures, tables, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Check:
    """Something that must hold, with what was measured."""

    what: str
    measured: str
    bar: str
    holds: bool


@dataclass(frozen=True)
class Picture:
    """A chart that can stand alone."""

    name: str
    """Of its file, without the ending."""
    caption: str
    """What is seen, in a sentence or two for who has not read the code."""
    chart: Mapping[str, Any]
    """Vega-Lite, as `altair.Chart.to_dict()` gives it."""


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int]]
    caption: str = ""


@dataclass(frozen=True)
class Analysis:
    summary: str
    """What was found, in plain words, the numbers with their spread."""
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    checks: Sequence[Check] = field(default_factory=tuple)
