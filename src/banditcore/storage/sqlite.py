"""The embedded store: one SQLite file, one writer thread, group commit.

WAL with `synchronous=FULL`: a commit has been synced before its futures complete. The writer takes what has
queued up while the last commit was syncing and commits it as one, so a durable reply costs latency, not
throughput. APSW brings its own SQLite, because the WAL-reset race of 3.7.0-3.51.2 is still in Debian's.
"""

from __future__ import annotations

import queue
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import apsw

from banditcore.errors import StoreCorrupt, StoreUnavailable
from banditcore.storage.base import Folding, Reader, SnapshotRow, Transaction
from banditcore.storage.checkpoint import Checkpoints
from banditcore.storage.leftover import write_again
from banditcore.storage.lock import DirectoryLock, make_durably
from banditcore.storage.sqlite_tables import SqliteTables, check_current, migrate
from banditcore.storage.tables import Tables
from banditcore.storage.writing import Contended, Writer
from banditcore.types import StoreHealth

T = TypeVar("T")

DATABASE = "banditcore.db"
_CHECKED_ON_OPEN = 64 * 2**20
"""Files up to this size are checked page by page on opening; larger ones would delay the start."""


def _connect(path: Path, vfs: str = "") -> apsw.Connection:
    connection = apsw.Connection(str(path), vfs=vfs or None)
    connection.set_busy_timeout(5_000)
    if vfs:
        # Without shared memory there is one connection, and it keeps the index of the log to itself.
        connection.pragma("locking_mode", "exclusive")
    return connection


def connect_to_read(path: Path) -> apsw.Connection:
    """A connection that leaves the file as it is, and the write-ahead log to the writer. Raises what we raise."""
    with translated(path):
        connection = _connect(path)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.wal_autocheckpoint(0)
        connection.pragma("query_only", True)
        return connection


@contextmanager
def _one_state(connection: apsw.Connection) -> Iterator[Reader]:
    """What is committed now, until the block ends."""
    connection.execute("BEGIN")
    try:
        yield SqliteTables(connection)
    finally:
        with suppress(apsw.Error):
            connection.execute("ROLLBACK")


