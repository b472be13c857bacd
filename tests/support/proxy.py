"""A network that can be cut: a proxy before PostgreSQL's socket that passes, delays, swallows or refuses."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

_SOCKET = ".s.PGSQL.5432"


class Proxy:
    """Stands between one client and the server of `url`, on a socket in `folder`; `url` is what the client uses."""

    def __init__(self, url: str, folder: Path) -> None:
        server = parse_qs(urlsplit(url).query)["host"][0]
        self._server, self._socket = Path(server) / _SOCKET, folder / _SOCKET
        self.url = url.replace(server, str(folder))
        self.delay_s = 0.0
        """Added to every packet, either way."""
        self._open = threading.Event()
        self._open.set()
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()

    def partition(self) -> None:
        """From now on nothing comes through and nobody is told."""
        self._open.clear()

    def heal(self) -> None:
        """Lets packets through again; what was lost is lost, so connections that lived through it are gone."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()
        self._open.set()

    def cut(self) -> None:
        """Breaks every connection there is."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        while not self._open.is_set():
            await asyncio.sleep(0.02)
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(self._server))
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while packet := await reader.read(2**16):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if self._open.is_set():
                    writer.write(packet)
                    await writer.drain()
            writer.close()
        except OSError:
            writer.transport.abort()

    def __enter__(self) -> Self:
        started = threading.Event()

        async def serve() -> None:
            await asyncio.start_unix_server(self._connected, str(self._socket))
            started.set()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(serve())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
