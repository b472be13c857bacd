"""Bad input to Decide and BatchDecide, through the real server: code, reason, field, and nothing written."""

from __future__ import annotations

import math
import struct
from typing import Any

import grpc
import pytest

from banditcore.v1 import decision_service_pb2 as pb
from banditcore.v1 import experiment_service_pb2 as experiment_pb

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def decide(experiment: str = "shop", unit: str = "u", **more: Any) -> pb.DecideRequest:
    return pb.DecideRequest(experiment=experiment, unit=unit, **more)


def with_attribute(name: str, experiment: str = "shop", **value: Any) -> pb.DecideRequest:
    request = decide(experiment)
    target = request.attributes[name]
    if "vector" in value:
        target.vector.values.extend(value["vector"])
    else:
        for kind, content in value.items():
            setattr(target, kind, content)
    return request


def columns(n: int, d: int, **more: Any) -> pb.BatchDecideRequest:
    packed = pb.DecideColumns(units=[f"u{i}" for i in range(n)], contexts=struct.pack(f"<{n * d}d", *[0.5] * n * d))
    return pb.BatchDecideRequest(experiment="shop", columns=packed, **more)


def test_unknown_experiment_is_not_found(wire):
    found = wire.refused(
        wire.decisions.Decide, decide("nowhere"), grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND", "experiment"
    )
    assert "nowhere" in found.message


def test_paused_experiment_refuses_until_resumed(wire):
    wire.experiments.Pause(experiment_pb.PauseRequest(name="pixels"))
    try:
        request = with_attribute("image", "pixels", vector=[1, 2, 3, 4])
        code = grpc.StatusCode.FAILED_PRECONDITION
        wire.refused(wire.decisions.Decide, request, code, "EXPERIMENT_PAUSED", "experiment")
    finally:
        wire.experiments.Resume(experiment_pb.ResumeRequest(name="pixels"))
    assert wire.decisions.Decide(request).decision_id


