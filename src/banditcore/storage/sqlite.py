"""The embedded store: one SQLite file, one writer thread, group commit.

WAL with `synchronous=FULL`: a commit has been synced before its futures complete. The writer takes what has
queued up while the last commit was syncing and commits it as one, so a durable reply costs latency, not
throughput. APSW brings its own SQLite, because the WAL-reset race of 3.7.0-3.51.2 is still in Debian's.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import apsw

from banditcore.errors import StoreCorrupt, StoreUnavailable
from banditcore.storage.base import Reader, Transaction
from banditcore.storage.lock import DirectoryLock
from banditcore.storage.tables import Tables, check_current, migrate

T = TypeVar("T")

DATABASE = "banditcore.db"
MAX_GROUP = 512
"""Operations in one commit at most: bounds how long the first of them waits."""
_CHECKED_ON_OPEN = 64 * 2**20
"""Files up to this size are checked page by page on opening; larger ones would delay the start."""


@dataclass(slots=True)
class _Write:
    operation: Callable[[Transaction], Any]
    future: Future[Any]


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5_000)
    return connection


class _Readers:
    """Connections for readers, kept between reads; none of them ever checkpoints."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self.connection() as connection:
            try:
                connection.execute("BEGIN")
                yield Tables(connection)
            finally:
                with suppress(apsw.Error):
                    connection.execute("ROLLBACK")

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """One that reads only, for as long as the block lasts."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._new()
        try:
            with translated(self._path):
                yield connection
        finally:
            self._idle.put(connection)

    def _new(self) -> apsw.Connection:
        with translated(self._path):
            connection = _connect(self._path)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.wal_autocheckpoint(0)
            connection.pragma("query_only", True)
            return connection

    def close(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns errors of SQLite into ours."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreCorrupt(
            f"{path} is damaged ({error}): restore a backup, or move the file away to start empty"
        ) from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise StoreUnavailable(
            f"cannot open {path} ({error}): reading it, too, needs write permission on {path.parent}"
        ) from error
    except apsw.FullError as error:
        raise StoreUnavailable(
            f"the disk of {path.parent} is full: nothing of this call was recorded; free space, then retry",
            reason="DISK_FULL",
        ) from error
    except (apsw.Error, OSError) as error:
        raise StoreUnavailable(f"the store {path} failed: {error}; retry, nothing was acknowledged") from error


class SqliteLog:
    """Read-only view of a data directory, also while a server works on it: for audit and reports."""

    def __init__(self, directory: Path | str) -> None:
        self.path = Path(directory) / DATABASE
        if not self.path.is_file():
            raise StoreUnavailable(f"{directory} holds no {DATABASE}: name the server's data directory")
        self._readers = _Readers(self.path)
        with self._readers.connection() as connection:
            _check(connection, self.path)
            check_current(connection, str(self.path))
            self.secret = _stored_secret(connection) or b""

    def read(self) -> Any:
        return self._readers.read()

    def close(self) -> None:
        self._readers.close()


class SqliteStore:
    """Keeps `banditcore.storage.base.Store` in `DIRECTORY/banditcore.db`.

    Raises StoreLocked when another process has the directory, StoreCorrupt when the file is damaged, foreign
    or newer than this release, StoreUnavailable when the directory cannot be used.
    """

    def __init__(self, directory: Path | str) -> None:
        directory = Path(directory)
        self._path = directory / DATABASE
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot use {directory} as data directory: {error.strerror}") from None
        self._lock = DirectoryLock(directory)
        self._lock.acquire()
        try:
            with translated(self._path):
                self._writer = self._open_writer()
                self.secret = _secret(self._writer)
        except BaseException:
            self._lock.release()
            raise
        self._readers = _Readers(self._path)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="banditcore-writer", daemon=True)
        self._thread.start()

    def _open_writer(self) -> apsw.Connection:
        connection = _connect(self._path)
        try:
            _check(connection, self._path)
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "full")
            connection.pragma("journal_size_limit", 64 * 2**20)
            migrate(connection, str(self._path))
        except BaseException:
            connection.close()
            raise
        return connection

    def last_decision_id(self) -> bytes | None:
        with self._readers.read() as tables:
            assert isinstance(tables, Tables)
            return tables.last_decision_id()

    def read(self) -> Any:
        return self._readers.read()

    def write(self, operation: Callable[[Transaction], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._closing:
            if self._closed:
                future.set_exception(StoreUnavailable("the store is closed"))
            else:
                self._queue.put(_Write(operation, future))
        return future

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._readers.close()
        with suppress(apsw.Error):
            self._writer.close()
        self._lock.release()

    # The writer thread

    def _work(self) -> None:
        going = True
        while going:
            group = [self._queue.get()]
            with suppress(queue.Empty):
                while len(group) < MAX_GROUP:
                    group.append(self._queue.get_nowait())
            going = None not in group
            writes = [write for write in group if write is not None]
            if writes:
                self._commit(writes)

    def _commit(self, writes: list[_Write]) -> None:
        try:
            with translated(self._path):
                results = self._run(writes)
        except Exception as error:
            self._reopen()
            for write in writes:
                write.future.set_exception(error)
            return
        for write, (result, failure) in zip(writes, results, strict=True):
            if failure is None:
                write.future.set_result(result)
            else:
                write.future.set_exception(failure)

    def _run(self, writes: list[_Write]) -> list[tuple[Any, Exception | None]]:
        execute = self._writer.execute
        tables = Tables(self._writer)
        execute("BEGIN IMMEDIATE")
        results = [self._one(write, tables) for write in writes]
        execute("COMMIT")
        return results

    def _one(self, write: _Write, tables: Tables) -> tuple[Any, Exception | None]:
        """Runs one operation in a savepoint of its own, so that its failure is nobody else's."""
        self._writer.execute("SAVEPOINT one")
        try:
            result = write.operation(tables)
        except (apsw.Error, OSError):
            raise
        except Exception as error:
            self._writer.execute("ROLLBACK TO one")
            self._writer.execute("RELEASE one")
            return None, error
        self._writer.execute("RELEASE one")
        return result, None

    def _reopen(self) -> None:
        # After a failed commit the outcome is unknown and the connection's cache is not to be trusted: what
        # the file holds decides, and a fresh connection reads it. If that fails too, the next commit tries again.
        with suppress(Exception):
            self._writer.close()
        with suppress(Exception):
            self._writer = self._open_writer()


def _check(connection: apsw.Connection, path: Path) -> None:
    """Reads the header, and all pages of a file that is not large. Raises StoreCorrupt on damage."""
    size = path.stat().st_size
    if size <= _CHECKED_ON_OPEN:
        verdict = connection.execute("PRAGMA quick_check(1)").get
        if verdict != "ok":
            raise StoreCorrupt(f"{path} is damaged ({verdict}): restore a backup, or move the file away to start empty")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()


def _stored_secret(connection: apsw.Connection) -> bytes | None:
    stored = connection.execute("SELECT value FROM secret WHERE name = 'decision-ids'").get
    return None if stored is None else bytes(stored)


def _secret(connection: apsw.Connection) -> bytes:
    stored = _stored_secret(connection)
    if stored is None:
        stored = secrets.token_bytes(32)
        connection.execute("INSERT INTO secret (name, value) VALUES ('decision-ids', ?)", (stored,))
    return stored
