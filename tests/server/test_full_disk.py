"""A disk that fills up under a running server, and is freed again."""

from __future__ import annotations

from pathlib import Path

import grpc

from banditcore.v1 import decision_service_pb2 as pb
from banditcore_server.testing import ServerProcess


def decide(number: int) -> pb.DecideRequest:
    return pb.DecideRequest(experiment="shop", unit=f"customer-{number}", request_id=f"request-{number}")


def test_a_full_disk_refuses_clearly_and_loses_nothing(tmp_path: Path, wire_to, shop: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    # Four megabytes in a mount namespace of the server's own; the filler is what an operator can delete.
    script = f'mount -t tmpfs -o size=4m tmpfs "{data}" && head -c 3000000 /dev/zero > "{data}/filler" && exec "$@"'
    wrapper = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script, "bash"]
    with ServerProcess(data, "--apply", str(shop), wrapper=wrapper) as server:
        wire = wire_to(server)
        acknowledged: dict[int, str] = {}
        refusal = None
        for number in range(20_000):
            try:
                acknowledged[number] = wire.decisions.Decide(decide(number), timeout=10).decision_id
            except grpc.RpcError:
                refusal = wire.refusal(wire.decisions.Decide, decide(number))
                break
        assert refusal is not None, "the disk never filled up"
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "DISK_FULL")
        assert "free space" in refusal.message
        assert str(tmp_path) not in refusal.message, "where it keeps its data is no business of a caller"
        assert "store trouble" in server.log.read_text()
        assert refusal.details["RetryInfo"].retry_delay.seconds > 0
        inside = Path(f"/proc/{server.process.pid}/root{data}")
        (inside / "filler").unlink()
        answer = wire.decisions.Decide(decide(number), timeout=10)
        assert not answer.duplicate, "what was refused had not been recorded"
        acknowledged[number] = answer.decision_id
        for known, decision in acknowledged.items():
            again = wire.decisions.Decide(decide(known), timeout=10)
            assert again.duplicate and again.decision_id == decision
        wire.channel.close()
        assert server.stop() == 0
