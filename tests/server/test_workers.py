"""The supervisor of `banditcore serve --workers`: one port, workers that come back, and none that outlives it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from banditcore.client import Client
from banditcore.errors import StoreLocked
from banditcore.storage.lock import DirectoryLock
from banditcore.storage.opening import shown
from banditcore_server.addresses import Address, CannotListen, check_free, reserve
from banditcore_server.settings import Settings
from banditcore_server.testing import ServerProcess
from banditcore_server.workers import _command
from tests.server.conftest import SHOP
from tests.server.test_lifecycle import start_in_vain
from tests.server.test_metrics import scrape

# A directory has room for one worker, so this is what can be supervised on it; `serve` refuses more by itself.
SUPERVISE = """
import json, sys, time
from pathlib import Path
from banditcore_server import logs
from banditcore_server.settings import Settings
from banditcore_server.workers import Supervisor
options = json.loads(sys.argv[1])
workers, apply = options.pop("workers"), tuple(map(Path, options.pop("apply")))
logs.configure("info")
sys.exit(Supervisor(Settings(apply=apply, **options), workers).run(time.monotonic()))
"""
LIMIT_S = 30.0


def supervise(data: Path, **options: Any) -> list[str]:
    given = {"data": str(data), "listen": "127.0.0.1:0", "workers": 1, "apply": [str(SHOP)], **options}
    return [sys.executable, "-c", SUPERVISE, json.dumps(given)]


class Supervised:
    """A supervisor as a process of its own; ready when the constructor returns."""

    def __init__(self, data: Path, **options: Any) -> None:
        self.log = data.with_name(f"{data.name}.log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(supervise(data, **options), stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        found = re.search(r"serves on (\S+)", self.line)
        assert found, (self.process.wait(LIMIT_S), self.log.read_text())
        self.target = found[1]

    def worker(self) -> int:
        """Process id of the one worker."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        (pid,) = map(int, pids)
        return pid

    def entries(self, event: str) -> list[dict[str, Any]]:
        """What was logged under that name so far."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in entries if entry["event"] == event]

    def await_entries(self, event: str, count: int) -> list[dict[str, Any]]:
        end = time.monotonic() + LIMIT_S
        while len(found := self.entries(event)) < count:
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LIMIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    with Supervised(tmp_path / "data") as running:
        yield running


def await_end(pid: int) -> None:
    end = time.monotonic() + LIMIT_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end, f"process {pid} is still there"
        time.sleep(0.02)


def test_a_directory_has_one_server_process(tmp_path: Path) -> None:
    line = start_in_vain("--data", str(tmp_path / "data"), "--workers", "4")
    assert line == (
        "banditcore serve: --workers 4 needs PostgreSQL, since an SQLite directory has exactly one server process:"
        ' copy the store with "banditcore store copy" and serve with --data postgresql://..., or leave --workers out'
    )
    assert not (tmp_path / "data").exists()


def test_it_says_what_it_serves_once_all_do(supervised: Supervised, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert re.fullmatch(
        rf"banditcore serves on {supervised.target} \(1 worker, data in {data}, ready in [\d.]+ s\)\n", supervised.line
    )
    with Client(supervised.target) as client:
        assert {experiment.spec.name for experiment in client.list()} >= {"shop", "pixels"}
    assert {entry.get("worker") for entry in supervised.entries("serving")} == {0, None}


def test_a_worker_that_is_killed_comes_back_on_the_same_port(supervised: Supervised) -> None:
    first = supervised.worker()
    with Client(supervised.target, timeout_s=LIMIT_S) as client:
        decision = client.decide("shop", "ann", request_id="once")
        os.kill(first, signal.SIGKILL)
        (ended,) = supervised.await_entries("a worker ended", 1)
        assert (ended["worker"], ended["exit_code"]) == (0, -signal.SIGKILL)
        supervised.await_entries("a worker serves again", 1)
        assert supervised.worker() != first
        again = client.decide("shop", "ann", request_id="once")
        assert again.duplicate and again.id == decision.id
    assert supervised.process.poll() is None


def test_one_that_dies_at_once_is_given_more_and_more_time(supervised: Supervised, tmp_path: Path) -> None:
    os.kill(supervised.worker(), signal.SIGKILL)
    lock = DirectoryLock(tmp_path / "data")
    end = time.monotonic() + LIMIT_S
    while True:
        with suppress(StoreLocked):
            lock.acquire()
            break
        assert time.monotonic() < end
    ended = supervised.await_entries("a worker ended", 4)
    assert [entry["pause_s"] for entry in ended[:4]] == [0.1, 0.2, 0.4, 0.8]
    assert [entry["exit_code"] for entry in ended[1:4]] == [2, 2, 2]
    lock.release()
    supervised.await_entries("a worker serves again", 1)
    with Client(supervised.target) as client:
        assert client.list()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_them_all(supervised: Supervised, number: int) -> None:
    worker = supervised.worker()
    supervised.process.send_signal(number)
    assert supervised.process.wait(LIMIT_S) == 0
    assert not Path(f"/proc/{worker}").exists(), "it waits for its workers"
    assert "Traceback" not in supervised.log.read_text()
    assert [entry.get("worker") for entry in supervised.entries("stopped")] == [0]
    host, _, port = supervised.target.rpartition(":")
    check_free(Address(host, int(port)))


def test_workers_do_not_outlive_a_supervisor_that_is_killed(supervised: Supervised, tmp_path: Path) -> None:
    worker = supervised.worker()
    supervised.process.kill()
    supervised.process.wait(LIMIT_S)
    await_end(worker)
    assert "Traceback" not in supervised.log.read_text()
    assert [entry.get("worker") for entry in supervised.entries("stopped")] == [0], "it drained and closed its store"
    with ServerProcess(tmp_path / "data", listen=supervised.target) as server, Client(server.target) as client:
        assert client.list()


def test_the_port_is_theirs(supervised: Supervised, tmp_path: Path) -> None:
    line = start_in_vain("--data", str(tmp_path / "other"), "--listen", supervised.target)
    assert f"cannot listen on {supervised.target}: address already in use" in line
    assert f"cannot listen on {supervised.target}" in refused(tmp_path / "other", listen=supervised.target)
    assert not (tmp_path / "other").exists()


def refused(data: Path, **options: Any) -> str:
    """What a supervisor says that could not start."""
    result = subprocess.run(supervise(data, **options), capture_output=True, text=True, timeout=LIMIT_S)
    assert result.returncode != 0 and result.stdout == ""
    return result.stderr


def test_what_keeps_the_first_worker_from_serving_is_told_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(SHOP.read_text().replace("holdout = 0.1", "holdout = 1.2"))
    said = refused(tmp_path / "data", apply=[str(broken)])
    assert said.startswith("banditcore serve: ") and said.count("\n") == 1
    assert "experiments.shop.holdout" in said


def test_when_one_cannot_start_the_others_are_stopped(tmp_path: Path) -> None:
    result = subprocess.run(supervise(tmp_path / "data", workers=3), capture_output=True, text=True, timeout=LIMIT_S)
    assert (result.returncode, result.stdout) == (2, "")
    said = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 2, "by the second and the third, which find the first in the directory"
    assert all(f"{tmp_path / 'data'} is in use by process" in line for line in said)
    logged = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert [entry["worker"] for entry in logged if entry["event"] == "stopped"] == [0]
    lock = DirectoryLock(tmp_path / "data")
    lock.acquire()
    lock.release()


def test_each_worker_has_metrics_of_its_own(tmp_path: Path) -> None:
    with Supervised(tmp_path / "data", metrics="127.0.0.1:0") as running:
        found = re.search(r"metrics on (\S+),", running.line)
        assert found and scrape(found[1])["banditcore_store_up", ()] == 1
    settings = Settings(data="data", listen="127.0.0.1:7437", metrics="127.0.0.1:9437")
    assert "--metrics=127.0.0.1:9440" in _command(settings, 3)
    assert "--metrics=" in _command(Settings(data="data", listen="127.0.0.1:7437"), 3)
    assert "leaves no ports for 2 workers" in refused(tmp_path / "data", workers=2, metrics="127.0.0.1:65535")


def test_the_supervisor_knows_nothing_of_grpc() -> None:
    script = "import sys, banditcore_server.workers; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=LIMIT_S).returncode == 0


def test_a_reserved_port_can_be_shared_by_those_who_say_so_only() -> None:
    held, address = reserve(Address("127.0.0.1", 0))
    with closing(held):
        assert address.port > 0
        with socket.create_server(address, reuse_port=True), socket.create_server(address, reuse_port=True):
            with pytest.raises(CannotListen, match="already in use; stop the other program"):
                check_free(address)
            with pytest.raises(CannotListen, match="already in use"):
                reserve(address)
            with pytest.raises(OSError):
                socket.create_server(address)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("shop-data", "shop-data"),
        ("postgresql://ann:secret@db:5432/shop?sslmode=require", "postgresql://ann@db:5432/shop?sslmode=require"),
        ("postgres://ann@db/shop", "postgresql://ann@db/shop"),
        ("postgresql:///shop?host=/run&password=secret", "postgresql:///shop?host=/run"),
        ("postgresql://ann:p%40ss:wo@rd@[::1]:5432/shop", "postgresql://ann@[::1]:5432/shop"),
    ],
)
def test_no_password_is_printed(location: str, text: str) -> None:
    assert shown(location) == text
