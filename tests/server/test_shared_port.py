"""`banditcore serve --workers 2` on PostgreSQL: two processes, one port, one log."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audits import audited

from banditcore.client import Client
from banditcore_server.testing import ServerProcess
from tests.server.conftest import SHOP
from tests.server.test_metrics import scrape

LIMIT_S = 30.0
CONTEXT = {"age": 30.0, "country": "DE", "member": True}


def two_free_ports() -> int:
    """The first of two neighbours that nobody uses."""
    while True:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.fixture
def workers(postgres_url: str, tmp_path: Path) -> Iterator[tuple[ServerProcess, list[str]]]:
    """The supervisor, and where each worker has its metrics."""
    port = two_free_ports()
    options = ("--apply", str(SHOP), "--workers", "2", "--metrics", f"127.0.0.1:{port}")
    with ServerProcess(postgres_url, *options, log=tmp_path / "server.log") as running:
        yield running, [f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"]


def decided(metrics: str) -> float:
    return scrape(metrics).get(("banditcore_calls_total", ("OK", "Decide")), 0.0)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def visit(target: str, number: int) -> None:
    """One customer on a connection of its own, which the system gives to either worker."""
    with Client(target, timeout_s=LIMIT_S) as client:
        decision = client.decide("shop", f"customer-{number}", CONTEXT, request_id=f"visit-{number}")
        assert not decision.degraded
        client.record_reward(decision.id, "click", 1.0)


def test_both_serve_and_learn_from_one_log(workers: tuple[ServerProcess, list[str]]) -> None:
    server, metrics = workers
    for number in range(40):
        visit(server.target, number)
    counts = [decided(address) for address in metrics]
    assert sum(counts) == 40
    assert min(counts) > 0, "the system spreads connections over both"

    def positions() -> set[float]:
        return {scrape(address)["banditcore_model_position", ("shop",)] for address in metrics}

    until(lambda: len(positions()) == 1 and positions() != {0.0})
    assert server.stop() == 0
    found = audited(server.location)
    assert found.passed, found.problems
    assert found.identical == 40


def test_one_is_killed_and_the_other_goes_on(workers: tuple[ServerProcess, list[str]]) -> None:
    server, _ = workers
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    assert len(children) == 2
    for number, pid in enumerate(children):
        os.kill(int(pid), signal.SIGKILL)
        for n in range(10):
            visit(server.target, 100 * number + n)
        until(lambda: len(_entries(server, "a worker ended")) > number)  # noqa: B023
        until(lambda: len(_entries(server, "serving")) > 3 + number)  # noqa: B023
    assert server.stop() == 0
    found = audited(server.location)
    assert found.passed, found.problems
    assert found.decisions == 20


def _entries(server: ServerProcess, event: str) -> list[dict[str, object]]:
    lines = server.log.read_text().splitlines()
    return [entry for line in lines if line.startswith("{") and (entry := json.loads(line))["event"] == event]
