"""Pages served over real HTTP on a thread of their own, and a browser to look at them."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import findings
import pytest
from browsing import chromium
from playwright.sync_api import Browser

from banditcore_server.addresses import Address
from banditcore_server.dashboard.app import Answers
from banditcore_server.dashboard.auth import Access, local_names
from banditcore_server.dashboard.serving import PageServer

LIMIT_S = 60
HOSTILE = '<script>alert("1")</script>&\'"'


class Pages:
    """A page server with an event loop of its own."""

    def __init__(self, engine: Answers, access: Access | None = None) -> None:
        self.engine = engine
        self.server: PageServer
        self._access = access or Access(hosts=local_names("127.0.0.1"))
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self.server = await PageServer.start(Address("127.0.0.1", 0), self._access, self.engine)
        self._ready.set()
        await self._stop.wait()
        await self.server.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._access.cert else 'http'}://{self.server.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(LIMIT_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        self._loop.close()


def hostile() -> findings.Report:
    """The rich report with names that mean something to a browser."""
    report = findings.rich()
    primary = report.goals[0]
    audiences = tuple(replace(item, value=HOSTILE) for item in primary.audiences)
    return replace(
        report,
        experiment="hostile",
        goals=(replace(primary, audiences=audiences), *report.goals[1:]),
        variants=tuple(replace(item, variant=f"{item.variant}{HOSTILE}") for item in report.variants),
        traffic=tuple(
            replace(item, variant=f"{item.variant}{HOSTILE}", value=item.value and HOSTILE) for item in report.traffic
        ),
        caveats=(HOSTILE,),
    )


@pytest.fixture(scope="session")
def serve() -> Callable[..., Pages]:
    """Makes the pages of an engine, to be entered: serve(engine, access)."""
    return Pages


@pytest.fixture(scope="session")
def pages() -> Iterator[Pages]:
    """Four experiments: "shop" has it all, "fresh" collects, "broken" is blanked, "hostile" is named with malice."""
    reports = (findings.blanked(), findings.empty(), hostile(), findings.rich())
    with Pages(findings.Shelf(reports)) as pages:
        yield pages


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window. For one module: while it lasts, this thread has an event loop."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    request = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run([*request, "-days", "2", *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key
