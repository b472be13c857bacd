"""What the front end does by itself: before it serves, and when a handler has a defect."""

from __future__ import annotations

import asyncio
import json

import grpc
import grpc.aio
import pytest
import structlog
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from banditcore.errors import BanditcoreError
from banditcore.v1 import decision_service_pb2 as pb
from banditcore.v1.decision_service_pb2_grpc import DecisionServiceStub
from banditcore_server.addresses import Address
from banditcore_server.calls import Calls
from banditcore_server.grpc_frontend import GrpcFrontend
from banditcore_server.service import SERVICES
from tests.server.conftest import read_refusal


class Defective:
    """Handlers that all raise."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str):
        async def handler(request):
            raise self._error

        return handler


async def call_once(error: Exception | None) -> tuple[grpc.aio.AioRpcError, int]:
    """The error of one Decide, and the health, on a front end whose handlers raise `error` (None: not opened)."""
    frontend = GrpcFrontend(max_streams=8)
    address = await frontend.start(Address("127.0.0.1", 0))
    if error is not None:
        await frontend.serve({service.name: Defective(error) for service in SERVICES})
    async with grpc.aio.insecure_channel(str(address)) as channel:
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await DecisionServiceStub(channel).Decide(pb.DecideRequest(unit="u"))
    await frontend.drain(1)
    return caught.value, health.status


def test_until_it_serves_callers_are_told_to_come_again():
    error, health = asyncio.run(call_once(None))
    found = read_refusal(rpc_status.from_call(error), error)
    assert health == health_pb2.HealthCheckResponse.NOT_SERVING
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "STARTING")
    assert found.details["RetryInfo"] == error_details_pb2.RetryInfo(retry_delay={"seconds": 1})


@pytest.mark.parametrize("defect", [RuntimeError("password=hunter2"), BanditcoreError("password=hunter2")])
def test_no_text_of_an_exception_reaches_the_caller(defect, capsys):
    structlog.configure(
        processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
        cache_logger_on_first_use=False,
    )
    error, health = asyncio.run(call_once(defect))
    found = read_refusal(rpc_status.from_call(error), error)
    assert health == health_pb2.HealthCheckResponse.SERVING
    assert (found.code, found.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "hunter2" not in repr(error) + repr(error.trailing_metadata())
    logged = json.loads(capsys.readouterr().out)
    assert logged["error_id"] == found.details["ErrorInfo"].metadata["error_id"]
    assert logged["error_id"] in found.message
    assert "hunter2" in json.dumps(logged["exception"])


class Endless:
    """Handlers that never answer."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def __getattr__(self, name: str):
        async def handler(request):
            self.asked.set()
            await asyncio.Event().wait()

        return handler


async def give_up() -> dict[tuple[str, str], int]:
    """What is counted of one Decide whose caller does not wait for the answer."""
    calls, endless = Calls(), Endless()
    frontend = GrpcFrontend(max_streams=8, calls=calls)
    address = await frontend.start(Address("127.0.0.1", 0))
    await frontend.serve({service.name: endless for service in SERVICES})
    async with grpc.aio.insecure_channel(str(address)) as channel:
        call = DecisionServiceStub(channel).Decide(pb.DecideRequest(unit="u"))
        await endless.asked.wait()
        call.cancel()
        while not calls.codes():
            await asyncio.sleep(0.01)
    await frontend.drain(1)
    return calls.codes()


def test_a_caller_who_gives_up_is_counted_as_such():
    assert asyncio.run(asyncio.wait_for(give_up(), 20)) == {("Decide", "CANCELLED"): 1}


class Once(Endless):
    """The first call is never answered, later ones are at once."""

    def __getattr__(self, name: str):
        async def handler(request):
            if not self.asked.is_set():
                self.asked.set()
                await asyncio.Event().wait()
            return pb.DecideResponse()

        return handler


async def drain_under_load() -> tuple[int, grpc.aio.AioRpcError, grpc.aio.AioRpcError]:
    """Calls answered while draining; what ended them; what became of one in flight that was not done in time."""
    frontend, once = GrpcFrontend(max_streams=8), Once()
    address = await frontend.start(Address("127.0.0.1", 0))
    await frontend.serve({service.name: once for service in SERVICES})
    answered = 0
    async with grpc.aio.insecure_channel(str(address)) as channel:
        stub = DecisionServiceStub(channel)
        waiting = asyncio.ensure_future(stub.Decide(pb.DecideRequest(unit="u")))
        await once.asked.wait()
        drained = asyncio.create_task(frontend.drain(0.5))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            while True:
                await stub.Decide(pb.DecideRequest(unit="u"))
                answered += 1
        assert not waiting.done()
        await drained
        with pytest.raises(grpc.aio.AioRpcError) as cut:
            await waiting
    return answered, refused.value, cut.value


def test_while_it_drains_nobody_is_told_anything_but_to_come_again():
    answered, refused, cut = asyncio.run(asyncio.wait_for(drain_under_load(), 30))
    assert answered, "what is on its way when it starts to drain is taken"
    found = read_refusal(rpc_status.from_call(refused), refused)
    assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")
    assert found.message == "the server is stopping: nothing of this call was recorded; retry"
    assert cut.code() is grpc.StatusCode.UNAVAILABLE
