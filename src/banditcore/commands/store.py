"""`store check`, `store backup` and `store copy`: looking after where the log lives."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from banditcore.commands.output import Json, print_json
from banditcore.commands.progress import progress_bar
from banditcore.errors import InvalidInput, StoreCorrupt
from banditcore.storage.checking import Check
from banditcore.storage.checking import check as look_through
from banditcore.storage.opening import is_url, open_log, shown, sole_writer

store = typer.Typer(no_args_is_help=True, help="Check, back up or move a store.")
Location = Annotated[str, typer.Argument(metavar="LOCATION", help="Data directory, or a postgresql:// URL.")]


@store.command()
def check(location: Location, as_json: Json = False) -> None:
    """Check that a store fits together, also while it is served; exit 1 when it does not.

    Looks at the engine's own pages, the numbering of events, the signature of every id, what refers to what, and the
    snapshots. Decisions are not computed again: `banditcore audit` does that.
    """
    found = _check(location)
    if as_json:
        print_json({"passed": found.passed, **{name: getattr(found, name) for name in Check.__slots__}})
    else:
        for problem in found.problems:
            print(problem)
        print(sentence(found))
    if not found.passed:
        raise typer.Exit(1)


def _check(location: str) -> Check:
    try:
        log = open_log(location)
    except StoreCorrupt as error:
        return Check(found=1, problems=[error.message])
    with closing(log), progress_bar("ids") as progress, log.read() as reader:
        return look_through(reader, log.secret, progress)


def sentence(found: Check) -> str:
    """The result in words."""
    if not found.passed:
        beyond = found.found - len(found.problems)
        return f"FAILED: {found.found} problem{'s' * (found.found > 1)}{f', {beyond} of them not shown' * (beyond > 0)}"
    return (
        f"passed: streams {found.streams}, dense; decisions {found.decisions}, every id genuine; "
        f"exposures {found.exposures}, rewards {found.rewards}, resolutions {found.resolutions} and requests "
        f"{found.requests}, each of a decision that is there; snapshots {found.snapshots}, undamaged; "
        f"schema {found.schema}. Nothing was computed again: `banditcore audit` does that"
    )


@store.command()
def backup(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Data directory of the server.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it gets its name when it is complete.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE when it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Copy the database of a data directory to one file, also while it is served."""
    from banditcore.storage.backup import backup as run

    if is_url(directory):
        raise InvalidInput(
            f"{shown(directory)} is backed up by PostgreSQL's own tool: "
            f"pg_dump --format=custom --file={shlex.quote(str(file))} URL"
        )
    try:
        with progress_bar("bytes") as progress:
            written = run(Path(directory), file, force=force, progress=progress)
    except StoreCorrupt as error:
        print(f"banditcore: {error.message}", file=sys.stderr)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"file": str(file), "bytes": written.size, "streams": written.streams, "events": written.events})
        return
    print(
        f"{file}: {written.size} bytes, checked and synced; streams {written.streams}, events so far {written.events}. "
        "To serve it, put it into an empty directory as banditcore.db. "
        "It holds all contexts and the key of the decision ids: keep it as safe as the original"
    )


@store.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Data directory or URL to read, also while served.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Data directory or URL to fill, not served.")],
    as_json: Json = False,
) -> None:
    """Copy a store to another place and engine, or bring an earlier copy up to date; all of it or nothing.

    No server may use TO meanwhile. FROM may be served: what comes to it after the start is for the next copy.
    """
    from banditcore.storage.copying import Copied
    from banditcore.storage.copying import copy as run

    if source == target:
        raise InvalidInput("FROM and TO are the same: name another place")
    with (
        closing(open_log(source)) as log,
        log.read() as reader,
        sole_writer(target) as tables,
        progress_bar("events") as progress,
    ):
        copied = run(reader, tables, progress)
    counts = {name: getattr(copied, name) for name in Copied.__slots__}
    if as_json:
        print_json(counts)
        return
    print(
        f"{shown(target)} has all that {shown(source)} held when this began; new to it: "
        f"{', '.join(f'{name} {count}' for name, count in counts.items())}. "
        "What came later takes another copy, after the server on FROM was stopped"
    )
