"""`banditcore store` as its users run it: what it prints, and how it fails."""

import json
import os
import pty
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from banditcore.storage.sqlite import DATABASE
from banditcore_server.testing import ServerProcess

COMMAND = Path(sysconfig.get_path("scripts")) / "banditcore"
SHOP = Path(__file__).parent.parent / "examples" / "shop.toml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("store") / "data", "--apply", str(SHOP)) as server:
        assert banditcore("decide", "shop", "ann", "--server", server.target).returncode == 0
        yield server


@pytest.fixture
def stopped(server: ServerProcess, tmp_path: Path) -> Path:
    """A data directory that no server has."""
    directory = tmp_path / "stopped"
    directory.mkdir()
    printed("store", "backup", str(server.data), str(directory / DATABASE))
    return directory


def banditcore(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(COMMAND), *arguments], capture_output=True, text=True, timeout=60)


def printed(*arguments: str) -> str:
    result = banditcore(*arguments)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "progress is for terminals"
    return result.stdout


def refused(words: str, *arguments: str) -> None:
    result = banditcore(*arguments)
    assert result.returncode == 2, result
    assert words in result.stderr
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_a_check_beside_the_running_server(server: ServerProcess) -> None:
    assert "passed: streams 1, dense; decisions 1, every id genuine" in printed("store", "check", str(server.data))
    found = json.loads(printed("store", "check", str(server.data), "--json"))
    assert (found["passed"], found["decisions"], found["problems"]) == (True, 1, [])


def test_a_failed_check_says_what_is_wrong(stopped: Path) -> None:
    connection = apsw.Connection(str(stopped / DATABASE))
    connection.execute("UPDATE stream SET position = 7")
    connection.close()
    result = banditcore("store", "check", str(stopped))
    assert result.returncode == 1
    assert result.stdout.splitlines()[0].endswith("not 1, 2, 3..")
    assert result.stdout.splitlines()[-1] == "FAILED: 1 problem"
    as_json = banditcore("store", "check", str(stopped), "--json")
    assert as_json.returncode == 1 and json.loads(as_json.stdout)["found"] == 1


def test_a_damaged_file_is_a_failed_check(stopped: Path) -> None:
    path = stopped / DATABASE
    raw = path.read_bytes()
    path.write_bytes(raw[:8192] + b"\xa5" * 4096 + raw[12288:])
    result = banditcore("store", "check", str(stopped))
    assert result.returncode == 1
    assert "is damaged" in result.stdout and "FAILED: 1 problem" in result.stdout
    copy = banditcore("store", "backup", str(stopped), str(stopped / "b.db"))
    assert (copy.returncode, copy.stderr.count("\n")) == (1, 1)
    assert "is damaged" in copy.stderr and not (stopped / "b.db").exists()


def test_a_backup_says_how_to_serve_it(server: ServerProcess, tmp_path: Path) -> None:
    said = printed("store", "backup", str(server.data), str(tmp_path / "b.db"))
    assert "put it into an empty directory as banditcore.db" in said
    refused("--force", "store", "backup", str(server.data), str(tmp_path / "b.db"))
    again = json.loads(printed("store", "backup", str(server.data), str(tmp_path / "b.db"), "--force", "--json"))
    assert again["bytes"] == (tmp_path / "b.db").stat().st_size
    directory = tmp_path / "restored"
    directory.mkdir()
    shutil.copy(tmp_path / "b.db", directory / "banditcore.db")
    with ServerProcess(directory) as restored:
        assert banditcore("decide", "shop", "bob", "--server", restored.target).returncode == 0
    assert "passed: 2 of 2 decisions" in printed("audit", "--data", str(directory))


def test_a_copy_into_postgresql_and_back(server: ServerProcess, postgres_url: str, tmp_path: Path) -> None:
    source = str(server.data)
    assert json.loads(printed("store", "copy", source, postgres_url, "--json"))["decisions"] == 1
    assert "decisions 0" in printed("store", "copy", source, postgres_url)
    assert "passed" in printed("store", "check", postgres_url)
    assert "passed" in printed("audit", "--data", postgres_url)
    assert "decisions 1" in printed("store", "copy", postgres_url, str(tmp_path / "back"))
    assert "passed" in printed("audit", "--data", str(tmp_path / "back"))


def test_bad_input_is_one_line_and_exit_2(server: ServerProcess, stopped: Path, tmp_path: Path) -> None:
    data, absent = str(server.data), str(tmp_path / "absent")
    nowhere = "postgresql://ann:secret@127.0.0.1:1/shop"
    refused("holds no banditcore.db", "store", "check", absent)
    refused("postgresql://ann@127.0.0.1:1/shop failed", "store", "check", nowhere)
    refused("holds no banditcore.db", "store", "backup", absent, str(tmp_path / "b.db"))
    refused("pg_dump --format=custom --file=b.db", "store", "backup", nowhere, "b.db")
    refused("holds no banditcore.db", "store", "copy", absent, str(tmp_path / "new"))
    refused("are the same", "store", "copy", data, data)
    refused("is in use by process", "store", "copy", str(stopped), data)
    refused("postgresql://ann@127.0.0.1:1/shop failed", "store", "copy", data, nowhere)
    assert not Path(absent).exists() and not (tmp_path / "new").exists()


def test_progress_on_a_terminal(server: ServerProcess, tmp_path: Path) -> None:
    data = str(server.data)
    assert "1 of 1 ids" in _on_a_terminal("store", "check", data)
    assert "1 of 1 events" in _on_a_terminal("store", "copy", data, str(tmp_path / "copy"))
    assert " kB" in _on_a_terminal("store", "backup", data, str(tmp_path / "b.db"))


def _on_a_terminal(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen(
        [str(COMMAND), *arguments], stderr=theirs, stdout=subprocess.PIPE, env=environment
    ) as process:
        os.close(theirs)
        seen = b""
        while chunk := _read(ours):
            seen += chunk
    os.close(ours)
    assert process.returncode == 0
    return seen.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        # The other end of a terminal that was closed.
        return b""
