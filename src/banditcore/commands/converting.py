"""`convert`: a log of one format as one of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from banditcore.bandit_log import BanditLog, Rows
from banditcore.commands.output import Json, print_json, printable
from banditcore.commands.progress import Progress, progress_bar
from banditcore.errors import InvalidInput
from banditcore.formats import FORMATS, WRITABLE, read_log, write_log

Lenient = Annotated[bool, typer.Option("--lenient", help="Leave bad rows out and count them.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="An option of the format that is read, see docs/formats.md."),
]


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A log, or the directory of an Open Bandit campaign.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write; what was there is replaced.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help=f"Format of IN if it cannot be told: {', '.join(FORMATS)}."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help=f"Format of OUT if its name does not say: {', '.join(WRITABLE)}."),
    ] = None,
    option: Options = None,
    lenient: Lenient = False,
    as_json: Json = False,
) -> None:
    """Convert a log of decisions from one format into another, page by page.

    OUT is there as a whole or not at all. A bad row is an error that names file, row and column; with --lenient such
    rows are left out and counted by reason.
    """
    log = read_log(source, format=from_, lenient=lenient, **named_options(option or []))
    with progress_bar("rows") as progress:
        watched = _Watched(log, progress)
        rows = write_log(log.with_pages(watched.pages), target, format=to)
    if as_json:
        print_json({"source": str(source), "target": str(target), "rows": rows, "left_out": watched.left_out})
        return
    # On one line, however long: paths are copied.
    print(printable(f"{target}: {rows:,} rows of {source}"))
    for reason, count in watched.left_out.most_common():
        print(printable(f"  left out {count:,}: {reason}"))


def named_options(words: list[str]) -> dict[str, str]:
    """NAME=VALUE as given on a command line. Raises InvalidInput."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidInput(f"--option {word[:64]!r} must be NAME=VALUE", field="option")
        found[name.strip().replace("-", "_")] = value
    return found


class _Watched:
    """The pages of a log on their way, and what was left out between them."""

    def __init__(self, log: BanditLog, progress: Progress) -> None:
        self._log, self._progress = log, progress
        self.left_out: Counter[str] = Counter()

    def pages(self) -> Iterator[Rows]:
        done = 0
        self.left_out.clear()
        for rows in self._log.pages():
            self.left_out.update(rows.left_out)
            done += len(rows) + sum(rows.left_out.values())
            self._progress(done, self._log.rows or done)
            yield rows
