"""kill -9 in the middle of real traffic, again and again: what was acknowledged is there, once, and adds up."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from banditcore.audit import audit
from banditcore.experiments import prior
from banditcore.learner import Fold, digest, unpack
from banditcore.recompute import live_versions
from banditcore.storage.base import Reader
from banditcore.storage.sqlite import SqliteLog
from banditcore_server.testing import ServerProcess
from banditcore_simulations.traffic import share
from banditcore_simulations.worlds import digits

KILLS = 20
WORKERS = 2
PASSES = 2
EXAMPLE = Path(__file__).parent.parent / "examples" / "digits.toml"


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The data directory after the run, and every receipt its clients got."""
    folder = tmp_path_factory.mktemp("crash")
    # An hour, so that no reward is too late because its server was away.
    definition = folder / "digits.toml"
    definition.write_text(EXAMPLE.read_text().replace('window = "5s"', 'window = "1h"'))
    data = folder / "data"
    server = ServerProcess(data, "--apply", str(definition))
    clients = [_client(server.target, worker, folder) for worker in range(WORKERS)]
    chance = random.Random(11)
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.4))
            server.kill()
            assert all(client.poll() is None for client in clients), "the traffic must outlast the kills"
            server = ServerProcess(data, listen=server.target)
        for client in clients:
            assert client.wait(120) == 0
        assert server.stop() == 0
    finally:
        for client in clients:
            client.kill()
            client.wait()
        server.kill()
    receipts = [json.loads(line) for path in folder.glob("receipts-*") for line in path.read_text().splitlines()]
    return data, receipts


def _client(target: str, worker: int, folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "banditcore_simulations.traffic", "--target", target, "--in-flight", "16"]
    command += ["--worker", str(worker), "--workers", str(WORKERS), "--passes", str(PASSES)]
    command += ["--receipts", str(folder / f"receipts-{worker}")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def reader(crashed: tuple[Path, list[dict[str, Any]]]) -> Any:
    log = SqliteLog(crashed[0])
    with log.read() as reader:
        yield reader
    log.close()


def test_every_acknowledged_decision_is_there_once(crashed: tuple[Path, list[dict[str, Any]]], reader: Reader) -> None:
    acknowledged = {line["decision"]: line for line in crashed[1] if "decision" in line}
    stored = {row.id.hex(): row for row in reader.decisions_to_audit(1)}
    keys = [arm.key for arm in live_versions(reader, "digits")[-1].arms]
    assert len(acknowledged) > 3_000
    for decision, receipt in acknowledged.items():
        assert stored[decision].unit == receipt["unit"]
        assert keys[stored[decision].arm] == receipt["variant"]


def test_nothing_is_there_that_was_not_sent_and_nothing_twice(reader: Reader) -> None:
    sent = {unit for unit, _ in share(digits(), passes=PASSES, worker=0, workers=1, seed=0)}
    stored = Counter(row.unit for row in reader.decisions_to_audit(1))
    assert set(stored) == sent
    # A retry after a lost reply carries its request id, so no customer was decided for twice.
    assert set(stored.values()) == {1}


def test_every_acknowledged_reward_is_there_once(crashed: tuple[Path, list[dict[str, Any]]], reader: Reader) -> None:
    acknowledged = {line["reward"]: line["value"] for line in crashed[1] if "reward" in line}
    assert len(acknowledged) > 3_000
    for decision, value in acknowledged.items():
        assert [reward.value for reward in reader.rewards(1, [bytes.fromhex(decision)])] == [value]


def test_the_audit_passes(crashed: tuple[Path, list[dict[str, Any]]], reader: Reader) -> None:
    log = SqliteLog(crashed[0])
    found = audit(reader, log.secret)
    log.close()
    assert found.passed, found.problems
    assert found.identical == found.decisions > 3_000


def test_the_model_is_byte_equal_to_a_fresh_fold(reader: Reader) -> None:
    live = live_versions(reader, "digits")[-1]
    fresh = Fold(prior(live))
    while fresh.read(reader, live.stream):
        pass
    saved = reader.snapshots(live.stream)[-1]
    assert saved.position == fresh.position
    assert digest(unpack(saved)) == digest(fresh.policy.state())
