"""The store of several servers: PostgreSQL 15 or newer, one writing connection a process, group commit.

Every stream has a counter row that a transaction locks before it looks at anything of the stream and raises as it
appends, so positions are dense, become visible in order, and whoever reads on from a position misses nothing; an
identity column would skip what commits late. Streams are locked in rising order, so no two writers wait for each other.
"""

from __future__ import annotations

import queue
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg

from banditcore.errors import StoreLocked, StoreUnavailable
from banditcore.storage.base import Folding, Reader, Transaction
from banditcore.storage.opening import shown
from banditcore.storage.postgres_tables import Connection, PostgresTables, check_current, is_ours, migrate
from banditcore.storage.tables import Tables
from banditcore.storage.watch import Watch
from banditcore.storage.writing import Contended, Writer
from banditcore.types import StoreHealth

T = TypeVar("T")

OLDEST = 150_000
CONNECT_LIMIT_S = 2
STATEMENT_LIMIT_S = 3.0
"""A statement of a writer that takes longer has lost its server: its calls are failed, as of unknown outcome."""
READ_LIMIT_S = 60.0
PATIENT_LIMIT_S = 1_800.0
"""For those who look through all of a store, or move it."""
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@contextmanager
def translated(origin: str) -> Iterator[None]:
    """Turns errors of PostgreSQL into ours."""
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise StoreUnavailable(
            f"the disk of {origin} is full: nothing of this call was recorded; free space, then retry",
            reason="DISK_FULL",
        ) from error
    except (psycopg.Error, OSError) as error:
        said = str(error).strip().splitlines()
        raise StoreUnavailable(
            f"the store {origin} failed: {said[0] if said else type(error).__name__}; retry, nothing was acknowledged"
        ) from error


def _connect(url: str, origin: str) -> Connection:
    with translated(origin):
        connection = psycopg.connect(
            url,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            connect_timeout=CONNECT_LIMIT_S,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=int(STATEMENT_LIMIT_S * 1e3),
            application_name="banditcore",
        )
    if connection.info.server_version < OLDEST:
        connection.close()
        raise StoreUnavailable(f"{origin} runs an older PostgreSQL than 15: upgrade the database")
    return connection


def _refuse_unfit(connection: Connection, origin: str) -> None:
    """Raises StoreUnavailable for a database that a power cut can take commits back from, or that takes not all."""
    loses = f"{origin} has {{}} = off and would lose what it acknowledged: switch it on"
    for setting, wrong, words in (
        ("fsync", ("off",), loses),
        ("synchronous_commit", ("off",), loses),
        ("transaction_read_only", ("on",), f"{origin} is read-only, as a standby is: name the primary"),
        ("server_encoding", None, f"{origin} does not store all text: make a database with ENCODING 'UTF8'"),
    ):
        row = connection.execute(f"SHOW {setting}".encode()).fetchone()
        found = row[0] if row else ""
        if found in wrong if wrong else found != "UTF8":
            raise StoreUnavailable(words.format(setting), reason="STORE_UNFIT")


class _Session:
    """The writer's connection."""

    def __init__(self, url: str, watch: Watch, limit_s: float = STATEMENT_LIMIT_S) -> None:
        self._url, self._origin, self._watch, self._limit_s = url, shown(url), watch, limit_s
        self.connection: Connection | None = None

    def open(self) -> None:
        connection = _connect(self._url, self._origin)
        try:
            with translated(self._origin), self._watch.over(connection, READ_LIMIT_S):
                _refuse_unfit(connection, self._origin)
                migrate(connection, self._origin)
        except BaseException:
            connection.close()
            raise
        self.connection = connection

    @contextmanager
    def transaction(self, streams: Collection[int], *, definitions: bool) -> Iterator[Tables]:
        assert self.connection is not None
        with translated(self._origin), self._watch.over(self.connection, self._limit_s) as touch:
            try:
                with _within(self.connection, _holding(streams, definitions)):
                    tables = PostgresTables(self.connection, touch)
                    tables.holds = streams
                    yield tables
            except (
                psycopg.errors.IntegrityError,
                psycopg.errors.SerializationFailure,
                psycopg.errors.DeadlockDetected,
            ) as error:
                raise Contended(str(error).splitlines()[0]) from error

    def after_commit(self) -> None:
        """PostgreSQL keeps house by itself."""

    def close(self) -> None:
        if self.connection is not None:
            with suppress(psycopg.Error, OSError):
                self.connection.close()
            self.connection = None


