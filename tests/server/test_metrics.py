"""Metrics as Prometheus reads them, from a real server: each moves with what it stands for."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from banditcore.client import Client
from banditcore.errors import InvalidInput, NotFound
from banditcore.types import Group
from banditcore_server.calls import BOUNDS_S, Calls
from banditcore_server.testing import ServerProcess
from tests.server.test_lifecycle import start_in_vain

Samples = dict[tuple[str, tuple[str, ...]], float]


def scrape(address: str) -> Samples:
    """(name, label values in the order of the labels' names) -> value."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metrics_of(server: ServerProcess) -> str:
    entries = [json.loads(line) for line in server.log.read_text().splitlines()]
    return next(entry["metrics"] for entry in entries if entry["event"] == "serving")


def when(address: str, holds: Callable[[Samples], bool]) -> Samples:
    """The first scrape of which it holds; what goes on in the background takes its time."""
    for _ in range(2_000):
        if holds(samples := scrape(address)):
            return samples
    raise AssertionError(samples)


@pytest.fixture
def server(tmp_path: Path, shop: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", "--metrics", "127.0.0.1:0", "--apply", str(shop)) as running:
        yield running


def test_calls_are_counted_by_code_and_timed(server: ServerProcess) -> None:
    address = metrics_of(server)
    assert not any(name.startswith("banditcore_call") for name, _ in scrape(address))
    with Client(server.target) as client:
        for number in range(5):
            client.decide("shop", f"unit-{number}")
        with pytest.raises(NotFound):
            client.decide("nowhere", "ann")
        with pytest.raises(InvalidInput):
            client.decide("shop", "ann", {"age": "old"})
        client.list()
    found = scrape(address)
    assert found["banditcore_calls_total", ("OK", "Decide")] == 5
    assert found["banditcore_calls_total", ("NOT_FOUND", "Decide")] == 1
    assert found["banditcore_calls_total", ("INVALID_ARGUMENT", "Decide")] == 1
    assert found["banditcore_calls_total", ("OK", "List")] == 1
    assert found["banditcore_call_seconds_count", ("Decide",)] == 7
    assert found["banditcore_call_seconds_bucket", ("+Inf", "Decide")] == 7
    assert 0 < found["banditcore_call_seconds_sum", ("Decide",)] < 7 * 20


def test_open_decisions_and_the_model_move(server: ServerProcess) -> None:
    address = metrics_of(server)
    open_, position = ("banditcore_open_decisions", ("shop",)), ("banditcore_model_position", ("shop",))
    lag_events, lag_s = ("banditcore_fold_lag_events", ("shop",)), ("banditcore_fold_lag_seconds", ("shop",))
    before = scrape(address)
    assert [before[name] for name in (open_, position, lag_events, lag_s)] == [0, 0, 0, 0]
    assert before["banditcore_degraded_decisions_total", ("shop",)] == 0
    with Client(server.target) as client:
        made = [client.decide("shop", f"unit-{number}") for number in range(40)]
        taught = [decision for decision in made if decision.group is Group.POLICY]
        assert scrape(address)[open_] == len(taught) > 20
        for decision in taught[:-3]:
            client.record_reward(decision.id, "click", 1.0)
        assert scrape(address)[open_] == 3
    after = when(address, lambda found: found[lag_events] == 0)
    assert after[lag_s] == 0
    assert after[position] == len(made) + 2 * len(taught[:-3]), "decisions, and for each reward its resolution"


def test_the_store_and_the_process(server: ServerProcess) -> None:
    found = scrape(metrics_of(server))
    assert found["banditcore_store_up", ()] == 1
    assert found["banditcore_store_free_bytes", ()] > 0
    assert found["banditcore_store_wal_bytes", ()] == (server.data / "banditcore.db-wal").stat().st_size > 0
    assert found["banditcore_store_checkpoint_age_seconds", ()] > 0
    assert abs(found["banditcore_clock_drift_seconds", ()]) < 60
    assert found["process_resident_memory_bytes", ()] > 2**20
    assert found["process_open_fds", ()] > 3


def test_none_are_served_unless_asked_for(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert metrics_of(server) == ""
        assert listening(server.process.pid) == 1
        with ServerProcess(tmp_path / "other", "--metrics", "127.0.0.1:0") as other:
            assert listening(other.process.pid) == 2


def listening(pid: int) -> int:
    """Sockets of the process that take connections."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    tables = [Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    rows = [row.split() for table in tables for row in table]
    return sum(row[3] == "0A" and row[9] in inodes for row in rows)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("9437", "--metrics '9437' is no HOST:PORT, such as 127.0.0.1:9437"),
        ("0.0.0.0:9437", "--metrics 0.0.0.0:9437 would serve everyone"),
    ],
)
def test_an_address_that_cannot_be(tmp_path: Path, address: str, words: str) -> None:
    assert words in start_in_vain("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--metrics", address)
    assert not (tmp_path / "data").exists()


def test_an_address_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        line = start_in_vain("--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--metrics", address)
        assert f"cannot listen on {address}: address already in use" in line
    assert not (tmp_path / "data").exists()


def test_the_buckets_add_up() -> None:
    calls = Calls()
    for seconds in (0.0004, 0.0005, 0.0006, 0.02, 99.0):
        calls.record("Decide", "OK", seconds)
    buckets, seconds = calls.times()["Decide"]
    assert dict(zip((*BOUNDS_S, "beyond"), buckets, strict=True)) == {
        **dict.fromkeys(BOUNDS_S, 4),
        0.0005: 2,
        0.001: 3,
        0.0025: 3,
        0.005: 3,
        0.01: 3,
        "beyond": 5,
    }
    assert seconds == pytest.approx(99.0215)
    assert calls.codes() == {("Decide", "OK"): 5}
