"""kill -9 in the middle of real traffic, again and again: what was acknowledged is there, once, and adds up."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from banditcore.audit import audit
from banditcore.experiments import prior
from banditcore.learner import Fold, digest, unpack
from banditcore.recompute import live_versions
from banditcore.storage.base import Reader
from banditcore.storage.opening import open_log
from banditcore_server.testing import ServerProcess
from banditcore_simulations.datasets import digits
from banditcore_simulations.traffic import share

WORKERS = 4
KILLS = {("sqlite", True): 200, ("postgres", True): 50, ("sqlite", False): 6, ("postgres", False): 4}
VISITS_A_KILL = 700
"""More than a server answers between two kills: the traffic must outlast them."""
EXAMPLE = Path(__file__).parents[2] / "examples" / "digits.toml"


@dataclass(frozen=True)
class Crashed:
    """A store after the run, and every receipt that its clients got."""

    name: str
    secret: bytes
    reader: Reader
    receipts: list[dict[str, Any]]
    sent: set[str]
    kills: int


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def crashed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, full: bool) -> Iterator[Crashed]:
    folder = tmp_path_factory.mktemp("crash")
    location = str(folder / "data")
    if request.param == "postgres":
        location = request.getfixturevalue("database").new()
    kills = KILLS[request.param, full]
    passes = max(1, kills * VISITS_A_KILL // 1_797)
    receipts = _traffic_under_kills(location, folder, kills, passes)
    log = open_log(location)
    with log.read() as reader:
        sent = {unit for unit, _ in share(digits(), passes=passes, worker=0, workers=1, seed=0)}
        yield Crashed(request.param, log.secret, reader, receipts, sent, kills)
    log.close()


def _traffic_under_kills(location: str, folder: Path, kills: int, passes: int) -> list[dict[str, Any]]:
    # An hour, so that no reward is too late because its server was away.
    definition = folder / "digits.toml"
    definition.write_text(EXAMPLE.read_text().replace('window = "5s"', 'window = "1h"'))
    server = _serve(location, folder, "--apply", str(definition))
    clients = [_client(server.target, worker, folder, passes) for worker in range(WORKERS)]
    chance = random.Random(11)
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.05, 0.4))
            server.kill()
            assert all(client.poll() is None for client in clients), "the traffic must outlast the kills"
            server = _serve(location, folder, listen=server.target)
        for client in clients:
            assert client.wait(300) == 0
        assert server.stop() == 0
    finally:
        for client in clients:
            client.kill()
            client.wait()
        server.kill()
    return [json.loads(line) for path in folder.glob("receipts-*") for line in path.read_text().splitlines()]


def _serve(location: str, folder: Path, *options: str, listen: str = "127.0.0.1:0") -> ServerProcess:
    return ServerProcess(location, *options, listen=listen, log=folder / "server.log")


def _client(target: str, worker: int, folder: Path, passes: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "banditcore_simulations.traffic", "--target", target, "--in-flight", "16"]
    command += ["--worker", str(worker), "--workers", str(WORKERS), "--passes", str(passes)]
    command += ["--receipts", str(folder / f"receipts-{worker}")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def test_every_acknowledged_decision_is_there_once(crashed: Crashed, note: Callable[[str, str], None]) -> None:
    acknowledged = {line["decision"]: line for line in crashed.receipts if "decision" in line}
    stored = {row.id.hex(): row for row in crashed.reader.decisions_to_audit(1)}
    keys = [arm.key for arm in live_versions(crashed.reader, "digits")[-1].arms]
    assert len(acknowledged) > 100 * crashed.kills
    for decision, receipt in acknowledged.items():
        assert stored[decision].unit == receipt["unit"]
        assert keys[stored[decision].arm] == receipt["variant"]
    note(f"P1 {crashed.name}: acknowledged decisions lost in {crashed.kills} kills", f"0 of {len(acknowledged)}")


def test_nothing_is_there_that_was_not_sent_and_nothing_twice(crashed: Crashed) -> None:
    stored = Counter(row.unit for row in crashed.reader.decisions_to_audit(1))
    assert set(stored) == crashed.sent
    # A retry after a lost reply carries its request id, so no customer was decided for twice.
    assert set(stored.values()) == {1}


def test_every_acknowledged_reward_is_there_once(crashed: Crashed, note: Callable[[str, str], None]) -> None:
    acknowledged = {bytes.fromhex(line["reward"]): line["value"] for line in crashed.receipts if "reward" in line}
    assert len(acknowledged) > 100 * crashed.kills
    stored = crashed.reader.rewards(1, list(acknowledged))
    assert len(stored) == len(acknowledged)
    assert {row.decision: row.value for row in stored} == acknowledged
    note(f"P1 {crashed.name}: acknowledged rewards lost in {crashed.kills} kills", f"0 of {len(acknowledged)}")


def test_the_audit_passes(crashed: Crashed, note: Callable[[str, str], None]) -> None:
    found = audit(crashed.reader, crashed.secret)
    assert found.passed, found.problems
    assert found.identical == found.decisions == len(crashed.sent)
    note(f"P3 {crashed.name}: decisions recomputed equal to the last bit", f"{found.identical} of {found.decisions}")


def test_the_model_is_byte_equal_to_a_fresh_fold(crashed: Crashed) -> None:
    live = live_versions(crashed.reader, "digits")[-1]
    fresh = Fold(prior(live))
    while fresh.read(crashed.reader, live.stream):
        pass
    saved = crashed.reader.snapshots(live.stream)[-1]
    assert saved.position == fresh.position
    assert digest(unpack(saved)) == digest(fresh.policy.state())
