"""A copy has all of the original, takes over only what is missing, and is whole or not there."""

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from audits import audited
from halfway import STAY, halfway
from lived import TABLES, contents, folded, live

from banditcore.errors import NotAllowedNow, StoreLocked, StoreUnavailable
from banditcore.storage.checking import check
from banditcore.storage.copying import EVENTS, Copied, copy
from banditcore.storage.opening import is_url, open_log, open_store, sole_writer
from banditcore.storage.sqlite import DATABASE
from banditcore_server.testing import ServerProcess

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "digits.toml"
_COPY = f"""
import sys, time
from banditcore.storage.copying import copy
from banditcore.storage.opening import open_log, sole_writer

{STAY}
with open_log(sys.argv[1]).read() as source, sole_writer(sys.argv[2]) as target:
    copy(source, target, stay)
"""


def copied(source: Path | str, target: str) -> Copied:
    with closing(open_log(source)) as log, log.read() as reader, sole_writer(target) as tables:
        return copy(reader, tables)


def changed(location: Path | str, sql: str, *bindings: Any) -> None:
    with sole_writer(location) as tables:
        tables._change(sql, *bindings)


def test_everything_arrives(lived_once: Path, empty: str) -> None:
    found = copied(lived_once, empty)
    rows = contents(lived_once)
    assert contents(empty) == rows
    for table in (*EVENTS, "request", "stream", "snapshot"):
        assert getattr(found, f"{table}s") == len(rows[table]) > 0
    with closing(open_log(empty)) as log, log.read() as reader:
        assert check(reader, log.secret).passed
    audit = audited(empty)
    assert audit.passed and audit.identical == audit.decisions
    assert folded(empty) == folded(lived_once)


def test_the_way_back_ends_where_it_began(lived_once: Path, postgres_url: str, tmp_path: Path) -> None:
    copied(lived_once, postgres_url)
    copied(postgres_url, str(tmp_path / "back"))
    assert contents(tmp_path / "back") == contents(lived_once)


def test_a_copy_is_brought_up_to_date_with_what_is_missing(lived: Path, empty: str) -> None:
    copied(lived, empty)
    assert copied(lived, empty) == Copied()
    before = contents(empty)
    live(lived)
    rows = contents(lived)
    second = copied(lived, empty)
    assert contents(empty) == rows
    for table in ("decision", "request"):
        missing = set(rows[table]) - set(before[table])
        assert getattr(second, f"{table}s") == len(missing) > 0
        # What retention deleted meanwhile is gone from the copy as well.
        assert set(before[table]) - set(rows[table])
    assert audited(empty).passed
    # The copy lives on where the original stopped.
    live(empty)
    assert audited(empty).passed


def test_an_earlier_moment_of_a_stream_is_brought_up_to_date(lived: Path, empty: str, tmp_path: Path) -> None:
    """A stream that is half copied: its events, requests, counters and snapshots are completed."""
    earlier = Path(shutil.copytree(lived, tmp_path / "earlier"))
    middle = _back_to_the_middle(earlier)
    copied(earlier, empty)
    found = copied(lived, empty)
    assert contents(empty) == contents(lived)
    assert found.streams == 0
    assert found.decisions + found.exposures + found.rewards + found.resolutions == middle


def _back_to_the_middle(directory: Path) -> int:
    """Takes a directory back to where stream 2 had half of its events; returns how many are gone."""
    with sole_writer(directory) as tables:
        (last,) = tables._one("SELECT position FROM stream WHERE stream = 2")
        middle = last // 2
        for table in EVENTS:
            tables._change(f"DELETE FROM {table} WHERE stream = 2 AND position > $1", middle)
        tables._change(
            "DELETE FROM request WHERE NOT EXISTS"
            " (SELECT 1 FROM decision d WHERE d.stream = request.stream AND d.id = request.first)"
        )
        tables._change("DELETE FROM snapshot WHERE stream = 2")
        tables._change("UPDATE learner SET position = 0 WHERE stream = 2")
        tables._change("UPDATE stream SET position = $1, open = 1, expired = $2 WHERE stream = 2", middle, b"")
    return int(last - middle)


