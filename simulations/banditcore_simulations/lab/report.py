"""What an experiment found as one page of HTML, which fetches nothing, and its pictures as PNG beside it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from banditcore.errors import InvalidInput
from banditcore.evaluation.showing.answers import sentence
from banditcore.evaluation.showing.digits import digits
from banditcore.formats.replacing import replacing
from banditcore.pages.chart import NARROW, WIDE, Figure, minus
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table

if TYPE_CHECKING:
    from jinja2 import Environment

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def write(folder: Path, name: str, description: str, analysis: Analysis, configuration: Mapping[str, Any]) -> None:
    """`report.html` and a PNG for each picture into a folder that is there: the same bytes for the same analysis.

    configuration: what JSON can hold, versions among it. Raises InvalidInput where a file cannot be written, where the
    extra that draws is missing, or where two pictures have the same name.
    """
    _check_names(analysis.pictures)
    try:
        from banditcore_simulations.lab.drawing import png
    except ImportError as error:
        raise InvalidInput(
            f'a report needs what draws it ({error}): pip install "banditcore[offline]"', field="report"
        ) from None
    for picture in analysis.pictures:
        with replacing(folder / f"{picture.name}.png") as beside:
            beside.write_bytes(png(picture.chart))
    written = page(name, description, analysis, configuration)
    with replacing(folder / "report.html") as beside:
        beside.write_text(written, encoding="utf-8", errors="backslashreplace")


def page(name: str, description: str, analysis: Analysis, configuration: Mapping[str, Any]) -> str:
    """The page alone."""
    from banditcore.pages.filling import alone

    return (
        _environment()
        .get_template("simulation.html")
        .render(
            **alone(),
            title=name,
            made="",
            description=description,
            analysis=analysis,
            verdict=_verdict(analysis.checks),
            images={picture.name: _image(picture) for picture in analysis.pictures},
            facts=list(_facts(configuration)),
            configuration=json.dumps(configuration, indent=1, sort_keys=True, ensure_ascii=False, default=str),
        )
    )


def _check_names(pictures: Sequence[Picture]) -> None:
    names = [picture.name for picture in pictures]
    for at, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"picture name {name!r} must be letters, digits, - and _: it names a file", field="name")
        if name in names[:at]:
            raise InvalidInput(f"two pictures are called {name}: give each a name of its own", field="name")


def _image(picture: Picture) -> Any:
    from banditcore.pages.filling import image
    from banditcore_simulations.lab.drawing import svg

    drawn = {width: svg(picture.chart, width) for width in (WIDE, NARROW)}
    return image(picture.name, titled(picture.name), picture.caption, drawn)


def _verdict(checks: Sequence[Check]) -> tuple[str, str]:
    """(tone, words)"""
    failed = sum(not check.holds for check in checks)
    if not checks:
        return "waiting", "Nothing is checked here."
    if failed:
        return "alarm", f"{failed} of {len(checks)} checks {'fails' if failed == 1 else 'fail'}."
    return "good", "The check holds." if len(checks) == 1 else f"All {len(checks)} checks hold."


def _facts(found: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Single values of a configuration, those of mappings inside it as "outer inner"."""
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _facts(value, f"{before}{key} ")
        elif isinstance(value, str | int | float | bool):
            yield f"{before}{titled(key).lower()}", f"{value:,}" if type(value) is int else str(value)


def titled(name: str) -> str:
    """A name in words."""
    words = name.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def _cells(table: Table) -> list[tuple[Figure | str, ...]]:
    """Numbers of a column with the same digits."""
    for row in table.rows:
        if len(row) != len(table.columns):
            raise InvalidInput(
                f"table {table.title!r} has {len(table.columns)} columns and a row of {len(row)}", field="rows"
            )
    columns = [_column([row[at] for row in table.rows]) for at in range(len(table.columns))]
    return [tuple(column[at] for column in columns) for at in range(len(table.rows))]


def _column(values: Sequence[str | float | int]) -> list[Figure | str]:
    numbers = [float(value) for value in values if _is_number(value)]
    shown = digits(math.nan, *numbers)
    return [_cell(value, shown) for value in values]


def _cell(value: str | float | int, shown: Any) -> Figure | str:
    if not _is_number(value):
        return str(value)
    text = f"{value:,}" if isinstance(value, int) else shown(float(value))
    return Figure(minus(text), float(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@cache
def _environment() -> Environment:
    from banditcore.pages.filling import environment

    return environment(__package__, cells=_cells, sentence=sentence, titled=titled)
