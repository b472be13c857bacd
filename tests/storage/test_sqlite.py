"""What only a file can go through: reopening, locks, damage, other people's files, a full disk."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest
from shop import spec

from banditcore import DecisionEngine
from banditcore.assignment import split_ids
from banditcore.errors import StoreCorrupt, StoreLocked, StoreUnavailable
from banditcore.storage.base import Asked
from banditcore.storage.sqlite import DATABASE, SqliteLog, SqliteStore, translated
from banditcore.testing.storage_contract import columns, open_stream


def filled(directory: Path, decisions: int = 200) -> tuple[int, list[bytes]]:
    store = SqliteStore(directory)
    stream = open_stream(store)
    rows = columns(store, stream, [f"unit-{n}" for n in range(decisions)])
    store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
    store.close()
    return stream, split_ids(rows.ids)


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    stream, ids = filled(tmp_path)
    store = SqliteStore(tmp_path)
    with store.read() as reader:
        assert all(reader.decision(stream, decision) for decision in ids)
    assert store.last_decision_id() == max(ids)
    secret = store.secret
    store.close()
    assert SqliteLog(tmp_path).secret == secret


def test_the_writer_syncs_every_commit(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    pragmas = store.write(lambda tx: None)
    pragmas.result()
    connection = store._session.connection
    assert connection is not None
    assert (connection.pragma("journal_mode"), connection.pragma("synchronous")) == ("wal", 2)
    store.close()


def test_a_new_directory_outlasts_a_power_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}"))))
    SqliteStore(tmp_path / "new" / "data").close()
    assert set(synced) == {tmp_path, tmp_path / "new"}
    synced.clear()
    SqliteStore(tmp_path / "new" / "data").close()
    assert synced == []


def test_a_second_store_on_the_directory_is_told_who_has_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreLocked, match=r"in use by process \d+ since"):
        SqliteStore(tmp_path)
    store.close()
    SqliteStore(tmp_path).close()


def test_a_log_can_be_read_while_the_store_is_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    stream = open_stream(store)
    log = SqliteLog(tmp_path)
    with log.read() as reader:
        assert reader.stream_position(stream) == 0
        rows = columns(store, stream, ["ann"])
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        assert reader.stream_position(stream) == 0, "a reader sees one state from beginning to end"
    with log.read() as reader:
        assert reader.stream_position(stream) == 1
    log.close()
    store.close()


def test_a_log_writes_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    before = (tmp_path / DATABASE).read_bytes()
    log = SqliteLog(tmp_path)
    with log.read() as reader, pytest.raises(StoreUnavailable), translated(tmp_path):
        reader._run("DELETE FROM decision")  # type: ignore[attr-defined]
    log.close()
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_log_does_not_make_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="name the server's data directory"):
        SqliteLog(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [0, 0.3, 0.6])
def test_a_damaged_file_is_refused(tmp_path: Path, where: float) -> None:
    filled(tmp_path)
    path = tmp_path / DATABASE
    raw = bytearray(path.read_bytes())
    start = int(len(raw) * where) // 4096 * 4096
    raw[start : start + 4096] = b"\xa5" * 4096
    path.write_bytes(raw)
    with pytest.raises(StoreCorrupt, match="damaged"):
        SqliteStore(tmp_path)
    assert path.read_bytes() == bytes(raw), "what is left of the data must not be touched"
    path.unlink()
    SqliteStore(tmp_path).close()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    path = tmp_path / DATABASE
    path.write_bytes(path.read_bytes()[: 5 * 4096])
    with pytest.raises(StoreCorrupt, match="damaged"):
        SqliteStore(tmp_path)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as other:
        other.execute("CREATE TABLE somebody (name TEXT)")
    other.close()
    for opener in (SqliteStore, SqliteLog):
        with pytest.raises(StoreCorrupt, match="another program"):
            opener(tmp_path)


def test_a_newer_release_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(StoreCorrupt, match="newer release"):
        SqliteStore(tmp_path)


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")
    with pytest.raises(StoreUnavailable, match="cannot use"):
        SqliteStore(tmp_path / "data")


def test_a_failing_commit_fails_its_calls_and_the_store_recovers(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    stream = open_stream(store)
    connection = store._session.connection
    assert connection is not None
    connection.pragma("max_page_count", connection.pragma("page_count") + 2)
    rows = columns(store, stream, [f"unit-{n}" for n in range(500)])
    with pytest.raises(StoreUnavailable, match="full") as caught:
        store.write(lambda tx: tx.append_decisions(rows, [Asked("r1", 0, 500)]), [stream]).result()
    assert caught.value.reason == "DISK_FULL"
    deadline = time.monotonic() + 30
    while not store.health().up:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # The limit was the old connection's; a fresh one, as after space was freed, goes on where it stood.
    with store.read() as reader:
        assert reader.density(stream) == (0, 0, 0)
    store.write(lambda tx: tx.append_decisions(rows, [Asked("r1", 0, 500)]), [stream]).result()
    with store.read() as reader:
        assert reader.density(stream) == (500, 500, 500)
    store.close()


_FULL_DISK = """
import sys
from banditcore import DecisionEngine
from banditcore.assignment import split_ids
from banditcore.errors import StoreUnavailable
from banditcore.storage.base import Asked
from banditcore.storage.sqlite import SqliteStore
from banditcore.testing.storage_contract import columns, open_stream

