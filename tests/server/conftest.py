"""One real server for the tests that leave it standing, and helpers that speak raw gRPC to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from banditcore.storage.opening import open_log
from banditcore.v1.decision_service_pb2_grpc import DecisionServiceStub
from banditcore.v1.experiment_service_pb2_grpc import ExperimentServiceStub
from banditcore_server.testing import ServerProcess

SHOP = Path(__file__).with_name("shop.toml")
TABLES = ("experiment", "experiment_version", "stream", "decision", "request", "exposure", "reward")


@dataclass(frozen=True)
class Refusal:
    """What a caller learns from a failed call."""

    code: grpc.StatusCode
    message: str
    reason: str
    fields: tuple[str, ...]
    details: dict[str, Any] = field(repr=False)


class Wire:
    """Raw stubs on one server, and a look at its tables."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.channel = grpc.insecure_channel(server.target)
        self.decisions = DecisionServiceStub(self.channel)
        self.experiments = ExperimentServiceStub(self.channel)

    def counts(self) -> dict[str, int]:
        """Rows per table, as committed."""
        log = open_log(self.server.location)
        with log.read() as reader:
            counts = {table: reader._one(f"SELECT count(*) FROM {table}")[0] for table in TABLES}
        log.close()
        return counts

    def refusal(self, call: Callable[..., Any], request: Any) -> Refusal:
        """The error of a call that must fail."""
        with pytest.raises(grpc.RpcError) as caught:
            call(request, timeout=10)
        return read_refusal(rpc_status.from_call(caught.value), caught.value)

    def refused(
        self, call: Callable[..., Any], request: Any, code: grpc.StatusCode, reason: str, *fields: str
    ) -> Refusal:
        """Asserts code, reason, offending fields, a message, and that no table has changed."""
        before = self.counts()
        found = self.refusal(call, request)
        assert (found.code, found.reason, found.fields) == (code, reason, fields), found
        assert len(found.message) > 10
        assert self.counts() == before
        return found


def read_refusal(status: status_pb2.Status | None, error: grpc.RpcError) -> Refusal:
    assert status is not None, error
    details: dict[str, Any] = {}
    for packed in status.details:
        kind = packed.TypeName().rpartition(".")[2]
        details[kind] = getattr(error_details_pb2, kind)()
        packed.Unpack(details[kind])
    assert details["ErrorInfo"].domain == "banditcore"
    violations = details["BadRequest"].field_violations if "BadRequest" in details else ()
    assert all(violation.description for violation in violations)
    return Refusal(
        code=error.code(),
        message=error.details(),
        reason=details["ErrorInfo"].reason,
        fields=tuple(violation.field for violation in violations),
        details=details,
    )


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    postgres = request.param == "postgres"
    location = request.getfixturevalue("database").new() if postgres else folder / "data"
    with ServerProcess(location, "--apply", str(SHOP), log=folder / "data.log") as running:
        yield running


@pytest.fixture(scope="session")
def wire(server: ServerProcess) -> Iterator[Wire]:
    wire = Wire(server)
    yield wire
    wire.channel.close()


@pytest.fixture(scope="session")
def shop() -> Path:
    """The definitions that the servers of these tests apply."""
    return SHOP


@pytest.fixture(scope="session")
def wire_to() -> Callable[[ServerProcess], Wire]:
    """Makes a Wire to a server of the test's own."""
    return Wire
