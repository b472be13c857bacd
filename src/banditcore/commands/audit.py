"""`audit`: recompute every logged decision of a data directory, also while its server runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from banditcore.audit import Audit
from banditcore.audit import audit as run
from banditcore.commands.output import Json, print_json
from banditcore.storage.opening import open_log


def audit(
    data: Annotated[str, typer.Option(metavar="DIR|URL", help="Where the server keeps its data.")] = "banditcore-data",
    as_json: Json = False,
) -> None:
    """Recompute all logged decisions from the log; exit 1 at the first that differs."""
    log = open_log(data)
    try:
        with log.read() as reader:
            found = run(reader, log.secret, _progress if sys.stderr.isatty() else lambda done: None)
    finally:
        log.close()
    if as_json:
        print_json({"passed": found.passed, **{name: getattr(found, name) for name in Audit.__slots__}})
    else:
        print(sentence(found))
    if not found.passed:
        raise typer.Exit(1)


def sentence(found: Audit) -> str:
    """The result in words."""
    if not found.passed:
        return f"FAILED after {found.equal} equal decisions: {found.problems[0]}"
    beyond = f"; of {found.beyond} the models are older than the retention" if found.beyond else ""
    return (
        f"passed: {found.equal} of {found.decisions} decisions recomputed equal, {found.identical} to the last bit "
        f"(resolutions folded: {found.resolutions}; snapshots equal: {found.snapshots}; streams dense: {found.streams}"
        f"{beyond})"
    )


def _progress(done: int) -> None:
    print(f"\r{done} decisions", end="", file=sys.stderr, flush=True)