def test_another_store_is_refused_and_left_as_it_was(lived_once: Path, full: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    live(other)
    before = contents(full)
    with pytest.raises(NotAllowedNow, match="another store"):
        copied(other, full)
    assert contents(full) == before


def test_a_target_that_is_ahead_is_refused_and_left_as_it_was(lived_once: Path, full: str) -> None:
    live(full)
    before = contents(full)
    with pytest.raises(NotAllowedNow, match="does not have"):
        copied(lived_once, full)
    assert contents(full) == before


def test_a_target_that_deleted_more_is_refused(lived: Path, full: str) -> None:
    live(lived)
    changed(full, "UPDATE stream SET deleted = deleted + 1000 WHERE deleted > 0")
    with pytest.raises(NotAllowedNow, match="does not have"):
        copied(lived, full)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE reward SET time = time + 1 WHERE stream = 2",
        "UPDATE resolution SET time = time + 1 WHERE stream = 2",
        "UPDATE exposure SET time = time + 1 WHERE stream = 3",
        "UPDATE decision SET unit = 'somebody else' WHERE stream = 1",
        "UPDATE experiment_version SET spec = '{}' WHERE experiment = 'shop' AND version = 2",
    ],
)
def test_a_target_that_went_another_way_is_refused(lived: Path, full: str, sql: str) -> None:
    """Not ahead, but not the same: as when both were served after a copy."""
    live(lived)
    changed(full, sql)
    before = contents(full)
    with pytest.raises(NotAllowedNow, match="does not have"):
        copied(lived, full)
    assert contents(full) == before


def test_a_target_in_use_is_refused(lived_once: Path, full: str) -> None:
    store = open_store(full)
    try:
        with pytest.raises(StoreLocked, match="in use by"):
            copied(lived_once, full)
    finally:
        store.close()
    assert copied(lived_once, full) == Copied()


def test_an_older_release_is_refused_and_left_as_it_was(lived_once: Path, full: str) -> None:
    if is_url(full):
        with psycopg.connect(full) as connection:
            connection.execute("UPDATE banditcore_schema SET version = 2")
    else:
        with closing(apsw.Connection(f"{full}/{DATABASE}")) as file:
            file.pragma("user_version", 2)
    with pytest.raises(StoreUnavailable, match="older release"):
        copied(lived_once, full)
    with pytest.raises(StoreUnavailable, match="older release"):
        open_log(full)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_killed_copy_leaves_the_target_as_it_was(lived: Path, empty: str, earlier: bool) -> None:
    if earlier:
        copied(lived, empty)
        live(lived)
    else:
        with sole_writer(empty):
            pass
    before = contents(empty)
    with halfway(_COPY, str(lived), empty):
        pass
    assert contents(empty) == before
    copied(lived, empty)
    assert contents(empty) == contents(lived)


def test_a_source_that_fails_is_named_and_leaves_the_target_as_it_was(
    lived_once: Path, postgres_url: str, tmp_path: Path
) -> None:
    copied(lived_once, postgres_url)

    def cut(done: int, of: int) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(StoreUnavailable, match="the source failed"):  # noqa: SIM117
        with closing(open_log(postgres_url)) as log, log.read() as reader, sole_writer(tmp_path / "new") as tables:
            copy(reader, tables, cut)
    assert not any(rows for table, rows in contents(tmp_path / "new").items())


def test_a_served_store_is_moved_in_two_copies(tmp_path: Path, empty: str) -> None:
    with ServerProcess(tmp_path / "data", "--apply", str(EXAMPLE)) as server:
        command = [sys.executable, "-m", "banditcore_simulations.traffic", "--target", server.target]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as traffic:
            assert traffic.stdout is not None
            first = next(copied(server.data, empty) for line in traffic.stdout if json.loads(line)["decisions"] > 100)
            assert audited(empty).passed
            traffic.stdout.read()
        assert traffic.returncode == 0
    second = copied(server.data, empty)
    assert first.decisions > 100 and second.decisions > 0
    assert contents(empty) == contents(server.data)
    assert folded(empty) == folded(server.data)
    audit = audited(empty)
    assert audit.passed and audit.decisions == first.decisions + second.decisions


def test_no_column_is_forgotten(lived_once: Path) -> None:
    connection = apsw.Connection(str(lived_once / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    found = {table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} for table in tables}
    connection.close()
    assert found == {table: set(columns) for table, columns in TABLES.items()}
