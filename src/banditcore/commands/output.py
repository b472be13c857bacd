"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
import typer
from pydantic import BaseModel

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Server = Annotated[str, typer.Option(help="Address of the server.", envvar="BANDITCORE_SERVER")]
LOCAL = "127.0.0.1:7437"
WIDTH = 100
"""Columns that sentences and reports need at most."""


def plain(value: Any) -> Any:
    """Any result of ours as what JSON knows: NaN and infinities become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_json(value: Any) -> None:
    json.dump(plain(value), sys.stdout, indent=2, ensure_ascii=False)
    print()


def print_table(
    title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str = "", width: int = 120
) -> None:
    """Columns after the first are numbers and stand to the right; `width` is that of files and pipes."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=printable(title) or None, title_justify="left", caption=printable(caption) or None, caption_justify="left"
    )
    for index, name in enumerate(columns):
        # A long name goes on in the next line: cut short, two of them would look the same.
        table.add_column(name, justify="right" if index else "left", overflow="ellipsis" if index else "fold")
    for row in rows:
        table.add_row(*map(printable, row))
    # Into a file or pipe nothing is cut to the width of a terminal that is not there. Keys of variants are the owner's:
    # a "[red]" among them is no markup.
    Console(width=None if sys.stdout.isatty() else width, markup=False, emoji=False).print(table)


def say(text: str, *, indent: int = 0, alarm: bool = False) -> None:
    """Prints a paragraph, at most WIDTH columns wide; an alarm in bold red where there is colour."""
    width = min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    margin = " " * indent
    lines = textwrap.wrap(printable(text), max(width, 40), initial_indent=margin, subsequent_indent=margin)
    typer.secho("\n".join(lines), fg="red" if alarm else None, bold=alarm or None)


def printable(text: str) -> str:
    """The text without what a terminal would obey, such as escape sequences in the key of a variant."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
