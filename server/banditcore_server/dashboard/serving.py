"""Runs the page inside the server's event loop, beside gRPC."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Self

import uvicorn

from banditcore_server.addresses import Address, bound
from banditcore_server.dashboard.app import Answers, Dashboard
from banditcore_server.dashboard.auth import Access
from banditcore_server.dashboard.drawing import Drawer
from banditcore_server.dashboard.page import warm_up

BACKLOG = 128
MOST_CONNECTIONS = 256
STOP_LIMIT_S = 2
"""For answers that are on their way when the server stops."""


def check_drawing() -> None:
    """Raises ModuleNotFoundError unless what draws in a process of its own is installed too."""
    for name in ("altair", "vl_convert"):
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"no module named {name}", name=name)


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The server that the page is part of has its own."""
        yield


class PageServer:
    """Serves the page until it is stopped."""

    def __init__(self, server: uvicorn.Server, listening: socket.socket, drawer: Drawer, address: Address) -> None:
        self.address = address
        """With the port that was chosen."""
        self.drawer = drawer
        self._server = server
        self._task = asyncio.create_task(server.serve([listening]))

    @classmethod
    async def start(cls, address: Address, access: Access, engine: Answers) -> Self:
        """Raises CannotListen when the address cannot be used."""
        listening = bound(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
        reached = Address(address.host, listening.getsockname()[1])
        drawer = Drawer()
        config = uvicorn.Config(
            Dashboard(engine, drawer).app(access),
            lifespan="off",
            ws="none",
            http="h11",
            interface="asgi3",
            log_config=None,
            access_log=False,
            log_level="error",
            server_header=False,
            proxy_headers=False,
            ssl_certfile=access.cert,
            ssl_keyfile=access.key,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_LIMIT_S,
        )
        started = cls(_Quiet(config), listening, drawer, reached)
        await drawer.start()
        await asyncio.to_thread(warm_up)
        return started

    async def stop(self) -> None:
        """Finishes what is on its way, for two seconds at most."""
        self._server.should_exit = True
        await self._task
        await self.drawer.close()
