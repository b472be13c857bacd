"""The write-ahead log goes back into the file, and who keeps it from doing so is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from banditcore.storage import checkpoint
from banditcore.storage.checkpoint import LARGE_BYTES, PAGES, Checkpoints
from banditcore.storage.sqlite import SqliteStore
from banditcore.testing.storage_contract import columns, open_stream

PAGE = 4096


class Time:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Log:
    """A database of one table, and the size of its write-ahead log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = self.connect()
        self.writer.pragma("journal_mode", "wal")
        self.writer.pragma("synchronous", "off")
        self.writer.execute("CREATE TABLE filler (x)")
        self.checkpoints = Checkpoints(self.writer)

    def connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(600_000)
        return connection

    def commit(self, pages: int, times: int = 1) -> None:
        for _ in range(times):
            self.writer.execute("INSERT INTO filler VALUES (zeroblob(?))", (pages * PAGE,))
            self.checkpoints.after_commit()

    def bytes(self) -> int:
        return self.path.with_name(f"{self.path.name}-wal").stat().st_size

    def in_file(self) -> int:
        """Pages of the file without its write-ahead log."""
        return self.path.stat().st_size // PAGE


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(checkpoint, "time", time)
    return time


@pytest.fixture
def log(tmp_path: Path, time: Time) -> Iterator[Log]:
    log = Log(tmp_path / "log.db")
    yield log
    log.writer.close()


def test_after_a_thousand_pages_all_is_in_the_file(log: Log, time: Time) -> None:
    time.now += 7
    log.commit(100, times=9)
    assert log.checkpoints.age_s() == 7
    assert log.in_file() < 10
    log.commit(100)
    assert log.checkpoints.age_s() == 0
    assert log.in_file() >= PAGES
    size = log.bytes()
    time.now += 1
    log.commit(100, times=9)
    assert log.bytes() == size, "the log starts from its beginning when all of it is in the file"
    assert log.checkpoints.age_s() == 1
    log.commit(100)
    assert log.checkpoints.age_s() == 0


def test_a_reader_that_stays_shows_in_the_age_and_in_the_size(log: Log, time: Time) -> None:
    reader = log.connect()
    log.commit(1)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM filler").fetchall()
    for _ in range(30):
        time.now += 1
        log.commit(100, times=10)
    assert log.checkpoints.age_s() == 30
    assert log.bytes() > LARGE_BYTES
    reader.execute("COMMIT")
    time.now += 1
    log.commit(1, times=PAGES)
    assert log.checkpoints.age_s() == 0
    assert log.bytes() < LARGE_BYTES, "a log this large is cut to nothing"
    reader.close()


def test_a_large_log_is_cut_without_waiting_for_a_reader(log: Log) -> None:
    reader = log.connect()
    reader.execute("BEGIN")
    log.commit(1)
    reader.execute("SELECT count(*) FROM filler").fetchall()
    log.commit(20_000)
    # The next checkpoint finds a reader at the end of the log: all can be copied, nothing can be cut.
    reader.execute("COMMIT")
    log.commit(1)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM filler").fetchall()
    log.checkpoints._tried = 0
    log.checkpoints.after_commit()
    assert log.bytes() > LARGE_BYTES
    assert log.writer.pragma("busy_timeout") == 600_000
    reader.execute("COMMIT")
    log.checkpoints._tried = 0
    log.checkpoints.after_commit()
    assert log.bytes() == 0
    reader.close()


def test_a_checkpoint_that_fails_leaves_the_commit_alone(log: Log, time: Time) -> None:
    time.now += 3
    log.writer.execute("INSERT INTO filler VALUES (zeroblob(?))", (1_100 * PAGE,))
    # As the disk would fail, not as a mock would: the writer's connection is in the middle of a statement.
    with log.writer:
        log.writer.execute("INSERT INTO filler VALUES (1)")
        log.checkpoints.after_commit()
    assert log.checkpoints.age_s() == 3
    assert log.writer.execute("SELECT count(*) FROM filler").get == 2


def test_the_store_says_how_it_fares(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    stream = open_stream(store)
    before = store.health()
    assert before.up and before.wal_bytes > 0 and before.free_bytes > 0
    for _ in range(10):
        rows = columns(store, stream, [f"unit-{n}" for n in range(5_000)])
        store.write(lambda tx, rows=rows: tx.append_decisions(rows), [stream]).result()  # type: ignore[misc]
    store.write(lambda tx: None).result()
    after = store.health()
    assert after.checkpoint_age_s < before.checkpoint_age_s + 60
    assert (tmp_path / "banditcore.db").stat().st_size > 5_000 * 10 * 60, "the writer's thread has copied the log"
    store.close()
    assert not store.health().up
