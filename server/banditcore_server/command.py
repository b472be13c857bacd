"""`banditcore serve`. Imports nothing heavy until the command runs, so that `banditcore --help` stays quick."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LogLevel(StrEnum):
    """Least severe entry that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where the store lives; made when it is not there.")] = Path(
        "banditcore-data"
    ),
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address to serve on; port 0 lets the system choose.")
    ] = "127.0.0.1:7437",
    apply: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="TOML file to apply first; may be repeated.")
    ] = None,
    insecure_listen: Annotated[
        bool, typer.Option("--insecure-listen", help="Allow an address others can reach, in plaintext.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="Least severe entry to log, as JSON on stderr.")] = LogLevel.INFO,
    max_streams: Annotated[
        int, typer.Option(min=1, max=100_000, help="Calls in flight per connection; more wait in the client.")
    ] = 128,
) -> None:
    """Serve decisions over gRPC until SIGTERM or Ctrl-C."""
    started = time.monotonic()
    from banditcore_server.app import Settings, run

    settings = Settings(
        data=data,
        listen=listen,
        apply=tuple(apply or ()),
        insecure_listen=insecure_listen,
        log_level=log_level.value,
        max_streams=max_streams,
    )
    if code := run(settings, started):
        raise typer.Exit(code)
