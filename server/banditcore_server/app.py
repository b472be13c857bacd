"""Wires the server together; the only file that names concrete classes."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from banditcore.config import load_toml
from banditcore.engine import DecisionEngine
from banditcore.errors import BanditcoreError
from banditcore.storage.sqlite import SqliteStore
from banditcore_server.grpc_frontend import CannotListen, GrpcFrontend
from banditcore_server.service import DecisionService, ExperimentService

log = structlog.get_logger(__name__)

DRAIN_LIMIT_S = 10.0
WARNING_INTERVAL_S = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What `banditcore serve` was asked for."""

    data: Path
    listen: str
    apply: tuple[Path, ...] = ()
    insecure_listen: bool = False
    log_level: str = "info"
    max_streams: int = 128


class Refused(Exception):
    """The server cannot start; the message says what to do."""


def run(settings: Settings, started: float) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code. `started` is monotonic, for the log."""
    _configure_log(settings.log_level)
    try:
        asyncio.run(_serve(settings, started))
    except (Refused, CannotListen, BanditcoreError) as error:
        print(f"banditcore serve: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(settings: Settings, started: float) -> None:
    host, port = _address(settings)
    stop = _stop_on_signals()
    frontend = GrpcFrontend(max_streams=settings.max_streams)
    port = await frontend.start(host, port)
    try:
        engine = await asyncio.to_thread(_open, settings)
    except BaseException:
        await frontend.drain(0)
        raise
    warning = asyncio.create_task(_warn(host)) if not _is_loopback(host) else None
    try:
        decisions, experiments = DecisionService(engine), ExperimentService(engine)
        await frontend.serve({"DecisionService": decisions, "ExperimentService": experiments})
        # What start-up made stays as long as the process: searching it for garbage would hold up every call.
        gc.freeze()
        _announce(f"{host}:{port}", settings.data, time.monotonic() - started)
        await stop.wait()
        log.info("draining", limit_s=DRAIN_LIMIT_S)
        await frontend.drain(DRAIN_LIMIT_S)
    finally:
        if warning:
            warning.cancel()
        # After the drain, so that whatever was acknowledged is flushed and nothing new comes in.
        await asyncio.to_thread(engine.close)
    log.info("stopped")


def _open(settings: Settings) -> DecisionEngine:
    # Read first: a mistake in a file must not leave a half-applied server behind.
    specs = [spec for path in settings.apply for spec in load_toml(path)]
    engine = DecisionEngine(SqliteStore(settings.data), report_error=_log_error)
    try:
        engine.apply_all(specs)
    except BaseException:
        engine.close()
        raise
    return engine


def _log_error(experiment: str, error: Exception) -> None:
    """What goes wrong while learning has no caller to tell."""
    log.error("learning failed", experiment=experiment, exc_info=error)


def _address(settings: Settings) -> tuple[str, int]:
    host, _, port = settings.listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise Refused(f"--listen {settings.listen!r} is no HOST:PORT, such as 127.0.0.1:7437")
    if not _is_loopback(host) and not settings.insecure_listen:
        raise Refused(
            f"--listen {settings.listen} would serve everyone who can reach it, without encryption or "
            "authentication: bind a loopback address, or add --insecure-listen if the network is trusted"
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _warn(host: str) -> None:
    while True:
        log.warning("serving without encryption or authentication", host=host, option="--insecure-listen")
        await asyncio.sleep(WARNING_INTERVAL_S)


def _announce(address: str, data: Path, seconds: float) -> None:
    print(f"banditcore serves on {address} (data in {data}, ready in {seconds:.2f} s)", flush=True)
    log.info("serving", address=address, data=str(data), ready_s=round(seconds, 3))


def _configure_log(level: str) -> None:
    """JSON lines on stderr; stdout carries the one line a person or a script waits for."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
