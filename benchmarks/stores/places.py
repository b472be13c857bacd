"""Where logs are kept while they are measured: directories for SQLite, databases for PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

import psycopg

from banditcore.storage.base import Store
from banditcore.storage.opening import open_store
from banditcore.storage.sqlite import DATABASE, SqliteStore
from tests.support.postgres import Database


class Place(Protocol):
    """Locations that `banditcore serve --data` takes."""

    name: str

    def new(self) -> str:
        """An empty one."""

    def copy(self, location: str) -> str:
        """One with the same log; nobody may have it open."""

    def remove(self, location: str) -> None: ...

    def size(self, location: str) -> int:
        """Bytes on the disk."""

    def building(self, location: str) -> Store:
        """To fill it with as much haste as there may be before anybody relies on it."""

    def log(self, location: str) -> Path:
        """Where a server on it may write what it has to say."""

    def forget(self, location: str) -> bool:
        """Lets go of what the system keeps of it in memory; returns whether that could be done."""


class Directories:
    name = "SQLite"

    def __init__(self, root: Path) -> None:
        self._root = root

    def new(self) -> str:
        return tempfile.mkdtemp(dir=self._root)

    def copy(self, location: str) -> str:
        return str(shutil.copytree(location, self.new(), dirs_exist_ok=True))

    def remove(self, location: str) -> None:
        shutil.rmtree(location)

    def size(self, location: str) -> int:
        return (Path(location) / DATABASE).stat().st_size

    def building(self, location: str) -> Store:
        return SqliteStore(location, synchronous="off")

    def log(self, location: str) -> Path:
        return Path(f"{location}.log")

    def forget(self, location: str) -> bool:
        with (Path(location) / DATABASE).open("rb") as file:
            # Pages that have not been written yet stay.
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return True


class Databases:
    name = "PostgreSQL"

    def __init__(self, server: Database, root: Path) -> None:
        self._server, self._root = server, root

    def new(self) -> str:
        return self._server.new()

    def copy(self, location: str) -> str:
        new = self._server.new()
        self._run(f"DROP DATABASE {_database(new)}")
        self._run(f"CREATE DATABASE {_database(new)} TEMPLATE {_database(location)}")
        return new

    def remove(self, location: str) -> None:
        self._run(f"DROP DATABASE {_database(location)}")

    def size(self, location: str) -> int:
        with psycopg.connect(location, autocommit=True) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])

    def building(self, location: str) -> Store:
        return open_store(location)

    def log(self, location: str) -> Path:
        return self._root / f"{_database(location)}.log"

    def forget(self, location: str) -> bool:
        return False

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(statement.encode())


def _database(url: str) -> str:
    return url.rpartition("/test_")[2].partition("?")[0].join(("test_", ""))
