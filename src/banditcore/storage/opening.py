"""Which store a location means: a directory is SQLite, a postgresql:// URL is PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from banditcore.errors import StoreCorrupt, StoreUnavailable
from banditcore.storage.base import Reader, Store
from banditcore.storage.tables import Tables
from banditcore.storage.writing import Contended

_SCHEMES = ("postgresql://", "postgres://")


class Log(Protocol):
    """Read-only view of a store, also while servers work on it."""

    secret: bytes

    def read(self) -> AbstractContextManager[Reader]: ...

    def close(self) -> None: ...


def is_url(location: str | Path) -> bool:
    return str(location).startswith(_SCHEMES)


def open_store(location: str | Path) -> Store:
    """The store of a server. Raises what its class says."""
    if is_url(location):
        store: Store = _postgres().PostgresStore(str(location))
        return store
    from banditcore.storage.sqlite import SqliteStore

    return SqliteStore(location)


def open_log(location: str | Path) -> Log:
    """The same for reading only. Raises StoreUnavailable where there is none, or one of another release."""
    if is_url(location):
        log: Log = _postgres().PostgresLog(str(location))
        return log
    from banditcore.storage.sqlite import SqliteLog

    return SqliteLog(location)


@contextmanager
def sole_writer(location: str | Path) -> Iterator[Tables]:
    """One transaction on a store that nobody serves, made where there is none; commits at the end of the block."""
    if is_url(location):
        opened: AbstractContextManager[Tables] = _postgres().sole_writer(str(location))
    else:
        from banditcore.storage import sqlite

        opened = sqlite.sole_writer(location)
    try:
        with opened as tables:
            yield tables
    except Contended as error:
        raise StoreCorrupt(f"{shown(location)} refused a row and was left as it was: {error}") from error


def shown(location: str | Path) -> str:
    """The location as it may be printed and logged: without a password."""
    if not is_url(location):
        return str(location)
    parts = urlsplit(str(location))
    user, at, host = parts.netloc.rpartition("@")
    options = [option for option in parts.query.split("&") if option and "password" not in option.partition("=")[0]]
    query = f"?{'&'.join(options)}" if options else ""
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}{query}"


def _postgres() -> Any:
    try:
        from banditcore.storage import postgres
    except ImportError as error:
        raise StoreUnavailable(
            f"PostgreSQL needs psycopg ({error}): install it with `pip install 'banditcore[postgres]'`"
        ) from None
    return postgres
