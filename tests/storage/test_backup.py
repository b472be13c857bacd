"""A backup is one sound moment of a store that goes on, and has its name only when it is complete."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from audits import audited
from halfway import STAY, halfway
from lived import contents, live

from banditcore.errors import InvalidInput, StoreCorrupt, StoreUnavailable
from banditcore.storage.backup import Backup, backup
from banditcore.storage.copying import EVENTS
from banditcore.storage.sqlite import DATABASE, SqliteStore
from banditcore_server.testing import ServerProcess

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "digits.toml"
_BACKUP = f"""
import sys, time
from pathlib import Path
from banditcore.storage.backup import backup

{STAY}
backup(Path(sys.argv[1]), Path(sys.argv[2]), progress=stay)
"""


def restored(written: Backup, directory: Path) -> Path:
    """The backup as the data directory that its reader is told to make of it."""
    directory.mkdir()
    shutil.copy(written.file, directory / DATABASE)
    return directory


def test_a_backup_has_everything_and_can_be_served(lived: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    written = backup(lived, tmp_path / "b.db", progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (written.size, written.size)
    directory = restored(written, tmp_path / "restored")
    assert contents(directory) == contents(lived)
    rows = contents(lived)
    assert (written.streams, written.events) == (len(rows["stream"]), sum(row[2] for row in rows["stream"]))
    live(directory)
    assert audited(directory).passed


def test_a_backup_of_an_open_store_leaves_it_as_it_is(lived: Path, tmp_path: Path) -> None:
    store = SqliteStore(lived)
    written = backup(lived, tmp_path / "b.db")
    store.write(lambda tx: tx.set_expired(1, b"\xff"), [1]).result()
    store.close()
    assert {path.name for path in tmp_path.iterdir()} == {"b.db", "lived"}
    assert contents(restored(written, tmp_path / "restored"))["stream"] != contents(lived)["stream"]


def test_backups_under_traffic_are_prefixes_of_the_log(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--apply", str(EXAMPLE)) as server:
        command = [sys.executable, "-m", "banditcore_simulations.traffic", "--target", server.target]
        with subprocess.Popen([*command, "--passes", "2"], stdout=subprocess.PIPE, text=True) as traffic:
            assert traffic.stdout is not None
            made = []
            for line in traffic.stdout:
                told = json.loads(line)
                if told["decisions"] and not told["done"] and len(made) < 5:
                    made.append(backup(server.data, tmp_path / f"{len(made)}.db"))
        assert traffic.returncode == 0
    final = contents(server.data)
    assert len(made) >= 3 and 0 < made[0].events < made[-1].events
    for number, written in enumerate(made):
        directory = restored(written, tmp_path / f"restored-{number}")
        found = audited(directory)
        assert found.passed, found.problems
        rows = contents(directory)
        ((_, _, last, *_),) = rows["stream"]
        assert sum(len(rows[table]) for table in EVENTS) == last == written.events
        for table, columns in EVENTS.items():
            position = columns.index("position")
            assert rows[table] == [row for row in final[table] if row[position] <= last]


def test_a_killed_backup_leaves_no_file_of_its_name_and_the_next_one_takes_over(lived: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.db"
    with (
        halfway(_BACKUP, str(lived), str(file)),
        pytest.raises(StoreUnavailable, match="another backup is writing"),
    ):
        backup(lived, file)
    assert not file.exists() and (tmp_path / "b.db.partial").stat().st_size > 0
    written = backup(lived, file)
    assert contents(restored(written, tmp_path / "restored")) == contents(lived)
    assert not (tmp_path / "b.db.partial").exists()


def test_a_failed_backup_leaves_nothing(lived: Path, tmp_path: Path) -> None:
    def fail(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(lived, tmp_path / "b.db", progress=fail)
    assert {path.name for path in tmp_path.iterdir()} == {"lived"}


def test_a_backup_of_damaged_data_is_not_kept(lived: Path, tmp_path: Path) -> None:
    path = lived / DATABASE
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2 // 4096 * 4096
    raw[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(raw)
    (tmp_path / "b.db").write_text("yesterday's")
    with pytest.raises(StoreCorrupt, match=r"is damaged .* nothing was written"):
        backup(lived, tmp_path / "b.db", force=True)
    assert (tmp_path / "b.db").read_text() == "yesterday's"
    assert not (tmp_path / "b.db.partial").exists()


def test_a_file_is_replaced_only_by_force(lived: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.db"
    file.write_text("something")
    with pytest.raises(InvalidInput, match="--force"):
        backup(lived, file)
    assert file.read_text() == "something"
    assert backup(lived, file, force=True).size == file.stat().st_size > 4096


def test_a_backup_is_as_private_as_the_store(lived: Path, tmp_path: Path) -> None:
    (lived / DATABASE).chmod(0o600)
    assert backup(lived, tmp_path / "b.db").file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent/b.db", "make it first"),
        ("lived", "is a directory"),
        (f"lived/{DATABASE}", "belongs to the store itself"),
        (f"lived/{DATABASE}-wal", "belongs to the store itself"),
    ],
)
def test_a_name_that_cannot_be_is_refused(lived: Path, tmp_path: Path, name: str, words: str) -> None:
    before = (lived / DATABASE).read_bytes()
    with pytest.raises(InvalidInput, match=words):
        backup(lived, tmp_path / name, force=True)
    assert (lived / DATABASE).read_bytes() == before


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="name the server's data directory"):
        backup(tmp_path, tmp_path / "b.db")
    with closing(apsw.Connection(str(tmp_path / DATABASE))) as other:
        other.execute("CREATE TABLE somebody (name TEXT)")
    with pytest.raises(StoreCorrupt, match="another program"):
        backup(tmp_path, tmp_path / "b.db")
    assert not os.path.exists(tmp_path / "b.db")
