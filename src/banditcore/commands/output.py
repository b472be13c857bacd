"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
import typer
from pydantic import BaseModel

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Server = Annotated[str, typer.Option(help="Address of the server.", envvar="BANDITCORE_SERVER")]
LOCAL = "127.0.0.1:7437"


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
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_json(value: Any) -> None:
    json.dump(plain(value), sys.stdout, indent=2, ensure_ascii=False)
    print()


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str = "") -> None:
    """Columns after the first are numbers and stand to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption=caption or None, caption_justify="left")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    # Into a file or pipe nothing is cut to the width of a terminal that is not there.
    Console(width=None if sys.stdout.isatty() else 120).print(table)
