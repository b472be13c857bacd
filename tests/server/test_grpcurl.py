"""The standard command-line client, by reflection alone."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

GRPCURL = Path(sysconfig.get_path("scripts")) / "grpcurl"


def grpcurl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(GRPCURL), "-plaintext", *arguments], capture_output=True, text=True, timeout=30)


def call(target: str, method: str, request: dict) -> dict:
    result = grpcurl("-d", json.dumps(request), target, f"banditcore.v1.{method}")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_it_lists_decides_and_rewards(server):
    listing = grpcurl(server.target, "list").stdout.split()
    assert {"banditcore.v1.DecisionService", "banditcore.v1.ExperimentService"} <= set(listing)
    attributes = {"age": {"number": 31}, "country": {"category": "DE"}, "member": {"boolean": True}}
    request = {"experiment": "shop", "unit": "grpcurl", "attributes": attributes, "request_id": "grpcurl-1"}
    answer = call(server.target, "DecisionService/Decide", request)
    assert answer["variant"] in ("plain", "bold", "wild")
    reward = {"decision_id": answer["decision_id"], "goal": "click", "value": 1}
    (result,) = call(server.target, "DecisionService/RecordRewards", {"rewards": [reward]})["results"]
    assert result.get("resolved", False) == (answer["group"] == "GROUP_POLICY")
    assert call(server.target, "DecisionService/Decide", request)["duplicate"]


def test_it_shows_the_field_of_an_error(server):
    result = grpcurl("-d", '{"experiment": "shop"}', server.target, "banditcore.v1.DecisionService/Decide")
    assert result.returncode != 0
    assert "InvalidArgument" in result.stderr
    assert '"field": "unit"' in result.stderr or '"field":"unit"' in result.stderr
