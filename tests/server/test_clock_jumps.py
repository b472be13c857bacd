"""A real server whose wall clock is set ahead and back while it runs: nobody notices but the operator.

libfaketime stands between the server and the clock on the wall, and leaves the monotonic clock alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import apsw
import pytest

from banditcore.assignment import id_milliseconds
from banditcore.audit import audit
from banditcore.client import Client
from banditcore.client.answers import Answer
from banditcore.errors import NotAllowedNow
from banditcore.storage.base import ResolutionKind
from banditcore.storage.sqlite import DATABASE, SqliteLog
from banditcore.types import Group
from banditcore_server.testing import ServerProcess

HOUR_S = 3600
LIMIT_S = 30.0
DEFINITION = """
[experiments.{name}]
control = "a"
holdout = 0.1
variants = ["a", "b"]
policy = {{ name = "beta_ts" }}
goals = [{{ name = "hit", window = "{window}" }}]
"""


class FakedServer:
    """A server whose wall clock can be set by so many seconds from the true time."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self.set_wall(0)
        definition = folder / "windows.toml"
        definition.write_text(
            DEFINITION.format(name="long", window="30m") + DEFINITION.format(name="short", window="2s")
        )
        self.server = ServerProcess(folder / "data", "--apply", str(definition), wrapper=self._wrapper())

    def _wrapper(self) -> list[str]:
        spec = find_spec("libfaketime")
        assert spec is not None and spec.submodule_search_locations
        library = Path(spec.submodule_search_locations[0]) / "vendor/libfaketime/src/libfaketime.so.1"
        assert library.is_file()
        return [
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]

    def set_wall(self, seconds: int) -> None:
        # In one step: the server reads the file whenever it looks at the clock.
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.rename(self._file)

    def warnings(self) -> list[dict[str, object]]:
        entries = [json.loads(line) for line in self.server.log.read_text().splitlines()]
        return [entry for entry in entries if "wall clock was stepped" in entry["event"]]

    def restart(self) -> None:
        assert self.server.stop() == 0
        self.server.process.stdout.close()  # type: ignore[union-attr]
        self.server = ServerProcess(self.server.data, wrapper=self._wrapper())


@pytest.fixture
def faked(tmp_path: Path) -> Iterator[FakedServer]:
    faked = FakedServer(tmp_path)
    yield faked
    # Whichever runs by now.
    with faked.server:
        pass


def decide(client: Client, experiment: str, units: Iterator[str]) -> Answer:
    """For a unit that is not held out."""
    while (decision := client.decide(experiment, next(units))).group is not Group.POLICY:
        pass
    return decision


def milliseconds(decision: Answer) -> int:
    return id_milliseconds(bytes.fromhex(decision.id))


def closings(data: Path, stream: int) -> dict[str, float]:
    """Decisions that resolved by their window's close, and how many seconds after they were made."""
    connection = apsw.Connection(str(data / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = connection.execute(
            "SELECT decision, time FROM resolution WHERE stream = ? AND kind = ?", (stream, int(ResolutionKind.EXPIRY))
        ).fetchall()
    finally:
        connection.close()
    return {bytes(decision).hex(): time_us / 1e6 - id_milliseconds(decision) / 1e3 for decision, time_us in found}


def await_close(data: Path, stream: int, decision: str) -> float:
    end = time.monotonic() + LIMIT_S
    while decision not in (found := closings(data, stream)):
        assert time.monotonic() < end, "the window never closed"
        time.sleep(0.05)
    return found[decision]


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_jump_under_a_running_server_changes_nothing(faked: FakedServer, jump_s: int) -> None:
    units = iter(f"unit-{number}" for number in range(1_000))
    data = faked.server.data
    with Client(faked.server.target) as client:
        before = [decide(client, "long", units) for _ in range(3)]
        closing = decide(client, "short", units)
        client.record_reward(before[0].id, "hit", 1.0)
        faked.set_wall(jump_s)
        after = decide(client, "long", units)
        assert 0 <= milliseconds(after) - milliseconds(before[-1]) < LIMIT_S * 1e3, "the server saw no jump"
        # In time by the half hour that has not passed, whatever the wall says.
        for decision in (before[1], after):
            assert client.record_reward(decision.id, "hit", 1.0).resolved
        assert 3.0 <= await_close(data, 2, closing.id) < LIMIT_S
        with pytest.raises(NotAllowedNow):
            client.record_reward(closing.id, "hit", 1.0)
        assert closings(data, 1) == {}
        (warning,) = faked.warnings()
        assert f"{warning['drift_s']:.0f}" == str(jump_s)
        faked.set_wall(0)
        assert decide(client, "long", units).id > after.id
    assert faked.server.stop() == 0
    log = SqliteLog(data)
    with log.read() as reader:
        assert audit(reader, log.secret).passed
    log.close()


def test_the_wall_clock_of_the_server_does_jump(faked: FakedServer) -> None:
    """Else the test above proves nothing: what is started after the jump takes it over."""
    units = iter(f"unit-{number}" for number in range(1_000))
    with Client(faked.server.target) as client:
        before = decide(client, "long", units)
    faked.set_wall(HOUR_S)
    faked.restart()
    with Client(faked.server.target) as client:
        after = decide(client, "long", units)
        assert milliseconds(after) - milliseconds(before) >= HOUR_S * 1e3
        with pytest.raises(NotAllowedNow):
            client.record_reward(before.id, "hit", 1.0)
    # An hour behind its own log: time goes on from where the log ends.
    faked.set_wall(0)
    faked.restart()
    with Client(faked.server.target) as client:
        again = decide(client, "long", units)
        assert 0 < milliseconds(again) - milliseconds(after) < LIMIT_S * 1e3
        closing = decide(client, "short", units)
        assert client.record_reward(again.id, "hit", 1.0).resolved
        assert 3.0 <= await_close(faked.server.data, 2, closing.id) < LIMIT_S
    assert faked.warnings()[-1]["drift_s"] < -HOUR_S + 2 * LIMIT_S  # type: ignore[operator]
