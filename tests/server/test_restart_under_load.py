"""SIGTERM and a new server on the same port, while callers keep Decide and RecordRewards in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from banditcore.storage.sqlite import SqliteLog
from banditcore.v1 import decision_service_pb2 as pb
from banditcore.v1.decision_service_pb2_grpc import DecisionServiceStub
from banditcore_server.testing import ServerProcess
from tests.server.conftest import SHOP

CALLERS, RESTARTS, CALLS_BETWEEN = 16, 3, 600
LIMIT_S = 30.0


class Sent(NamedTuple):
    """One call: when it was sent, and what it failed with the first time it did."""

    at: float
    failed: str


class Caller:
    """Keeps one call in flight on a channel of its own; repeats what fails, as a client should, and remembers it."""

    def __init__(self, target: str, name: str) -> None:
        self.sent: list[Sent] = []
        self.decided: list[str] = []
        self.rewarded: list[str] = []
        self._name = name
        self._channel = grpc.insecure_channel(
            target, options=[("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 200)]
        )
        self._stub = DecisionServiceStub(self._channel)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            unit = f"{self._name}-{len(self.decided)}"
            request = pb.DecideRequest(experiment="shop", unit=unit, request_id=unit)
            self.decided.append(self._insist(self._stub.Decide, request).decision_id)
            rewards = pb.RecordRewardsRequest()
            rewards.rewards.add(decision_id=self.decided[-1], goal="click", value=1.0)
            self._insist(self._stub.RecordRewards, rewards)
            self.rewarded.append(self.decided[-1])
        self._channel.close()

    def _insist(self, call: Callable[..., Any], request: Any) -> Any:
        at, failed = time.monotonic(), ""
        while time.monotonic() < at + LIMIT_S:
            try:
                answer = call(request, timeout=LIMIT_S)
            except grpc.RpcError as error:
                failed = failed or f"{error.code().name}: {error.details()}"
                assert error.code() is grpc.StatusCode.UNAVAILABLE, error
                time.sleep(0.02)
            else:
                self.sent.append(Sent(at, failed))
                return answer
        raise AssertionError(f"no answer for {LIMIT_S} s: {failed}")


def test_what_was_sent_before_the_signal_is_answered_and_what_comes_later_is_made_good(tmp_path: Path) -> None:
    data, stop = tmp_path / "data", threading.Event()
    server = ServerProcess(data, "--apply", str(SHOP))
    callers = [Caller(server.target, f"caller-{number}") for number in range(CALLERS)]
    away: list[tuple[float, float]] = []
    try:
        with ThreadPoolExecutor(CALLERS) as pool:
            running = [pool.submit(caller.run, stop) for caller in callers]
            try:
                for restart in range(1, RESTARTS + 1):
                    while sum(len(caller.sent) for caller in callers) < CALLS_BETWEEN * restart:
                        assert not any(one.done() for one in running), "a caller has given up"
                        time.sleep(0.01)
                    signalled = time.monotonic()
                    # Ten seconds is what it gives to calls in flight; these take milliseconds.
                    assert server.stop(10) == 0
                    server = ServerProcess(data, listen=server.target)
                    away.append((signalled, time.monotonic()))
            finally:
                stop.set()
            for one in running:
                one.result()
    finally:
        server.__exit__(None, None, None)
    failed = [sent for caller in callers for sent in caller.sent if sent.failed]
    assert failed, "somebody was turned away, or this shows nothing"
    outside = [sent for sent in failed if not any(since <= sent.at <= until for since, until in away)]
    assert not outside, "calls that were sent while the server served"
    log = SqliteLog(data)
    with log.read() as reader:
        stored = {row.id.hex(): row.unit for row in reader.decisions_to_audit(1)}
        units = {unit for caller in callers for unit in (f"{caller._name}-{n}" for n in range(len(caller.decided)))}
        assert sorted(stored.values()) == sorted(units), "each once, however often it was sent"
        assert set(stored) == {decision for caller in callers for decision in caller.decided}
        for decision in (decision for caller in callers for decision in caller.rewarded):
            assert [reward.value for reward in reader.rewards(1, [bytes.fromhex(decision)])] == [1.0]
    log.close()
