"""A store without a file: for tests, notebooks and simulations. Nothing outlives the process."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

import apsw

from banditcore.errors import StoreUnavailable
from banditcore.storage.base import Folding, Reader, Transaction
from banditcore.storage.sqlite_tables import SqliteTables, migrate
from banditcore.types import StoreHealth

T = TypeVar("T")


class MemoryStore:
    """Keeps `banditcore.storage.base.Store` with an SQLite database in memory; writes run on the caller's thread."""

    shared = False

    def __init__(self) -> None:
        self.secret = secrets.token_bytes(32)
        self._lock = threading.RLock()
        self._connection = apsw.Connection(":memory:")
        migrate(self._connection, "memory")
        self._tables = SqliteTables(self._connection)
        self._closed = False

    def last_decision_id(self) -> bytes | None:
        with self._lock:
            return self._tables.last_decision_id()

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def write(self, operation: Callable[[Transaction], T], streams: Collection[int] = ()) -> Future[T]:
        future: Future[T] = Future()
        try:
            with self._lock, self._open():
                self._tables.holds = streams
                result = operation(self._tables)
        except apsw.Error as error:
            future.set_exception(StoreUnavailable(f"the store refused the write: {error}"))
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    @contextmanager
    def _open(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable("the store is closed", reason="STORE_CLOSED")
        with self._connection:
            yield

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self._lock, self._open():
            yield self._tables

    @contextmanager
    def fold(self, stream: int) -> Iterator[Folding | None]:
        with self._lock, self._open():
            yield self._tables

    def health(self) -> StoreHealth:
        return StoreHealth(up=not self._closed, wal_bytes=0, checkpoint_age_s=0.0, free_bytes=-1)

    def hurry(self) -> None:
        """Memory keeps nobody waiting."""

    def close(self) -> None:
        with self._lock:
            self._closed = True