class _Readers:
    """Connections for readers, kept between reads; none of them ever checkpoints."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self.connection() as connection, _one_state(connection) as reader:
            yield reader

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """One that reads only, for as long as the block lasts."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = connect_to_read(self._path)
        try:
            with translated(self._path):
                yield connection
        finally:
            self._idle.put(connection)

    def close(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()


class _OnlyConnection:
    """Reading on the writer's own connection, between its commits: for file systems without shared memory."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self.connection() as connection, _one_state(connection) as reader:
            yield reader

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        with self._session.using, translated(self._session.path):
            if self._session.connection is None:
                raise StoreUnavailable(f"the store {self._session.path} is away: retry")
            yield self._session.connection

    def close(self) -> None:
        """Nothing to close: the connection is the writer's."""


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

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def read(self) -> Any:
        return self._readers.read()

    def close(self) -> None:
        self._readers.close()


class _Session:
    """The writer's connection: it alone writes and checkpoints."""

    def __init__(self, path: Path, synchronous: str, vfs: str) -> None:
        self.path, self._synchronous, self._vfs = path, synchronous, vfs
        self.using = threading.RLock()
        """Held by whoever uses the connection, should there be no other for readers."""
        self.connection: apsw.Connection | None = None
        self.checkpoints: Checkpoints | None = None

    def open(self) -> None:
        with translated(self.path):
            write_again(self.path, self._vfs)
            connection = _connect(self.path, self._vfs)
            try:
                _check(connection, self.path, in_full=bool(self._vfs))
                connection.pragma("journal_mode", "wal")
                connection.pragma("synchronous", self._synchronous)
                connection.pragma("journal_size_limit", 64 * 2**20)
                migrate(connection, str(self.path))
            except BaseException:
                connection.close()
                raise
            self.connection, self.checkpoints = connection, Checkpoints(connection)

    def secret(self, given: bytes) -> bytes:
        """The store's, made when there is none."""
        assert self.connection is not None
        with translated(self.path):
            return _secret(self.connection, given)

    @contextmanager
    def transaction(self, streams: Collection[int], *, definitions: bool) -> Iterator[Tables]:
        # There is one writer, so whatever it needs it holds.
        assert self.connection is not None
        with self.using, translated(self.path):
            try:
                with _within(self.connection):
                    tables = SqliteTables(self.connection)
                    tables.holds = streams
                    yield tables
            except apsw.ConstraintError as error:
                raise Contended(str(error)) from error

    def after_commit(self) -> None:
        with self.using:
            if self.checkpoints is not None:
                self.checkpoints.after_commit()

    def close(self) -> None:
        if self.connection is not None:
            with suppress(apsw.Error):
                self.connection.close()
            self.connection = None


@contextmanager
def _within(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(apsw.Error):
            connection.execute("ROLLBACK")
        raise


class _FoldingTables(SqliteTables):
    """Reads on a connection of its own while the writer goes on; what is saved goes through the writer."""

    def __init__(self, connection: apsw.Connection, store: SqliteStore) -> None:
        super().__init__(connection)
        self._store = store

    def put_snapshot(self, row: SnapshotRow, *, milestone_every: int) -> None:
        self._store.write(lambda tx: _save(tx, row, milestone_every), [row.stream]).result()


def _save(tx: Transaction, row: SnapshotRow, milestone_every: int) -> None:
    assert isinstance(tx, Tables)
    tx.put_snapshot(row, milestone_every=milestone_every)


class SqliteStore:
    """Keeps `banditcore.storage.base.Store` in `DIRECTORY/banditcore.db`.

    Raises StoreLocked when another process has the directory, StoreCorrupt when the file is damaged, foreign
    or newer than this release, StoreUnavailable when the directory cannot be used.

    The rest is for simulations. `vfs` names an APSW VFS that has the files instead of the system, without shared
    memory and without a lock on the directory. `synchronous` below "full" is there to be caught losing. Without a
    thread (`threaded=False`) writes wait for `commit_waiting`, or for somebody who waits for their result. `secret`
    is what a new store gets instead of random bytes.
    """

    shared = False

    def __init__(
        self,
        directory: Path | str,
        *,
        vfs: str = "",
        synchronous: str = "full",
        threaded: bool = True,
        secret: bytes = b"",
    ) -> None:
        directory = Path(directory)
        self._path = directory / DATABASE
        self._lock = DirectoryLock(directory)
        if not vfs:
            _make(directory)
            self._lock.acquire()
        self._session = _Session(self._path, synchronous, vfs)
        try:
            self._session.open()
            self.secret = self._session.secret(secret)
        except BaseException:
            self._session.close()
            self._lock.release()
            raise
        self._readers = _OnlyConnection(self._session) if vfs else _Readers(self._path)
        self._writer = Writer(self._session, threaded=threaded)

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def last_decision_id(self) -> bytes | None:
        with self._readers.read() as tables:
            assert isinstance(tables, Tables)
            return tables.last_decision_id()

    def read(self) -> Any:
        return self._readers.read()

    def write(self, operation: Callable[[Transaction], T], streams: Collection[int] = ()) -> Future[T]:
        return self._writer.submit(operation, streams)

    def commit_waiting(self) -> int:
        """Without a thread: commits what has queued up as one group; returns how many operations that were."""
        return self._writer.commit_waiting()

    @contextmanager
    def fold(self, stream: int) -> Iterator[Folding | None]:
        with self._readers.connection() as connection:
            yield _FoldingTables(connection, self)

    def health(self) -> StoreHealth:
        checkpoints = self._session.checkpoints
        return StoreHealth(
            up=self._writer.up,
            wal_bytes=_size(self._path.with_name(f"{DATABASE}-wal")),
            checkpoint_age_s=checkpoints.age_s() if checkpoints else 0.0,
            free_bytes=_free(self._path.parent),
        )

    def hurry(self) -> None:
        """A file keeps nobody waiting."""

    def close(self) -> None:
        self._writer.close()
        # Last, because the connection that closes last moves the write-ahead log into the file.
        self._readers.close()
        self._session.close()
        self._lock.release()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _free(directory: Path) -> int:
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return -1


@contextmanager
def sole_writer(directory: Path | str) -> Iterator[Tables]:
    """One transaction on a directory that no server has, made where it is missing; commits at the end of the block.

    Raises what `SqliteStore` raises, and StoreUnavailable when it is an older release's.
    """
    directory = Path(directory)
    if (directory / DATABASE).is_file():
        # What is refused is refused as it was found.
        SqliteLog(directory).close()
    with _locked(directory):
        session = _Session(directory / DATABASE, "full", "")
        try:
            session.open()
            with session.transaction((), definitions=True) as tables:
                yield tables
        finally:
            session.close()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    _make(directory)
    lock = DirectoryLock(directory)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(directory: Path) -> None:
    try:
        make_durably(directory)
    except OSError as error:
        raise StoreUnavailable(f"cannot use {directory} as data directory: {error.strerror}") from None


def _check(connection: apsw.Connection, path: Path, *, in_full: bool = False) -> None:
    """Reads the header, and all pages `in_full` or of a file that is not large. Raises StoreCorrupt on damage."""
    looked_at = in_full or path.stat().st_size <= _CHECKED_ON_OPEN
    if looked_at and (found := damage(connection)):
        raise StoreCorrupt(f"{path} is damaged ({found}): restore a backup, or move the file away to start empty")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()


def damage(connection: apsw.Connection) -> str:
    """The first damaged page in one line; empty when all are sound."""
    verdict = str(connection.execute("PRAGMA quick_check(1)").get)
    return "" if verdict == "ok" else " ".join(verdict.replace("*** in database main ***", "").split())


def _stored_secret(connection: apsw.Connection) -> bytes | None:
    stored = connection.execute("SELECT value FROM secret WHERE name = 'decision-ids'").get
    return None if stored is None else bytes(stored)


def _secret(connection: apsw.Connection, given: bytes) -> bytes:
    stored = _stored_secret(connection)
    if stored is None:
        stored = given or secrets.token_bytes(32)
        connection.execute("INSERT INTO secret (name, value) VALUES ('decision-ids', ?)", (stored,))
    return stored
