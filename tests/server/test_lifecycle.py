"""Start, refusal to start, and shutdown of the real server process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from banditcore.client import CallFailed, Client
from banditcore.v1 import decision_service_pb2 as pb
from banditcore_server.testing import ServerProcess
from tests.server.conftest import SHOP, Wire


def start_in_vain(*options: str) -> str:
    """Runs a server that must refuse to start: exit 2, one line on stderr, which is returned."""
    result = subprocess.run(
        [sys.executable, "-m", "banditcore_server", *options], capture_output=True, text=True, timeout=30
    )
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("banditcore serve: ")
    return lines[0]


def test_a_second_server_on_the_same_directory(tmp_path):
    with ServerProcess(tmp_path / "data", "--apply", str(SHOP)) as server:
        before = Wire(server).counts()
        line = start_in_vain("--data", str(server.data), "--listen", "127.0.0.1:0")
        assert str(server.data) in line
        assert str(server.process.pid) in line
        assert Wire(server).counts() == before


def test_a_port_in_use(wire, tmp_path):
    line = start_in_vain("--data", str(tmp_path / "data"), "--listen", wire.server.target)
    assert wire.server.target in line
    assert "already in use" in line
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_by_another_program(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert "in use" in start_in_vain("--data", str(tmp_path / "data"), "--listen", address)


@pytest.mark.parametrize("address", ["0.0.0.0:7437", "[::]:7437", "example.com:7437"])
def test_other_addresses_than_loopback_need_a_word_of_consent(tmp_path, address):
    assert "--insecure-listen" in start_in_vain("--data", str(tmp_path / "data"), "--listen", address)
    assert not (tmp_path / "data").exists()


def test_with_consent_it_serves_everyone_and_warns(tmp_path):
    with ServerProcess(tmp_path / "data", "--insecure-listen", listen="0.0.0.0:0") as server:
        port = server.target.rpartition(":")[2]
        with Client(f"127.0.0.1:{port}") as client:
            assert client.list() == []
        assert "without encryption" in server.log.read_text()


@pytest.mark.parametrize("address", ["", "7437", "localhost:", "localhost:http", "127.0.0.1:99999"])
def test_an_address_that_is_none(tmp_path, address):
    assert "HOST:PORT" in start_in_vain("--data", str(tmp_path / "data"), "--listen", address)


def test_a_mistake_in_an_applied_file_names_the_field(tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text(SHOP.read_text().replace("holdout = 0.1", "holdout = 1.2"))
    options = ("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--apply", str(SHOP))
    assert "experiments.shop.holdout" in start_in_vain(*options, "--apply", str(broken))
    assert not (tmp_path / "data").exists()
    assert "no-such.toml" in start_in_vain(*options, "--apply", "no-such.toml")


def test_a_corrupted_database(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "banditcore.db").write_bytes(os.urandom(8192))
    line = start_in_vain("--data", str(data), "--listen", "127.0.0.1:0")
    assert "banditcore.db" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_the_port_is_free_again(tmp_path, number):
    server = ServerProcess(tmp_path / "data")
    server.process.send_signal(number)
    assert server.process.wait(15) == 0
    assert "Traceback" not in server.log.read_text()
    with ServerProcess(tmp_path / "data", listen=server.target) as again:
        assert again.target == server.target
    assert again.process.returncode == 0


def test_calls_in_flight_at_sigterm_are_answered_and_kept(tmp_path):
    """Twelve batches are on their way when the signal comes: all are answered, and all are in the log."""
    request = pb.BatchDecideRequest(experiment="shop")
    request.columns.units.extend(f"u{i}" for i in range(5_000))
    request.columns.contexts = np.zeros((5_000, 9)).tobytes()
    with ServerProcess(tmp_path / "data", "--apply", str(SHOP)) as server:
        wire = Wire(server)
        grpc.channel_ready_future(wire.channel).result(5)
        calls = [wire.decisions.BatchDecide.future(request, timeout=20) for _ in range(12)]
        calls[0].result()
        assert server.stop() == 0
        assert all(len(call.result().columns.arms) == 4 * 5_000 for call in calls)
        assert wire.counts()["decision"] == 12 * 5_000
        wire.channel.close()


def test_under_load_a_stop_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged: list[str] = []
    stopping = threading.Event()

    def load(client: Client, worker: int) -> None:
        for i in range(100_000):
            try:
                acknowledged.append(client.decide("shop", f"{worker}-{i}").id)
            except CallFailed:
                assert stopping.is_set()
                return

    with ServerProcess(tmp_path / "data", "--apply", str(SHOP)) as server, Client(server.target) as client:
        with ThreadPoolExecutor(8) as pool:
            workers = [pool.submit(load, client, worker) for worker in range(8)]
            while len(acknowledged) < 300:
                stopping.wait(0.01)
            stopping.set()
            assert server.stop() == 0
            for worker in workers:
                worker.result()
        assert Wire(server).counts()["decision"] >= len(acknowledged)
    with ServerProcess(tmp_path / "data") as server, Client(server.target, batch_timeout_s=10) as client:
        assert client.explain(acknowledged[-1]).recomputed
        assert Path(server.data / "banditcore.db").exists()
