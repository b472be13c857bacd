"""`banditcore serve --workers N`: server processes that share one port, and the supervisor that keeps them running.

The supervisor serves nothing and imports nothing of gRPC. Workers are started anew, never forked; each holds the
reading end of a pipe from the supervisor and drains when the pipe ends, so that none outlives it.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from banditcore.storage.opening import is_url, shown
from banditcore_server import logs
from banditcore_server.addresses import MOST_PORT, Address, CannotListen, reserve
from banditcore_server.settings import Settings

log = structlog.get_logger(__name__)

LEAST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0
SOUND_AFTER_S = 10.0
"""A worker that lived so long did not die at once: the next is started without a long pause."""
STOP_LIMIT_S = 25.0
"""For a worker to drain and to close its store; whoever supervises the supervisor often kills after 30."""
REFUSED = 2
"""Exit code of a server that has said in one line why it cannot serve."""


def supervise(settings: Settings, workers: int, started: float) -> int:
    """Serves with so many workers until SIGTERM or SIGINT; returns the exit code. `started` is monotonic."""
    logs.configure(settings.log_level)
    if not is_url(settings.data):
        return _refuse(
            f"--workers {workers} needs PostgreSQL, since an SQLite directory has exactly one server process:"
            ' copy the store with "banditcore store copy" and serve with --data postgresql://..., or leave'
            " --workers out"
        )
    try:
        return Supervisor(settings, workers).run(started)
    except CannotListen as error:
        return _refuse(str(error))


def _refuse(message: str) -> int:
    print(f"banditcore serve: {message}", file=sys.stderr)
    return REFUSED


class Supervisor:
    """Starts workers on one address and keeps them running. Raises CannotListen when it is taken or none."""

    def __init__(self, settings: Settings, workers: int) -> None:
        metrics = settings.metrics_address()
        if metrics and metrics.port and metrics.port + workers - 1 > MOST_PORT:
            raise CannotListen(
                f"--metrics {settings.metrics} leaves no ports for {workers} workers: choose a lower one"
            )
        settings.page_address()  # Refused once, here, rather than by a worker.
        # Held as long as this process lives: between two lives of a worker the port stays ours.
        self._reserved, self._address = reserve(settings.address())
        self._settings = replace(settings, listen=str(self._address))
        self._workers = [_Worker(_command(self._settings, index), index) for index in range(workers)]

    def run(self, started: float) -> int:
        """Serves until SIGTERM or SIGINT. Returns 0, or 2 when a worker could not start."""
        return asyncio.run(self._run(started))

    async def _run(self, started: float) -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        stopped = asyncio.create_task(stop.wait())
        try:
            if not await _unless(stopped, self._start()):
                return 0 if stop.is_set() else REFUSED
            self._announce(time.monotonic() - started)
            await _unless(stopped, self._keep())
            log.info("stopping", workers=len(self._workers))
            return 0
        finally:
            stopped.cancel()
            await asyncio.gather(*(worker.stop() for worker in self._workers))
            self._reserved.close()

    async def _start(self) -> bool:
        """Whether all serve. One first: it applies the definitions, and finds out what keeps all from serving."""
        first, *others = self._workers
        if not await first.start([f"--apply={path}" for path in self._settings.apply]):
            return False
        return all(await asyncio.gather(*(worker.start() for worker in others)))

    async def _keep(self) -> bool:
        await asyncio.gather(*(worker.keep() for worker in self._workers))
        return True

    def _announce(self, seconds: float) -> None:
        count, data = len(self._workers), shown(self._settings.data)
        metrics = [worker.metrics for worker in self._workers if worker.metrics]
        where = f"{count} worker{'s' if count > 1 else ''}, data in {data}"
        if metrics:
            where += f", metrics on {', '.join(metrics)}"
        if page := self._workers[0].page:
            where += f", page on {page}"
        log.info("serving", address=str(self._address), data=data, workers=count, ready_s=round(seconds, 3))
        print(f"banditcore serves on {self._address} ({where}, ready in {seconds:.2f} s)", flush=True)


class _Worker:
    """One server process after the other."""

    def __init__(self, command: list[str], index: int) -> None:
        self.metrics = ""
        """HOST:PORT of its metrics, once it serves; empty: it has none."""
        self.page = ""
        """Where it serves the page; empty: nowhere."""
        self._command, self._index = command, index
        self._process: asyncio.subprocess.Process | None = None
        self._started = 0.0

    async def start(self, options: Iterable[str] = ()) -> bool:
        """Starts the process; returns whether it serves. What it has to say of a refusal it says on stderr."""
        self._started = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            *options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C in a terminal reaches every process of the group; the workers are told by us.
            process_group=0,
        )
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        if found := re.search(r"metrics on ([^,]+),", line):
            self.metrics = found[1]
        if found := re.search(r"page on ([^,]+),", line):
            self.page = found[1]
        if not line and (code := await self._process.wait()) != REFUSED:
            print(
                f"banditcore serve: worker {self._index} ended with exit code {code} before it served", file=sys.stderr
            )
        return bool(line)

    async def keep(self) -> None:
        """Starts the process again whenever it ends."""
        pause = LEAST_PAUSE_S
        while True:
            assert self._process is not None
            code = await self._process.wait()
            lived = time.monotonic() - self._started
            pause = LEAST_PAUSE_S if lived > SOUND_AFTER_S else pause
            log.error("a worker ended", worker=self._index, exit_code=code, lived_s=round(lived, 3), pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_PAUSE_S)
            if await self.start():
                log.info("a worker serves again", worker=self._index)

    async def stop(self) -> None:
        """Lets it finish what it has, and waits for its end; one that does not come to it is killed."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            log.error("a worker did not stop and is killed", worker=self._index, limit_s=STOP_LIMIT_S)
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def _unless(stopped: asyncio.Task[bool], work: Coroutine[Any, Any, bool]) -> bool:
    """What the work comes to; False when the stop came first, which cancels it."""
    task = asyncio.create_task(work)
    await asyncio.wait((stopped, task), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return False


def _command(settings: Settings, index: int) -> list[str]:
    """What starts the worker; the definitions are applied once, so not by every command."""
    metrics = settings.metrics_address()
    if metrics and metrics.port:
        metrics = Address(metrics.host, metrics.port + index)
    options = {
        "--data": settings.data,
        "--listen": settings.listen,
        "--log-level": settings.log_level,
        "--max-streams": str(settings.max_streams),
        "--metrics": str(metrics or ""),
        "--as-worker": str(index),
    }
    if index == 0 and settings.page:
        # One page is enough, at one address: it shows the store, which all of them share.
        files = {
            "--page-cert": settings.page_cert,
            "--page-key": settings.page_key,
            "--page-token": settings.page_token,
        }
        options |= {"--page": settings.page, **{name: str(path) for name, path in files.items() if path}}
    command = [sys.executable, "-m", "banditcore_server", *(f"{name}={value}" for name, value in options.items())]
    return [*command, "--insecure-listen"] if settings.insecure_listen else command