def _holding(streams: Collection[int], definitions: bool) -> bytes:
    """Begins a transaction with its locks, in one message and always in the same order."""
    # Each statement sees what was committed before it, also while the transaction waited for its locks.
    statements = [_BEGIN]
    if definitions:
        statements.append("LOCK TABLE experiment IN SHARE ROW EXCLUSIVE MODE")
    if streams:
        numbers = ", ".join(str(int(stream)) for stream in streams)
        statements.append(f"SELECT 1 FROM stream WHERE stream IN ({numbers}) ORDER BY stream FOR NO KEY UPDATE")
    return "; ".join(statements).encode()


@contextmanager
def _within(connection: Connection, begin: bytes) -> Iterator[None]:
    try:
        connection.execute(begin)
        yield
        ended = connection.execute(b"COMMIT").statusmessage
    except BaseException:
        with suppress(psycopg.Error, OSError):
            connection.execute(b"ROLLBACK")
        raise
    if ended != "COMMIT":
        raise psycopg.OperationalError(f"the transaction ended with {ended}")


class _Readers:
    """Connections for readers and folders, kept between uses."""

    def __init__(self, url: str, watch: Watch, limit_s: float = READ_LIMIT_S) -> None:
        self._url, self.origin, self._watch, self._limit_s = url, shown(url), watch, limit_s
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self._transaction(_BEGIN_READ) as tables:
            yield tables

    def now_us(self) -> int:
        with self.read() as tables:
            assert isinstance(tables, Tables)
            return int(tables._one("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0])

    @contextmanager
    def fold(self, stream: int) -> Iterator[Folding | None]:
        claim = "SELECT 1 FROM learner WHERE stream = $1 FOR UPDATE SKIP LOCKED"
        with self._transaction(_BEGIN) as tables:
            yield tables if tables._one(claim, stream) else None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[PostgresTables]:
        with translated(self.origin):
            connection = self._begun(begin.encode())
            try:
                with self._watch.over(connection, self._limit_s) as touch:
                    try:
                        yield PostgresTables(connection, touch)
                        connection.execute(b"COMMIT")
                    except BaseException:
                        with suppress(psycopg.Error, OSError):
                            connection.execute(b"ROLLBACK")
                        raise
            finally:
                self._keep(connection)

    def _begun(self, begin: bytes) -> Connection:
        """A connection within a new transaction."""
        if self._closed:
            raise StoreUnavailable("the store is closed", reason="STORE_CLOSED")
        with suppress(queue.Empty):
            while True:
                connection = self._idle.get_nowait()
                # The server may have gone and come back, or gone quiet, since the connection was used last.
                with suppress(psycopg.Error, OSError), self._watch.over(connection, STATEMENT_LIMIT_S):
                    connection.execute(begin)
                    return connection
                connection.close()
        connection = _connect(self._url, self.origin)
        with self._watch.over(connection, STATEMENT_LIMIT_S):
            connection.execute(begin)
        return connection

    def _keep(self, connection: Connection) -> None:
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._idle.put(connection)
        else:
            with suppress(psycopg.Error, OSError):
                connection.close()

    def close(self) -> None:
        self._closed = True
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()


class PostgresLog:
    """Read-only view of a database, also while servers work on it: for audit and reports."""

    def __init__(self, url: str) -> None:
        self._watch = Watch()
        self._readers = _Readers(url, self._watch, PATIENT_LIMIT_S)
        try:
            with self._readers.read() as tables:
                assert isinstance(tables, PostgresTables)
                check_current(tables._connection, self._readers.origin)
                self.secret = _stored_secret(tables) or b""
        except BaseException:
            self.close()
            raise

    def now_us(self) -> int:
        return self._readers.now_us()

    def read(self) -> Any:
        return self._readers.read()

    def close(self) -> None:
        self._readers.close()
        self._watch.close()


class PostgresStore:
    """Keeps `banditcore.storage.base.Store` in a database, together with any number of other processes.

    Raises StoreUnavailable when it cannot be reached or would lose what it acknowledged, StoreCorrupt when it is
    foreign or newer than this release.
    """

    shared = True

    def __init__(self, url: str) -> None:
        self._watch = Watch()
        self._session = _Session(url, self._watch)
        self._readers = _Readers(url, self._watch)
        try:
            self._session.open()
            with self._session.transaction((), definitions=True) as tables:
                self.secret = _secret(tables)
        except BaseException:
            self._session.close()
            self._watch.close()
            raise
        self._writer = Writer(self._session)

    def now_us(self) -> int:
        return self._readers.now_us()

    def last_decision_id(self) -> bytes | None:
        with self._readers.read() as tables:
            assert isinstance(tables, Tables)
            return tables.last_decision_id()

    def read(self) -> Any:
        return self._readers.read()

    def write(self, operation: Callable[[Transaction], T], streams: Collection[int] = ()) -> Future[T]:
        return self._writer.submit(operation, streams)

    def fold(self, stream: int) -> Any:
        return self._readers.fold(stream)

    def health(self) -> StoreHealth:
        return StoreHealth(up=self._writer.up, wal_bytes=-1, checkpoint_age_s=-1.0, free_bytes=-1)

    def hurry(self) -> None:
        self._watch.hurry(STATEMENT_LIMIT_S)

    def close(self) -> None:
        self._writer.close()
        self._session.close()
        self._readers.close()
        self._watch.close()


_COMPANY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'banditcore' AND pid <> pg_backend_pid()"""


@contextmanager
def sole_writer(url: str) -> Iterator[Tables]:
    """One transaction on a database that no server uses; commits at the end of the block.

    Raises what `PostgresStore` raises, StoreLocked when other processes of banditcore are connected, StoreUnavailable
    when it is an older release's.
    """
    watch = Watch()
    session = _Session(url, watch, PATIENT_LIMIT_S)
    try:
        _refuse_older(url)
        session.open()
        with session.transaction((), definitions=True) as tables:
            # Not every server can be seen, such as one behind a pooler: what writes or folds waits until the end.
            tables._change("LOCK TABLE stream, learner IN EXCLUSIVE MODE")
            _refuse_company(tables, shown(url))
            yield tables
    finally:
        session.close()
        watch.close()


def _refuse_company(tables: Tables, origin: str) -> None:
    for _ in range(20):
        (others,) = tables._one(_COMPANY)
        if not others:
            return
        # Who has just left may still be listed.
        time.sleep(0.1)
    raise StoreLocked(f"{origin} is in use by banditcore ({others} connections): stop its servers first")


def _refuse_older(url: str) -> None:
    """What is refused is refused as it was found: opening it to write would bring it up to date."""
    connection = _connect(url, shown(url))
    try:
        with translated(shown(url)):
            if is_ours(connection):
                check_current(connection, shown(url))
    finally:
        connection.close()


def _stored_secret(tables: Tables) -> bytes | None:
    row = tables._one("SELECT value FROM secret WHERE name = 'decision-ids'")
    return bytes(row[0]) if row else None


def _secret(tables: Tables) -> bytes:
    stored = _stored_secret(tables)
    if stored is None:
        stored = secrets.token_bytes(32)
        tables._change("INSERT INTO secret (name, value) VALUES ('decision-ids', $1)", stored)
    return stored