store = SqliteStore(sys.argv[1])
stream = open_stream(store)
acknowledged = 0
try:
    for call in range(10_000):
        rows = columns(store, stream, [f"unit-{call}-{n}" for n in range(20)], now_us=call * 10**6)
        store.write(lambda tx: tx.append_decisions(rows), [stream]).result()
        acknowledged += 20
except StoreUnavailable as error:
    print(error.reason)
with store.read() as reader:
    assert reader.density(stream) == (acknowledged,) * 3, (reader.density(stream), acknowledged)
store.close()
print(acknowledged)
"""


def test_a_really_full_disk(tmp_path: Path) -> None:
    script = f'mount -t tmpfs -o size=1m tmpfs "{tmp_path}" && exec "{sys.executable}" -c "$0" "{tmp_path}/data"'
    # A mount namespace of its own, so that the small disk is gone with the process.
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    done = subprocess.run([*namespace, "bash", "-c", script, _FULL_DISK], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    reason, acknowledged = done.stdout.split()
    assert reason == "DISK_FULL"
    assert int(acknowledged) > 0


def test_a_log_left_by_a_crash_is_read_however_long_it_is(tmp_path: Path) -> None:
    """A crash leaves a write-ahead log of a megabyte and more, which the next opening writes again."""
    script = (
        "import os, sys\n"
        "from banditcore.storage.sqlite import SqliteStore\n"
        "from banditcore.testing.storage_contract import columns, open_stream\n"
        "store = SqliteStore(sys.argv[1])\n"
        "stream = open_stream(store)\n"
        "rows = columns(store, stream, [f'unit-{n}' for n in range(15_000)])\n"
        "store.write(lambda tx: tx.append_decisions(rows), [stream]).result()\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)]).returncode == 9
    assert (tmp_path / f"{DATABASE}-wal").stat().st_size > 2**20
    store = SqliteStore(tmp_path)
    with store.read() as reader:
        assert reader.density(1) == (15_000,) * 3
    store.close()


def test_a_damaged_definition_is_named(tmp_path: Path) -> None:
    with DecisionEngine(SqliteStore(tmp_path), learn_in_background=False) as engine:
        engine.apply(spec())
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute("UPDATE experiment_version SET spec = substr(spec, 1, 40)")
    connection.close()
    with pytest.raises(StoreCorrupt, match="version 1 of experiment shop is damaged"):
        DecisionEngine(SqliteStore(tmp_path), learn_in_background=False)
    SqliteStore(tmp_path).close()


def test_what_was_submitted_cannot_be_cancelled(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    stream = open_stream(store)
    rows = columns(store, stream, ["ann"])
    write = store.write(lambda tx: tx.append_decisions(rows), [stream])
    assert not write.cancel()
    write.result()
    with store.read() as reader:
        assert reader.density(stream) == (1, 1, 1)
    store.close()