@pytest.mark.parametrize("unit", ["", "x" * 300, "ü" * 150], ids=["empty", "300 bytes", "300 bytes in 150 letters"])
def test_unit_must_have_1_to_256_bytes(wire, unit):
    found = wire.refused(wire.decisions.Decide, decide(unit=unit), INVALID, "INVALID_INPUT", "unit")
    assert "256" in found.message


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (with_attribute("age", number=math.nan), "attributes.age"),
        (with_attribute("age", number=math.inf), "attributes.age"),
        (with_attribute("age", number=-math.inf), "attributes.age"),
        (with_attribute("age", category="old"), "attributes.age"),
        (with_attribute("member", number=1.0), "attributes.member"),
        (with_attribute("country", boolean=True), "attributes.country"),
        (with_attribute("shoe", number=1.0), "attributes.shoe"),
        (with_attribute("image", "pixels", vector=[1, 2, 3]), "attributes.image"),
        (with_attribute("image", "pixels", vector=[1, 2, math.nan, 4]), "attributes.image"),
        (with_attribute("image", "pixels"), "attributes.image"),
        (decide("pixels"), "attributes.image"),
        (decide(eligible_variants=["plain", "loud"]), "eligible_variants"),
        (decide(eligible_variants=["bold"]), "eligible_variants"),
        (decide(request_id="r" * 300), "request_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_attributes_and_filters_name_their_field(wire, request_, field):
    found = wire.refusal(wire.decisions.Decide, request_)
    wire.refused(wire.decisions.Decide, request_, INVALID, found.reason, field)
    assert found.reason in ("INVALID_INPUT", "UNKNOWN_ATTRIBUTE", "UNKNOWN_VARIANT", "WRONG_DIMENSION", "NOT_FINITE")


def test_unknown_category_counts_as_other(wire):
    assert wire.decisions.Decide(with_attribute("country", category="Atlantis")).decision_id


def test_a_batch_of_nothing_says_which_form_to_fill(wire):
    call = wire.decisions.BatchDecide
    wire.refused(call, pb.BatchDecideRequest(experiment="shop"), INVALID, "INVALID_INPUT", "form")
    rows = pb.BatchDecideRequest(experiment="shop", rows=pb.DecideRows())
    wire.refused(call, rows, INVALID, "INVALID_INPUT", "rows.items")
    wire.refused(call, columns(0, 9), INVALID, "INVALID_INPUT", "columns.units")


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_10_001_decisions_are_refused_as_a_whole(wire, form):
    if form == "columns":
        request, field = columns(10_001, 9), "columns.units"
    else:
        rows = pb.DecideRows(items=[pb.DecideRow(unit=f"u{i}") for i in range(10_001)])
        request, field = pb.BatchDecideRequest(experiment="shop", rows=rows), "rows.items"
    found = wire.refused(wire.decisions.BatchDecide, request, INVALID, "INVALID_INPUT", field)
    assert "10" in found.message


def test_one_bad_row_refuses_the_batch_and_is_named(wire):
    rows = pb.DecideRows(items=[pb.DecideRow(unit="a"), pb.DecideRow(unit="b"), pb.DecideRow(unit="c")])
    rows.items[2].attributes["age"].number = math.nan
    request = pb.BatchDecideRequest(experiment="shop", rows=rows)
    wire.refused(wire.decisions.BatchDecide, request, INVALID, "INVALID_INPUT", "rows.items[2].attributes.age")
    request.rows.items[2].attributes["age"].number = 3
    request.rows.items[1].unit = ""
    wire.refused(wire.decisions.BatchDecide, request, INVALID, "INVALID_INPUT", "rows.items[1].unit")
    request.rows.items[1].unit = "b"
    request.rows.items[1].eligible_variants.append("loud")
    field = "rows.items[1].eligible_variants"
    wire.refused(wire.decisions.BatchDecide, request, INVALID, "UNKNOWN_VARIANT", field)


def test_columns_of_the_wrong_width_or_with_nan_are_refused(wire):
    call = wire.decisions.BatchDecide
    for request in (columns(3, 8), columns(3, 10)):
        found = wire.refusal(call, request)
        assert (found.code, found.fields) == (INVALID, ("columns.contexts",))
        assert "9" in found.message
    torn = columns(3, 9)
    torn.columns.contexts = torn.columns.contexts[:-1]
    wire.refused(call, torn, INVALID, "INVALID_INPUT", "columns.contexts")
    poisoned = columns(3, 9)
    poisoned.columns.contexts = struct.pack("<d", math.nan) + poisoned.columns.contexts[8:]
    found = wire.refusal(call, poisoned)
    assert (found.code, found.fields) == (INVALID, ("columns.contexts[0].constant",))
    unknown = columns(3, 9)
    unknown.columns.eligible_variants.append("loud")
    wire.refused(call, unknown, INVALID, "UNKNOWN_VARIANT", "columns.eligible_variants")


def test_a_message_over_16_mib_is_refused_before_it_is_read(wire):
    before = wire.counts()
    request = columns(2, 9)
    request.columns.contexts = bytes(17 * 1024 * 1024)
    with pytest.raises(grpc.RpcError) as caught:
        wire.decisions.BatchDecide(request, timeout=10)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert wire.counts() == before


def test_bytes_that_are_no_message_harm_nobody(wire):
    """gRPC itself answers, without a word of ours or of Python's."""
    call = wire.channel.unary_unary("/banditcore.v1.DecisionService/Decide")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\x0a\xff\xff", timeout=10)
    assert "Traceback" not in caught.value.details()
    assert wire.decisions.Decide(decide()).decision_id


def test_a_request_id_of_another_request_is_already_exists(wire):
    wire.decisions.Decide(decide(unit="first", request_id="twice"))
    request = decide(unit="second", request_id="twice")
    code = grpc.StatusCode.ALREADY_EXISTS
    wire.refused(wire.decisions.Decide, request, code, "REQUEST_CONFLICT", "request_id")
