"""What the server does in a second. Run: `make bench`, or pytest tests/bench/test_grpc.py -s.

Servers are processes of their own and this one is the client. Rates on a busy machine differ from minute to
minute, so the ratio to an empty handler takes turns: a round of one, a round of the other, medians of both.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import pytest

from banditcore.client import Client
from banditcore.v1 import decision_service_pb2 as pb
from banditcore_server.testing import ServerProcess

HERE = Path(__file__).parent
SHOP = HERE.parent / "server" / "shop.toml"
DECIDE = "/banditcore.v1.DecisionService/Decide"
BATCH = "/banditcore.v1.DecisionService/BatchDecide"
CALLS, ROUNDS = 4_000, 7


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("bench") / "data", "--apply", str(SHOP)) as running:
        yield running


@pytest.fixture(scope="module")
def empty() -> Iterator[str]:
    """Address of a grpc.aio server whose Decide does nothing."""
    command = [sys.executable, str(HERE / "empty_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def decide_request(number: int) -> bytes:
    request = pb.DecideRequest(experiment="shop", unit=f"u{number}", request_id=uuid.uuid4().hex)
    request.attributes["age"].number = 30
    request.attributes["country"].category = "DE"
    request.attributes["member"].boolean = True
    return request.SerializeToString()


async def calls_per_second(target: str, method: str, requests: list[bytes], in_flight: int) -> float:
    """Sends bytes and takes bytes, so that the client costs as little as a Python client can."""
    async with grpc.aio.insecure_channel(target) as channel:
        call = channel.unary_unary(method)
        await call(requests[0])
        rest = iter(requests[1:])

        async def worker() -> None:
            for request in rest:
                await call(request)

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        return (len(requests) - 1) / (time.perf_counter() - started)


def rate(target: str, in_flight: int) -> float:
    requests = [decide_request(number) for number in range(CALLS + 1)]
    return asyncio.run(calls_per_second(target, DECIDE, requests, in_flight))


@pytest.mark.parametrize("in_flight", [1, 32, 64, 96])
def test_decide_against_an_empty_handler(benchmark, server, empty, in_flight):
    """Durable Decide with a request id, as a share of what gRPC itself can do."""
    pairs: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: pairs.append((rate(empty, in_flight), rate(server.target, in_flight))), rounds=ROUNDS)
    nothing, decide = (statistics.median(column) for column in zip(*pairs, strict=True))
    benchmark.extra_info.update(
        in_flight=in_flight, empty_per_s=round(nothing), decide_per_s=round(decide), ratio=round(decide / nothing, 3)
    )
    print(
        f"\n{in_flight} in flight: empty {nothing:.0f}/s, durable Decide {decide:.0f}/s, ratio {decide / nothing:.2f}"
    )


@pytest.mark.parametrize("in_flight", [1, 4])
def test_batch_decide_in_columns(benchmark, server, in_flight):
    """1,000 durable decisions a call."""
    with Client(server.target) as client:
        width = client.get("shop").n_features
    columns = pb.DecideColumns(units=[f"u{i}" for i in range(1_000)], contexts=np.zeros((1_000, width)).tobytes())
    request = pb.BatchDecideRequest(experiment="shop", columns=columns).SerializeToString()
    rates: list[float] = []

    def once() -> None:
        rates.append(1_000 * asyncio.run(calls_per_second(server.target, BATCH, [request] * 101, in_flight)))

    benchmark.pedantic(once, rounds=ROUNDS)
    benchmark.extra_info.update(in_flight=in_flight, decisions_per_s=round(statistics.median(rates)))
    print(f"\n{in_flight} in flight: {statistics.median(rates):.0f} durable decisions/s, best {max(rates):.0f}")


def test_start_to_serving_on_an_empty_store(benchmark, tmp_path):
    """From the start of the process until it says SERVING."""
    starts: list[float] = []

    def start() -> None:
        with ServerProcess(tmp_path / f"data{len(starts)}") as server:
            starts.append(server.start_s)

    benchmark.pedantic(start, rounds=ROUNDS)
    benchmark.extra_info.update(start_s=round(statistics.median(starts), 3))
    print(f"\nstart to SERVING {statistics.median(starts):.2f} s, worst {max(starts):.2f} s")
