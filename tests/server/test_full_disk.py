"""A disk that fills up under a running server, and is freed again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import grpc

from banditcore.v1 import decision_service_pb2 as pb
from banditcore_server.testing import ServerProcess


def decide(number: int) -> pb.DecideRequest:
    return pb.DecideRequest(experiment="shop", unit=f"customer-{number}", request_id=f"request-{number}")


def rewards(decisions: Iterable[str]) -> pb.RecordRewardsRequest:
    return pb.RecordRewardsRequest(rewards=[pb.Reward(decision_id=id, goal="click", value=1.0) for id in decisions])


def test_a_full_disk_goes_on_deciding_and_acknowledges_nothing_that_is_not_kept(
    tmp_path: Path, wire_to, shop: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    # Four megabytes in a mount namespace of the server's own; the filler is what an operator can delete.
    script = f'mount -t tmpfs -o size=4m tmpfs "{data}" && head -c 3000000 /dev/zero > "{data}/filler" && exec "$@"'
    wrapper = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script, "bash"]
    with ServerProcess(data, "--apply", str(shop), wrapper=wrapper) as server:
        wire = wire_to(server)
        acknowledged: dict[int, str] = {}
        for number in range(20_000):
            answer = wire.decisions.Decide(decide(number), timeout=10)
            if answer.degraded:
                break
            acknowledged[number] = answer.decision_id
        else:
            raise AssertionError("the disk never filled up")
        assert answer.variant and answer.propensity > 0, "customers are served all the same"
        refusal = wire.refusal(wire.decisions.RecordRewards, rewards(acknowledged.values()))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "DISK_FULL")
        assert "free space" in refusal.message
        assert str(tmp_path) not in refusal.message, "where it keeps its data is no business of a caller"
        assert "store trouble" in server.log.read_text()
        assert refusal.details["RetryInfo"].retry_delay.seconds > 0
        inside = Path(f"/proc/{server.process.pid}/root{data}")
        (inside / "filler").unlink()
        acknowledged[number] = _logged_again(wire, number)
        for known, decision in acknowledged.items():
            again = wire.decisions.Decide(decide(known), timeout=10)
            assert again.duplicate and again.decision_id == decision
        results = wire.decisions.RecordRewards(rewards(acknowledged.values()), timeout=10).results
        assert not any(result.duplicate for result in results)
        wire.channel.close()
        assert server.stop() == 0


def _logged_again(wire, number: int) -> str:
    """The first decision that the log takes again, within 5 s of the disk's return."""
    deadline = time.monotonic() + 5
    while (answer := wire.decisions.Decide(decide(number), timeout=10)).degraded:
        assert time.monotonic() < deadline
    assert not answer.duplicate, "what was not logged is asked for the first time"
    return answer.decision_id
