"""Logs of decisions in files of several formats: `read_log` and `write_log` find out which.

A format is a module here with NAME, SUFFIXES, `read(path, *, lenient=False, **options)`, and where it can be written
`write(log, path)`, which gives the number of rows, and `sniff(path, start)`, which knows it by its first bytes.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.formats.lines import start_of
from banditcore.formats.replacing import replacing

FORMATS = ("parquet", "obd", "obp", "dsjson", "vw", "csv")
WRITABLE = ("parquet", "obp", "dsjson")
_PARQUET, _PARQUETS = b"PAR1", (".parquet", ".pq")
"""How to know a Parquet file before pyarrow is imported, or found missing."""


def read_log(
    path: str | os.PathLike[str], *, format: str | None = None, lenient: bool = False, **options: Any
) -> BanditLog:
    """A log in a file, whose rows are read anew, page by page, each time they are asked for.

    format: one of FORMATS; None finds it by content and name. lenient: leave bad rows out and count them
    (`Rows.left_out`). options: those of the format, also as text ("32", "true"), see docs/formats.md. Raises
    InvalidInput: here for a file that cannot be read at all, on reading pages with the row and column of a bad one.
    """
    file = Path(path)
    module = _module(format or _found(file))
    if module.NAME not in ("parquet", "obd") or not file.is_dir():
        start_of(file, 1)
    return _log(module.read(file, lenient=lenient, **_accepted(module, options)))


def write_log(log: BanditLog, path: str | os.PathLike[str], *, format: str | None = None) -> int:
    """Writes a log into a file, which is there as a whole or not at all; returns the number of rows.

    format: None takes it from the name. Raises InvalidInput for a format that cannot be written, for a log without
    rows, and for what the log's own pages raise.
    """
    file = Path(path)
    module = _module(format or _by_suffix(file) or _unknown(file))
    if not hasattr(module, "write"):
        raise InvalidInput(f"{module.NAME} can be read, not written: write {', '.join(WRITABLE)}", field="format")
    with replacing(file) as partial:
        rows = int(module.write(log, partial))
        if not rows:
            raise InvalidInput(f"{log.source} holds no decision that can be used: nothing was written", field="log")
    return rows


def _log(found: Any) -> BanditLog:
    assert isinstance(found, BanditLog)
    return found


# Which format


def _module(name: str) -> Any:
    if name not in FORMATS:
        raise InvalidInput(f"format {name!r} is unknown: {_nearest(name, FORMATS)}", field="format")
    return import_module(f"banditcore.formats.{name}")


def _nearest(word: str, words: tuple[str, ...]) -> str:
    close = get_close_matches(word.lower(), words, n=1, cutoff=0.5)
    choice = (
        f"there are {', '.join(words)}" if len(words) > 1 else f"there is {'only ' + words[0] if words else 'none'}"
    )
    return f"did you mean {close[0]}? {choice[0].upper()}{choice[1:]}" if close else choice


def _found(file: Path) -> str:
    """By content, and where that could be anything by name."""
    if file.is_dir():
        return "obd"
    start = start_of(file)
    if start.startswith(_PARQUET):
        return "parquet"
    for name in FORMATS[1:]:
        if _module(name).sniff(file, start):
            return name
    return _by_suffix(file) or _unknown(file)


def _by_suffix(file: Path) -> str | None:
    endings = [suffix.lower() for suffix in file.suffixes]
    ending = endings[-2] if endings[-1:] == [".gz"] and len(endings) > 1 else (endings or [""])[-1]
    if ending in _PARQUETS:
        return "parquet"
    # The general one claims what several share.
    return next((name for name in reversed(FORMATS[1:]) if ending in _module(name).SUFFIXES), None)


def _unknown(file: Path) -> str:
    raise InvalidInput(f"cannot tell the format of {file}: say which of {', '.join(FORMATS)} it is", field="format")


# Options


def _accepted(module: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        name: parameter
        for name, parameter in inspect.signature(module.read).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "lenient"
    }
    for name in options:
        if name not in known:
            raise InvalidInput(f"{module.NAME} has no option {name!r}: {_nearest(name, tuple(known))}", field=name)
    return {name: _parsed(name, value, str(known[name].annotation)) for name, value in options.items()}


def _parsed(name: str, value: Any, annotation: str) -> Any:
    """The value of text from a command line."""
    if isinstance(value, str) and "Sequence[str]" in annotation:
        return [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, str) or "str" in annotation:
        return value
    if "bool" in annotation and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if "int" in annotation and value.isdecimal():
        return int(value)
    expected = "true or false" if "bool" in annotation else "a whole number"
    raise InvalidInput(f"{name} must be {expected}, found {value[:64]!r}", field=name)
