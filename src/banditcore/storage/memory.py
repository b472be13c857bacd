"""A store without a file: for tests, notebooks and simulations. Nothing outlives the process."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

import apsw

from banditcore.errors import StoreUnavailable
from banditcore.storage.base import Reader, Transaction
from banditcore.storage.tables import Tables, migrate

T = TypeVar("T")


class MemoryStore:
    """Keeps `banditcore.storage.base.Store` with an SQLite database in memory; writes run on the caller's thread."""

    def __init__(self) -> None:
        self.secret = secrets.token_bytes(32)
        self._lock = threading.RLock()
        self._connection = apsw.Connection(":memory:")
        migrate(self._connection, "memory")
        self._tables = Tables(self._connection)
        self._closed = False

    def last_decision_id(self) -> bytes | None:
        with self._lock:
            return self._tables.last_decision_id()

    def write(self, operation: Callable[[Transaction], T]) -> Future[T]:
        future: Future[T] = Future()
        try:
            with self._lock, self._open():
                result = operation(self._tables)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    @contextmanager
    def _open(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        with self._connection:
            yield

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self._lock, self._open():
            yield self._tables

    def close(self) -> None:
        with self._lock:
            self._closed = True
