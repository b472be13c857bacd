"""What only a database can go through: other settings, other programs, several writers, a server that goes away."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from postgres import Database

from banditcore.assignment import DecisionIds, split_ids
from banditcore.errors import InvalidInput, StoreCorrupt, StoreUnavailable
from banditcore.storage.base import DecisionColumns
from banditcore.storage.opening import open_log, open_store, shown
from banditcore.storage.postgres import PostgresLog, PostgresStore
from banditcore.testing.storage_contract import columns, open_stream

WRITERS = 4


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def refused(url: str, kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match):
        PostgresStore(url)


def test_a_location_says_which_store_it_is(postgres_url: str, tmp_path) -> None:
    for location in (postgres_url, str(tmp_path)):
        store = open_store(location)
        stream = open_stream(store)
        store.close()
        log = open_log(location)
        with log.read() as reader:
            assert reader.stream_position(stream) == 0
        assert log.secret == store.secret
        log.close()


def test_a_password_is_not_shown() -> None:
    assert shown("postgresql://ann:secret@db.example:5433/shop") == "postgresql://ann@db.example:5433/shop"


def test_a_database_that_forgets_is_refused(postgres_url: str) -> None:
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    sql(postgres_url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    refused(postgres_url, StoreUnavailable, "synchronous_commit = off and would lose")
    sql(postgres_url, f"ALTER DATABASE {name} SET synchronous_commit = on")
    sql(postgres_url, "ALTER SYSTEM SET fsync = off")
    try:
        sql(postgres_url, "SELECT pg_reload_conf()")
        refused(postgres_url, StoreUnavailable, "fsync = off and would lose")
    finally:
        sql(postgres_url, "ALTER SYSTEM RESET fsync")
        sql(postgres_url, "SELECT pg_reload_conf()")
    PostgresStore(postgres_url).close()


def test_another_programs_database_is_refused(postgres_url: str) -> None:
    sql(postgres_url, "CREATE TABLE decision (made_by TEXT)")
    refused(postgres_url, StoreCorrupt, "another program")
    with pytest.raises(StoreUnavailable, match="no log of banditcore"):
        PostgresLog(postgres_url)


def test_a_newer_release_is_refused_and_an_older_one_is_not_read(postgres_url: str) -> None:
    PostgresStore(postgres_url).close()
    sql(postgres_url, "UPDATE banditcore_schema SET version = 99")
    refused(postgres_url, StoreCorrupt, "newer release")
    sql(postgres_url, "UPDATE banditcore_schema SET version = 1")
    with pytest.raises(StoreUnavailable, match="older release"):
        PostgresLog(postgres_url)


def test_a_server_that_is_not_there_is_named() -> None:
    refused("postgresql://127.0.0.1:1/shop", StoreUnavailable, r"the store postgresql://127.0.0.1:1/shop failed")


def test_servers_that_start_together_make_the_tables_once(postgres_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(PostgresStore, [postgres_url] * 4))
    assert len({store.secret for store in stores}) == 1
    for store in stores:
        store.close()


def test_several_writers_leave_no_gap_and_a_reader_misses_nothing(postgres_url: str) -> None:
    stores = [PostgresStore(postgres_url) for _ in range(WRITERS)]
    stream = open_stream(stores[0])

    def batches(store: PostgresStore, writer: int) -> Iterator[Callable[[], Any]]:
        ids = DecisionIds(store.secret)
        for number in range(60):
            rows = _columns(ids, stream, [f"unit-{writer}-{number}-{n}" for n in range(1 + number % 7)])
            yield lambda rows=rows: store.write(lambda tx: tx.append_decisions(rows), [stream]).result()

    def latest(after: int) -> list[int]:
        with stores[0].read() as reader:
            rows = reader._run("SELECT position FROM decision WHERE position > $1 ORDER BY 1", (after,))  # type: ignore[attr-defined]
            return [row[0] for row in rows]

    written, seen = _race([batches(store, number) for number, store in enumerate(stores)], latest)
    assert seen == list(range(1, written + 1))
    with stores[0].read() as reader:
        assert reader.density(stream) == (written,) * 3
    for store in stores:
        store.close()


def test_an_identity_column_in_its_place_would_be_found(postgres_url: str) -> None:
    """The sabotage of the test above: numbers that are handed out before the commit, and rows that come late."""
    sql(postgres_url, "CREATE TABLE event (position BIGINT GENERATED ALWAYS AS IDENTITY, unit TEXT)")
    connections = [psycopg.connect(postgres_url) for _ in range(WRITERS)]
    watching = psycopg.connect(postgres_url, autocommit=True)

    def batches(connection: psycopg.Connection[Any]) -> Iterator[Callable[[], Any]]:
        def insert(rows: int) -> None:
            for _ in range(rows):
                connection.execute("INSERT INTO event (unit) VALUES ('ann')")
            connection.commit()

        for number in range(300):
            yield lambda rows=1 + number % 7: insert(rows)

    def latest(after: int) -> list[int]:
        rows = watching.execute("SELECT position FROM event WHERE position > %s ORDER BY 1", (after,)).fetchall()
        return [row[0] for row in rows]

    written, seen = _race([batches(connection) for connection in connections], latest)
    assert len(seen) < written, "no row was skipped: this machine is too slow to show the trap"
    for connection in (*connections, watching):
        connection.close()


def _columns(ids: DecisionIds, stream: int, units: list[str]) -> DecisionColumns:
    count = len(units)
    made = b"".join(ids.new(stream, count, time.time_ns() // 1000))
    vector = b"\0" * 16 * count
    return DecisionColumns(stream, 1, 0, 0, 1, made, units, [1] * count, [1] * count, vector, vector, None)


def _race(writers: list[Iterator[Callable[[], Any]]], latest: Callable[[int], list[int]]) -> tuple[int, list[int]]:
    """Runs the writers against a reader that goes on from the last position it saw: (rows written, positions seen)."""
    done = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        while True:
            ended = done.is_set()
            seen.extend(latest(seen[-1] if seen else 0))
            if ended:
                return

    def work(batches: Iterator[Callable[[], Any]]) -> int:
        written = 0
        for number, batch in enumerate(batches):
            batch()
            written += 1 + number % 7
        return written

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(len(writers)) as pool:
        written = sum(pool.map(work, writers))
    done.set()
    watcher.join()
    return written, seen


@pytest.fixture
def own() -> Iterator[Database]:
    """A server that a test may stop."""
    with Database() as database:
        yield database


def _append(store: PostgresStore, stream: int, unit: str) -> None:
    rows = _columns(DecisionIds(store.secret), stream, [unit])
    store.write(lambda tx: tx.append_decisions(rows), [stream]).result(30)


def _await_up(store: PostgresStore, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not store.health().up:
        assert time.monotonic() < deadline, "the store did not come back"
        time.sleep(0.05)


def test_a_connection_that_is_cut_is_made_anew(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    stream = open_stream(store)
    with store.read() as reader:
        reader.streams()
    sql(postgres_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'banditcore'")
    with pytest.raises(StoreUnavailable, match="nothing was acknowledged"):
        _append(store, stream, "ann")
    _await_up(store, 5)
    _append(store, stream, "bob")
    with store.read() as reader:
        assert [row.unit for row in reader.decisions_to_audit(stream)] == ["bob"]
    store.close()


def test_a_server_that_goes_quiet_fails_its_calls_and_is_found_again(own: Database) -> None:
    """SIGSTOP: the connections stay, nothing answers and nothing fails by itself."""
    store = PostgresStore(own.new())
    stream = open_stream(store)
    _append(store, stream, "ann")
    backends = [own.process(), *own.children()]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable):
            _append(store, stream, "bob")
        started = time.monotonic()
        for _ in range(20):
            with pytest.raises(StoreUnavailable):
                _append(store, stream, "cid")
        assert time.monotonic() - started < 5, "while it is away every call is refused at once"
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    _await_up(store, 5)
    _append(store, stream, "dan")
    with store.read() as reader:
        # Bob's outcome was unknown: he may be there, the others were refused.
        assert {row.unit for row in reader.decisions_to_audit(stream)} in ({"ann", "dan"}, {"ann", "bob", "dan"})
        events = reader.density(stream)
        assert events[0] == events[1] == events[2]
    store.close()


def test_a_decision_of_an_older_time_is_numbered_after_the_newer(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    stream = open_stream(store)
    newer, older = columns(store, stream, ["ann"], now_us=9_000_000), columns(store, stream, ["bob"], now_us=1_000_000)
    for rows in (newer, older):
        store.write(lambda tx, rows=rows: tx.append_decisions(rows), [stream]).result()  # type: ignore[misc]
    with store.read() as reader:
        found = [reader.decision(stream, split_ids(rows.ids)[0]) for rows in (newer, older)]
        assert [row.position for row in found if row] == [1, 2]
    assert store.last_decision_id() == newer.ids
    store.close()


def test_a_stream_is_held_from_the_first_look_to_the_commit(postgres_url: str) -> None:
    """What an operation has read of a stream it named stays true: nobody appends to it meanwhile."""
    one, other = PostgresStore(postgres_url), PostgresStore(postgres_url)
    stream = open_stream(one)
    looked, go_on = threading.Event(), threading.Event()

    def look_twice(tx: Any) -> tuple[int, int]:
        before = tx.stream_position(stream)
        looked.set()
        assert go_on.wait(30)
        return before, tx.stream_position(stream)

    looking = one.write(look_twice, [stream])
    assert looked.wait(30)
    rows = _columns(DecisionIds(other.secret), stream, ["ann"])
    appending = other.write(lambda tx: tx.append_decisions(rows), [stream])
    with pytest.raises(TimeoutError):
        appending.result(0.5)
    go_on.set()
    assert looking.result(30) == (0, 0)
    appending.result(30)
    for store in (one, other):
        store.close()


def test_a_deadlock_is_tried_again(postgres_url: str) -> None:
    """Whatever gets in the way of an operation that could as well have come later, it does."""
    one, other = PostgresStore(postgres_url), PostgresStore(postgres_url)
    streams = [open_stream(one, name) for name in ("a", "b")]
    both = threading.Barrier(2)
    first = threading.local()

    def crosswise(tx: Any, names: str) -> None:
        for name in names:
            tx._change("UPDATE experiment SET update_time = update_time + 1 WHERE name = $1", name)
            if not hasattr(first, "done"):
                first.done = True
                both.wait(30)

    writes = [
        store.write(lambda tx, names=names: crosswise(tx, names), [stream])  # type: ignore[misc]
        for store, names, stream in zip((one, other), ("ab", "ba"), streams, strict=True)
    ]
    for write in writes:
        write.result(30)
    with one.read() as reader:
        assert [row.update_time for row in reader.experiments()] == [7, 7]
    for store in (one, other):
        store.close()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_the_databases_default_isolation_makes_no_difference(postgres_url: str, isolation: str) -> None:
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    sql(postgres_url, f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    stores = [PostgresStore(postgres_url) for _ in range(2)]
    stream = open_stream(stores[0])
    ids = DecisionIds(stores[0].secret)
    writes = [
        store.write(lambda tx, rows=rows: tx.append_decisions(rows), [stream])  # type: ignore[misc]
        for number in range(50)
        for store in stores
        for rows in [_columns(ids, stream, [f"unit-{number}"])]
    ]
    for write in writes:
        write.result(30)
    with stores[0].read() as reader:
        assert reader.density(stream) == (100, 100, 100)
    for store in stores:
        store.close()


def test_a_read_only_database_is_refused(postgres_url: str) -> None:
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    sql(postgres_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    refused(postgres_url, StoreUnavailable, "read-only")


def test_a_database_that_does_not_take_all_text_is_refused(database: Database) -> None:
    sql(database.url, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    refused(database.url.replace("/postgres?", "/latin?"), StoreUnavailable, "ENCODING 'UTF8'")


@pytest.mark.parametrize(
    "location",
    [
        "POSTGRESQL://u:secret@h/shop",
        "postgresql+psycopg://u:secret@h/shop",
        "postgresql:/u:secret@h/shop",
        "host=h password=secret",
        "mysql://u:secret@h/shop",
        "postgresql://u:sec/ret@h/shop",
        "postgresql://u:secret@[::1x/shop",
    ],
)
@pytest.mark.parametrize("opener", [open_store, open_log])
def test_a_location_that_is_nearly_a_url_is_refused_and_not_repeated(
    opener: Callable[[str], Any], location: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="write postgresql://user:password@host") as caught:
        opener(location)
    assert "sec" not in caught.value.message
    assert list(tmp_path.iterdir()) == []
