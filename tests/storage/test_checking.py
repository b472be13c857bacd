"""A check passes on a sound store of either engine, and finds what was tampered with."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from lived import contents

from banditcore.storage.checking import SHOWN, Check, check
from banditcore.storage.opening import open_log, sole_writer
from banditcore.storage.sqlite import DATABASE, SqliteStore


def checked(location: Path | str) -> Check:
    with closing(open_log(location)) as log, log.read() as reader:
        return check(reader, log.secret)


def test_a_sound_store_passes_and_is_counted(full: str) -> None:
    found = checked(full)
    assert found.passed, found.problems
    rows = {table: len(held) for table, held in contents(full).items()}
    for table in ("stream", "decision", "exposure", "reward", "resolution", "request", "snapshot"):
        assert getattr(found, f"{table}s") == rows[table] > 0


def test_an_empty_store_passes(empty: str) -> None:
    with sole_writer(empty):
        pass
    assert checked(empty).passed


def test_it_says_how_far_it_is(lived: Path) -> None:
    seen: list[tuple[int, int]] = []
    with closing(open_log(lived)) as log, log.read() as reader:
        found = check(reader, log.secret, lambda done, of: seen.append((done, of)))
    assert seen[-1] == (found.decisions, found.decisions)


def first(table: str, where: str = "stream = 1") -> str:
    return f"(SELECT decision FROM {table} WHERE {where} ORDER BY decision LIMIT 1)"


ASKED = "(SELECT first FROM request WHERE count = 1 ORDER BY first LIMIT 1)"
IN_BATCH = "(SELECT id FROM decision WHERE unit = 'batch-19' ORDER BY id LIMIT 1)"


@pytest.mark.parametrize(
    ("sql", "bindings", "words"),
    [
        ("UPDATE secret SET value = $1", [bytes(32)], "the id was not made by this store"),
        (f"UPDATE decision SET stream = 2 WHERE id = {ASKED}", [], "for this stream"),
        (f"UPDATE decision SET version = 77 WHERE id = {ASKED}", [], "shop has no version 77"),
        (f"DELETE FROM decision WHERE id = {first('reward')}", [], "has a reward at"),
        (f"DELETE FROM decision WHERE id = {first('exposure')}", [], "has an exposure at"),
        (f"DELETE FROM decision WHERE id = {first('resolution')}", [], "has a resolution at"),
        (f"DELETE FROM decision WHERE id = {ASKED}", [], "which answered it, does not exist"),
        (f"DELETE FROM decision WHERE id = {IN_BATCH}", [], "not all decisions that answered it"),
        ("UPDATE request SET count = count + 1 WHERE count > 1", [], "not all decisions that answered it"),
        (f"DELETE FROM exposure WHERE decision = {first('exposure')}", [], "not 1, 2, 3"),
        ("UPDATE stream SET position = position + 1 WHERE stream = 1", [], "not 1, 2, 3"),
        (f"UPDATE decision SET grp = 2 WHERE id = {first('resolution')}", [], "though it teaches nothing"),
        (f"UPDATE decision SET degraded = 1 WHERE id = {first('resolution')}", [], "though it teaches nothing"),
        ("UPDATE snapshot SET digest = $1 WHERE stream = 2", [bytes(32)], "the snapshot of stream 2 at"),
        ("UPDATE snapshot SET state = $1 WHERE stream = 2", [b"PK"], "is damaged"),
        ("UPDATE snapshot SET position = position + 100000 WHERE stream = 2", [], "beyond its last event"),
        ("UPDATE learner SET position = position - 1 WHERE stream = 2", [], "learned up to"),
        ("UPDATE stream SET base = base + 1 WHERE base > 0", [], "where no snapshot is"),
        ("UPDATE stream SET deleted = deleted - 1 WHERE deleted > 0", [], "not 1, 2, 3"),
        ("UPDATE tally SET stream = 9 WHERE stream = 1", [], "table tally has rows of stream 9, which does not exist"),
        ("DELETE FROM learner WHERE stream = 1", [], "how far it was learned is not there"),
        ("DELETE FROM stream WHERE stream = 1", [], "table decision has rows of stream 1, which does not exist"),
        ("UPDATE stream SET experiment = 'mail' WHERE stream = 1", [], "shop version 1: it has no stream 1"),
        (
            "UPDATE merged SET target = 'nobody', experiment = 'gone'",
            [],
            "gone: units are merged, but",
        ),
        ("UPDATE merged SET target = unit WHERE number = 1", [], "is merged into itself"),
        ("DELETE FROM merged WHERE number = 1", [], "the last of which is number"),
        (
            "UPDATE import_count SET experiment = 'gone' WHERE experiment = 'shop'",
            [],
            "gone: imports are counted, but not in any experiment",
        ),
        ("UPDATE experiment SET version = 9 WHERE name = 'shop'", [], "shop: its version 9 is not there"),
    ],
)
def test_tampering_is_found(full: str, sql: str, bindings: list[Any], words: str) -> None:
    before = contents(full)
    with sole_writer(full) as tables:
        tables._change(sql, *bindings)
    assert contents(full) != before, "the sabotage itself must have worked"
    found = checked(full)
    assert not found.passed
    assert any(words in problem for problem in found.problems), found.problems


def test_the_first_problems_are_told_and_all_are_counted(full: str) -> None:
    with sole_writer(full) as tables:
        tables._change("UPDATE secret SET value = $1", bytes(32))
    found = checked(full)
    assert found.found >= found.decisions > SHOWN
    assert len(found.problems) == SHOWN


def test_an_index_that_does_not_fit_its_table_is_found(lived: Path) -> None:
    connection = apsw.Connection(str(lived / DATABASE))
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.pragma("writable_schema", True)
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, '(stream, decision)', '(stream, time)')"
        " WHERE name = 'resolution_once'"
    )
    assert connection.changes() == 1
    connection.close()
    found = checked(lived)
    assert found.problems and all("resolution_once" in problem for problem in found.problems)


def test_one_view_while_the_store_is_written(lived_once: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(lived_once, tmp_path / "data"))
    store = SqliteStore(directory)
    with closing(open_log(directory)) as log, log.read() as reader:
        before = reader.streams()
        store.write(lambda tx: tx.set_expired(1, b"\xff"), [1]).result()
        store.write(lambda tx: tx._change("UPDATE stream SET position = position + 1"), [1]).result()  # type: ignore[attr-defined]
        assert check(reader, log.secret).passed
        assert reader.streams() == before
    store.close()
    assert not checked(directory).passed
