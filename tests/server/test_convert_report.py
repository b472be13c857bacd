"""A report survives the wire."""

from __future__ import annotations

import dataclasses
import math

from hypothesis import HealthCheck, Phase, given, settings
from reports import reports

from banditcore.client import reports as client
from banditcore.findings import Advice, GroupReport, Look, Report, Traffic
from banditcore.v1 import report_pb2
from banditcore_server import convert_report

EMPTY = Report(
    experiment="shop",
    version=1,
    status="running",
    time_us=1_700_000_000_000_000,
    decisions=0,
    holdout_share=0.1,
    target_lift=0.1,
    model_position=0,
    goals=(),
    variants=(),
    checks=(),
    alarms=(),
    epochs=(),
    advice=Advice(False, "It is too early."),
    power=None,
    history=(),
    traffic=(),
)


def over_the_wire(report: Report) -> Report:
    packed = convert_report.report(report).SerializeToString()
    return client.report(report_pb2.Report.FromString(packed))


@settings(
    max_examples=200,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # making a whole report smaller takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(reports())
def test_every_report_comes_back_as_it_was(report: Report) -> None:
    # By repr, in which NaN equals NaN and 0 does not equal -0.
    assert repr(over_the_wire(report)) == repr(report)


def test_a_number_that_is_not_there_is_absent_on_the_wire() -> None:
    nothing = GroupReport(3, 0, 0, math.nan, math.nan, math.nan)
    message = convert_report._group(nothing)
    assert [field.name for field, _ in message.ListFields()] == ["unit_count"]
    zero = convert_report._group(GroupReport(3, 3, 0, 0.0, 0.0, 0.0))
    assert zero.HasField("mean") and zero.HasField("variance") and zero.HasField("raw_mean"), "0 is a number"


def test_a_year_of_traffic_and_looks_is_a_small_message() -> None:
    hour = Traffic(1_700_000_000_000_000, 3_600.0, "country", "DE", "POLICY", "free-shipping", 12_345)
    look = Look(1_700_000_000_123_456, "revenue", 0.1, -0.1, 0.3, 0.5, 0.1, -0.1, 0.3)
    report = dataclasses.replace(EMPTY, traffic=(hour,) * 10_000, history=(look,) * 1_000)
    packed = convert_report.report(report)
    assert packed.ByteSize() < 2**20, "well below the 4 MiB that other clients take by default"
    assert client.report(packed) == report
