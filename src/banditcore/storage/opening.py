"""Which store a location means: a directory is SQLite, a postgresql:// URL is PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from banditcore.errors import InvalidInput, StoreCorrupt, StoreUnavailable
from banditcore.storage.base import Reader, Store
from banditcore.storage.tables import Tables
from banditcore.storage.writing import Contended

_SCHEMES = ("postgresql://", "postgres://")
_NEARLY_URL = re.compile(r"[a-z0-9+.]*(postgres|psycopg)[a-z0-9+.]*:", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(:\d+)?")


class Log(Protocol):
    """Read-only view of a store, also while servers work on it."""

    secret: bytes

    def now_us(self) -> int:
        """Wall time by the clock of the servers, in microseconds since the Unix epoch."""

    def read(self) -> AbstractContextManager[Reader]: ...

    def close(self) -> None: ...


def is_url(location: str | Path) -> bool:
    return str(location).startswith(_SCHEMES)


def open_store(location: str | Path) -> Store:
    """The store of a server. Raises what its class says, and InvalidInput for what is neither directory nor URL."""
    if is_url(_checked(location)):
        store: Store = _postgres().PostgresStore(str(location))
        return store
    from banditcore.storage.sqlite import SqliteStore

    return SqliteStore(location)


def open_log(location: str | Path) -> Log:
    """The same for reading only. Raises StoreUnavailable where there is none, or one of another release."""
    if is_url(_checked(location)):
        log: Log = _postgres().PostgresLog(str(location))
        return log
    from banditcore.storage.sqlite import SqliteLog

    return SqliteLog(location)


@contextmanager
def sole_writer(location: str | Path) -> Iterator[Tables]:
    """One transaction on a store that nobody serves, made where there is none; commits at the end of the block."""
    if is_url(_checked(location)):
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
    authority, slash, rest = str(location).partition("://")[2].partition("/")
    user, at, hosts = authority.rpartition("@")
    path, _, query = rest.partition("?")
    options = [option for option in query.split("&") if option and "password" not in option.partition("=")[0]]
    return f"postgresql://{user.partition(':')[0]}{at}{hosts}{slash}{path}{'?' if options else ''}{'&'.join(options)}"


def _checked(location: str | Path) -> str:
    """The location. Raises InvalidInput, without repeating it, where a mistake would print or store a password."""
    text = str(location)
    if is_url(text):
        authority, _, rest = text.partition("://")[2].partition("/")
        hosts = authority.rpartition("@")[2].split(",")
        if "@" in rest.partition("?")[0] or not all(_HOST.fullmatch(host) for host in hosts):
            raise InvalidInput(
                "the URL of the database is not understood: write postgresql://user:password@host:port/database, with"
                " special characters of the password as %XX",
                field="data",
            )
    elif "://" in text or _NEARLY_URL.match(text) or "password=" in text:
        raise InvalidInput(
            "the store's location looks like a database but does not begin with postgresql://, so it would become a"
            " directory: write postgresql://user:password@host:port/database, or the path of a directory",
            field="data",
        )
    return text


def _postgres() -> Any:
    try:
        from banditcore.storage import postgres
    except ImportError as error:
        raise StoreUnavailable(
            f"PostgreSQL needs psycopg ({error}): install it with `pip install 'banditcore[postgres]'`"
        ) from None
    return postgres
