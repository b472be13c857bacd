"""grpc.aio: wire calls in, handlers called, errors out as statuses."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_status import rpc_status

from banditcore.errors import BanditcoreError, StoreUnavailable
from banditcore_server.addresses import Address, CannotListen, check_free, hang_up
from banditcore_server.calls import Calls
from banditcore_server.service import SERVICES
from banditcore_server.status import STARTING, STOPPING, internal, is_store_trouble, to_status

log = structlog.get_logger(__name__)

Handler = Callable[[Any], Awaitable[Any]]
Call = Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]

SERVICE_NAMES = tuple(service.full_name for service in SERVICES)
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"

# Holds 10,000 columnar decisions of 128 features (10.2 MB) and as many units of 256 bytes.
MAX_REQUEST_BYTES = 16 * 1024 * 1024

_QUIET_S, _QUIET_LIMIT_S = 0.05, 1.0
_ENDED_S = 0.01


class GrpcFrontend:
    """Binds early and says NOT_SERVING; serves once it is given the handlers.

    With `share_port` other servers may listen on the same port, and connections are spread over them: for workers,
    whose supervisor has seen to it that the port is theirs.
    """

    def __init__(self, *, max_streams: int, calls: Calls | None = None, share_port: bool = False) -> None:
        self._server = grpc.aio.server(options=_options(max_streams, share_port))
        self._share_port, self._port = share_port, 0
        self._routes = _Routes(calls or Calls())
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers((self._routes,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _add_reflection(self._server)

    async def start(self, address: Address) -> Address:
        """Listens, NOT_SERVING as yet; returns the address, with the system's choice where the port was 0."""
        for name in ("", *SERVICE_NAMES):
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        if not self._share_port:
            # gRPC would not say why it cannot listen, and would write to stderr unasked.
            check_free(address)
        try:
            port: int = self._server.add_insecure_port(str(address))
        except RuntimeError:
            raise CannotListen(f"cannot listen on {address}: it was taken a moment ago") from None
        await self._server.start()
        self._port = port
        return Address(address.host, port)

    async def serve(self, services: Mapping[str, object]) -> None:
        """Takes calls from now on. `services` holds the handlers by the service's short name."""
        self._routes.open(services)
        for name in ("", *SERVICE_NAMES):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, limit_s: float) -> None:
        """Says NOT_SERVING, takes what is on its way already, then lets calls in flight finish until the limit.

        Whatever is sent meanwhile is answered, or fails with UNAVAILABLE.
        """
        await self._health.enter_graceful_shutdown()
        await self._quiet()
        self._routes.refuse()
        await self._routes.ended(limit_s)
        # Alone, `stop` would answer calls that come in at this moment with CANCELLED, which no client repeats.
        hang_up(self._port)
        await self._server.stop(0)

    async def _quiet(self) -> None:
        """Waits until no more calls arrive, but not forever: what was sent before NOT_SERVING has then come in."""
        end = time.monotonic() + _QUIET_LIMIT_S
        seen = -1
        while seen != self._routes.arrived and time.monotonic() < end:
            seen = self._routes.arrived
            await asyncio.sleep(_QUIET_S)


class _Routes(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Finds the handler of a call; before it is opened and after it refuses, every call is told to come again."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.arrived = 0
        """How many calls have come in."""
        self._ended = 0
        self._refusing = False
        self._handlers = _handlers(lambda service, method: _unavailable("starting", STARTING))

    def open(self, services: Mapping[str, object]) -> None:
        record = self._calls.record
        self._handlers = _handlers(
            lambda service, method: _guarded(method, getattr(services[service], _snake(method)), record)
        )

    def refuse(self) -> None:
        """Answers what comes from now on with UNAVAILABLE."""
        self._refusing = True
        self._handlers = _handlers(lambda service, method: _unavailable("stopping", STOPPING))

    async def ended(self, limit_s: float) -> None:
        """Waits until every call that arrived before `refuse` is answered and its answer sent, or until the limit."""
        end = time.monotonic() + limit_s
        while self._ended < self.arrived and time.monotonic() < end:
            await asyncio.sleep(_ENDED_S)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        handler = self._handlers.get(handler_call_details.method)
        # gRPC asks in the task that then reads the request, calls the handler and sends the answer.
        if handler is not None and not self._refusing and (task := asyncio.current_task()) is not None:
            self.arrived += 1
            task.add_done_callback(self._end)
        return handler

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._ended += 1


def _handlers(call: Callable[[str, str], Call]) -> dict[str, grpc.RpcMethodHandler]:
    """By path: `call` gives what to do for the short names of a service and a method."""
    return {
        f"/{service.full_name}/{method.name}": _rpc(method, call(service.name, method.name))
        for service in SERVICES
        for method in service.methods
    }


def _rpc(method: Any, call: Call) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


def _guarded(method: str, handler: Handler, record: Callable[[str, str, float], None]) -> Call:
    """Turns what the handler raises into a status, and counts. A plain wrapper: an interceptor costs more a call."""

    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        started = time.perf_counter()
        # What it stays when the caller has given up, which ends the handler where it waits.
        code = "CANCELLED"
        try:
            reply = await handler(request)
            code = "OK"
            return reply
        except Exception as error:
            status = _status_of(error)
            code = code_pb2.Code.Name(status.code)
        finally:
            record(method, code, time.perf_counter() - started)
        await context.abort_with_status(rpc_status.to_status(status))

    return call


def _unavailable(doing: str, reason: str) -> Call:
    """Tells every caller to come again."""
    status = to_status(StoreUnavailable(f"the server is {doing}", reason=reason))

    async def call(request: Any, context: grpc.aio.ServicerContext) -> None:
        await context.abort_with_status(rpc_status.to_status(status))

    return call


def _status_of(error: Exception) -> status_pb2.Status:
    if isinstance(error, BanditcoreError) and (status := to_status(error)) is not None:
        if is_store_trouble(error):
            log.error("store trouble", reason=error.reason, message=error.message)
        return status
    error_id = secrets.token_hex(8)
    log.error("internal error", error_id=error_id, exc_info=error)
    return internal(error_id)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _options(max_streams: int, share_port: bool) -> list[tuple[str, int]]:
    return [
        # With gRPC's default a second server binds the same port in silence and takes half the calls.
        ("grpc.so_reuseport", int(share_port)),
        # Per connection; what bounds the queue under overload (maximum_concurrent_rpcs does not).
        ("grpc.max_concurrent_streams", max_streams),
        # Would also count streams the client has already seen the end of, and so refuse well-behaved clients
        # that run at the limit; they would see UNAVAILABLE for nothing.
        ("grpc.http.overload_protection", 0),
        ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
        # By default one ping in five minutes is allowed, and clients that ping more are sent away.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ]


def _add_reflection(server: grpc.aio.Server) -> None:
    """Serves v1alpha, and v1 by the same servicer: the two differ in nothing but the name."""
    names = (*SERVICE_NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME, REFLECTION_V1)
    reflection.enable_server_reflection(names, server)
    method = grpc.stream_stream_rpc_method_handler(
        reflection.aio.ReflectionServicer(names).ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = {"ServerReflectionInfo": method}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(REFLECTION_V1, handlers),))
