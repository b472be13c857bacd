"""The yardstick: a grpc.aio server with the same messages that does nothing. Run as a process of its own."""

import asyncio

import grpc.aio

from banditcore.v1 import decision_service_pb2 as pb
from banditcore.v1.decision_service_pb2_grpc import DecisionServiceServicer, add_DecisionServiceServicer_to_server


class Empty(DecisionServiceServicer):
    """Answers at once with a full-sized reply that was made beforehand."""

    def __init__(self) -> None:
        self._answer = pb.DecideResponse(
            decision_id="0" * 48, variant="plain", payload="", group=1, propensity=0.5, experiment_version=1
        )
        self._answer.decide_time.FromMicroseconds(1_795_411_054_028_915)

    async def Decide(self, request: pb.DecideRequest, context: grpc.aio.ServicerContext) -> pb.DecideResponse:
        return self._answer


async def main() -> None:
    server = grpc.aio.server(options=[("grpc.max_concurrent_streams", 128)])
    add_DecisionServiceServicer_to_server(Empty(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


asyncio.run(main())
