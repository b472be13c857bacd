"""Health, and reflection in both of its versions."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

SERVICES = ["banditcore.v1.DecisionService", "banditcore.v1.ExperimentService"]


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_health_is_serving(wire, service):
    answer = health_pb2_grpc.HealthStub(wire.channel).Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_a_service_that_is_none(wire):
    with pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(wire.channel).Check(health_pb2.HealthCheckRequest(service="nowhere"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_and_describes_the_services(wire, version):
    call = wire.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICES[0]),
    ]
    listing, file = call(iter(requests))
    names = [service.name for service in listing.list_services_response.service]
    assert {*SERVICES, "grpc.health.v1.Health", f"grpc.reflection.{version}.ServerReflection"} <= set(names)
    assert b"RecordRewards" in file.file_descriptor_response.file_descriptor_proto[0]


def test_a_method_that_is_none_is_unimplemented(wire):
    with pytest.raises(grpc.RpcError) as caught:
        wire.channel.unary_unary("/banditcore.v1.DecisionService/Guess")(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
