"""`banditcore serve`. Imports nothing heavy until the command runs, so that `banditcore --help` stays quick."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from banditcore_server.settings import Settings


class LogLevel(StrEnum):
    """Least severe entry that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    data: Annotated[
        str, typer.Option(metavar="DIR|URL", help="Where the store lives; a directory is made when it is not there.")
    ] = "banditcore-data",
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
    metrics: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address to serve Prometheus metrics on; none by default.")
    ] = "",
    page: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address to serve the page of lifts on; none by default.")
    ] = "",
    page_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate chain of the page (PEM); with --page-key.")
    ] = None,
    page_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Private key of the page (PEM).")] = None,
    page_token: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the token that viewers of the page give as password.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Server processes that share the port; more than one need PostgreSQL.")
    ] = 1,
    as_worker: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve decisions over gRPC until SIGTERM or Ctrl-C."""
    started = time.monotonic()
    from banditcore_server.settings import Settings

    settings = Settings(
        data=data,
        listen=listen,
        apply=tuple(apply or ()),
        insecure_listen=insecure_listen,
        log_level=log_level.value,
        max_streams=max_streams,
        metrics=metrics,
        page=page,
        page_cert=page_cert,
        page_key=page_key,
        page_token=page_token,
        worker=as_worker,
    )
    if code := _run(settings, workers, started):
        raise typer.Exit(code)


def _run(settings: Settings, workers: int, started: float) -> int:
    if workers > 1:
        from banditcore_server.workers import supervise

        return supervise(settings, workers, started)
    from banditcore_server.app import run

    return run(settings, started)
