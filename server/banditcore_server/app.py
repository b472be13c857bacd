"""Wires the server together; the only file that names concrete classes."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from banditcore.clock import SteadyClock
from banditcore.config import load_toml
from banditcore.engine import DecisionEngine
from banditcore.errors import BanditcoreError, StoreUnavailable
from banditcore.findings import Alarm
from banditcore.storage.base import Store
from banditcore.storage.opening import open_store, shown
from banditcore_server import logs
from banditcore_server.addresses import Address, CannotListen, check_free
from banditcore_server.calls import Calls
from banditcore_server.grpc_frontend import GrpcFrontend
from banditcore_server.service import DecisionService, ExperimentService
from banditcore_server.settings import Settings

if TYPE_CHECKING:
    from banditcore_server.dashboard.auth import Access
    from banditcore_server.dashboard.serving import PageServer

log = structlog.get_logger(__name__)

DRAIN_LIMIT_S = 10.0
WARNING_INTERVAL_S = 60.0
CLOCK_INTERVAL_S = 1.0
STORE_INTERVAL_S = 10.0
CLOCK_TOLERANCE_US = 1_000_000


def run(settings: Settings, started: float) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code. `started` is monotonic, for the log."""
    logs.configure(settings.log_level, settings.worker)
    try:
        asyncio.run(_serve(settings, started))
    except (CannotListen, BanditcoreError) as error:
        print(f"banditcore serve: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(settings: Settings, started: float) -> None:
    address, metrics, page = settings.address(), settings.metrics_address(), settings.page_address()
    for wanted in (metrics, page):
        if wanted:
            check_free(wanted)
    access = _access(settings, page) if page else None
    stop = _stop_on_signals()
    if settings.worker is not None:
        _stop_without_supervisor(stop)
    calls = Calls()
    frontend = GrpcFrontend(max_streams=settings.max_streams, calls=calls, share_port=settings.worker is not None)
    address = await frontend.start(address)
    try:
        engine, clock = await asyncio.to_thread(_open, settings)
        if metrics:
            metrics = _serve_metrics(metrics, engine, clock, calls)
        pages = await _serve_page(page, access, engine) if page and access else None
    except BaseException:
        await frontend.drain(0)
        raise
    watch = _Watch()
    try:
        await frontend.serve(
            {"DecisionService": DecisionService(engine), "ExperimentService": ExperimentService(engine)}
        )
        # What start-up made stays as long as the process: searching it for garbage would hold up every call.
        gc.freeze()
        watch.start(_warn_of_clock(clock))
        for reached in {address, metrics or address}:
            if not reached.is_loopback():
                watch.start(_warn_of_everyone(reached.host))
        _announce(settings, address, metrics, pages.address if pages else None, time.monotonic() - started)
        await stop.wait()
        log.info("draining", limit_s=DRAIN_LIMIT_S)
        await frontend.drain(DRAIN_LIMIT_S)
    finally:
        watch.stop()
        if pages:
            await pages.stop()
        # After the drain, so that whatever was acknowledged is flushed and nothing new comes in.
        await asyncio.to_thread(engine.close)
    log.info("stopped")


def _open(settings: Settings) -> tuple[DecisionEngine, SteadyClock]:
    # Read first: a mistake in a file must not leave a half-applied server behind.
    specs = [spec for path in settings.apply for spec in load_toml(path)]
    store = open_store(settings.data)
    clock = _clock(store)
    engine = DecisionEngine(store, clock=clock, report_error=_LearningLog(), raised=_log_alarm)
    try:
        engine.apply_all(specs)
    except BaseException:
        engine.close()
        raise
    return engine, clock


def _clock(store: Store) -> SteadyClock:
    try:
        return SteadyClock.of(store)
    except BaseException:
        store.close()
        raise


def _serve_metrics(address: Address, engine: DecisionEngine, clock: SteadyClock, calls: Calls) -> Address:
    # Imported here: most of its time to import would otherwise be everybody's.
    from banditcore_server.metrics import serve_metrics

    return serve_metrics(address, engine.health, clock.drift_us, calls)


def _access(settings: Settings, page: Address) -> Access:
    try:
        # Imported here, and only with a page: without one the server starts as fast as it would without the extra.
        from banditcore_server.dashboard import auth, serving

        serving.check_drawing()
    except ImportError as error:
        raise CannotListen(
            f"--page needs packages that are not installed ({(error.name or '').partition('.')[0]} is missing): run"
            " `pip install 'banditcore[dashboard]'`"
        ) from None
    token = auth.read_token(settings.page_token) if settings.page_token else ""
    if settings.page_cert and settings.page_key:
        auth.check_certificate(settings.page_cert, settings.page_key)
    # With TLS a name is vouched for by the certificate.
    hosts = auth.local_names(page.host) if page.is_loopback() and not settings.page_cert else ()
    return auth.Access(token, settings.page_cert, settings.page_key, hosts)


async def _serve_page(address: Address, access: Access, engine: DecisionEngine) -> PageServer:
    from banditcore_server.dashboard.serving import PageServer

    return await PageServer.start(address, access, engine)


class _LearningLog:
    """What goes wrong while learning has no caller to tell. A store that is away is told once in a while."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, experiment: str, error: Exception) -> None:
        if not isinstance(error, StoreUnavailable):
            log.error("learning failed", experiment=experiment, exc_info=error)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + STORE_INTERVAL_S
            log.error("learning waits for the store", reason=error.reason, message=error.message)


def _log_alarm(experiment: str, alarm: Alarm) -> None:
    log.error("alarm", experiment=experiment, kind=alarm.kind, subject=alarm.subject, message=alarm.message)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _stop_without_supervisor(stop: asyncio.Event) -> None:
    """A supervisor holds the other end of stdin and never writes: the pipe ends when it does, kill -9 included."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), ended)


class _Watch:
    """Tasks that warn now and then, as long as the server serves."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


async def _warn_of_everyone(host: str) -> None:
    while True:
        log.warning("serving without encryption or authentication", host=host, option="--insecure-listen")
        await asyncio.sleep(WARNING_INTERVAL_S)


async def _warn_of_clock(clock: SteadyClock) -> None:
    while True:
        drift = clock.drift_us()
        if abs(drift) > CLOCK_TOLERANCE_US:
            # One that was set back is taken over when it has come past what is in the log.
            remedy = "restart" if drift > 0 else "restart once it is past the latest decision"
            log.warning(
                f"the wall clock was stepped by {drift / 1e6:+.1f} s: windows go on by elapsed time;"
                f" {remedy} to take the new time over",
                drift_s=drift / 1e6,
            )
            await asyncio.sleep(WARNING_INTERVAL_S)
        else:
            await asyncio.sleep(CLOCK_INTERVAL_S)


def _announce(
    settings: Settings, address: Address, metrics: Address | None, page: Address | None, seconds: float
) -> None:
    data = shown(settings.data)
    url = f"{'https' if settings.page_cert else 'http'}://{page}/" if page else ""
    where = ", ".join(
        [f"data in {data}", *([f"metrics on {metrics}"] if metrics else []), *([f"page on {url}"] if url else [])]
    )
    # First, so that whoever has read the line finds the entry.
    log.info(
        "serving", address=str(address), data=data, metrics=str(metrics or ""), page=url, ready_s=round(seconds, 3)
    )
    # A supervisor that was killed meanwhile does not read it any more.
    with suppress(BrokenPipeError):
        print(f"banditcore serves on {address} ({where}, ready in {seconds:.2f} s)", flush=True)
