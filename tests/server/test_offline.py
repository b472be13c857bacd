"""Imported rewards and merged identities through the real server, as the wire has them."""

from __future__ import annotations

import time

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2

from banditcore.v1 import decision_service_pb2 as pb


def now(ahead_s: float = 0.0) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(time.time_ns() + int(ahead_s * 1e9))
    return stamp


def decided(wire) -> str:
    unit = f"offline-{time.time_ns()}"
    wire.decisions.Decide(pb.DecideRequest(experiment="shop", unit=unit))
    return unit


def imported(wire, *rewards: pb.UnitReward, **options) -> list[pb.ImportResult]:
    request = pb.ImportRewardsRequest(experiment="shop", rewards=rewards, **options)
    return list(wire.decisions.ImportRewards(request).results)


def test_rows_are_judged_by_themselves_and_keep_their_places(wire):
    sale = pb.UnitReward(unit=decided(wire), goal="click", value=1.0, event_time=now())
    no_value = pb.UnitReward(unit="a", goal="click", event_time=now())
    no_time = pb.UnitReward(unit="a", goal="click", value=0.0)
    ahead = pb.UnitReward(unit="a", goal="click", value=0.0, event_time=now(60))
    nobody = pb.UnitReward(unit="nobody", goal="click", value=1.0, event_time=now())
    results = imported(wire, no_value, sale, no_time, ahead, nobody)
    assert [result.decision_count for result in results] == [0, 1, 0, 0, 0]
    refusals = [(result.error.code, result.error.field, result.error.reason) for result in results]
    invalid = code_pb2.INVALID_ARGUMENT
    assert refusals == [
        (invalid, "value", "INVALID_INPUT"),
        (0, "", ""),
        (invalid, "event_time", "INVALID_INPUT"),
        (invalid, "event_time", "TIME_IN_FUTURE"),
        (0, "", ""),
    ]
    assert results[4] == pb.ImportResult()
    before = wire.counts()
    assert imported(wire, sale, rule=pb.ATTRIBUTION_RULE_ALL) == [pb.ImportResult(duplicate=True)]
    assert wire.counts() == before
    assert imported(wire, no_value)[0].error.code == invalid, "the call does not fail with its only row"


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"rule": 9}, "rule", grpc.StatusCode.INVALID_ARGUMENT),
        ({"rewards": []}, "rewards", grpc.StatusCode.INVALID_ARGUMENT),
        ({"rewards": [pb.UnitReward()] * 10_001}, "rewards", grpc.StatusCode.INVALID_ARGUMENT),
        ({"experiment": "nowhere"}, "experiment", grpc.StatusCode.NOT_FOUND),
    ],
)
def test_an_import_that_is_wrong_as_a_whole(wire, change, field, code):
    sale = pb.UnitReward(unit="a", goal="click", value=1.0, event_time=now())
    request = pb.ImportRewardsRequest(**{"experiment": "shop", "rewards": [sale], **change})
    refusal = wire.refusal(wire.decisions.ImportRewards, request)
    assert (refusal.code, refusal.fields) == (code, (field,))


def test_merges_are_judged_by_themselves(wire):
    first, later = decided(wire), decided(wire)
    merges = [pb.UnitMerge(unit=later, into=first), pb.UnitMerge(unit=first, into=later), pb.UnitMerge(unit="a")]
    request = pb.MergeUnitsRequest(experiment="shop", merges=merges)
    made, back, empty = wire.decisions.MergeUnits(request).results
    assert made == pb.MergeResult()
    assert (back.error.code, back.error.field, back.error.reason) == (code_pb2.INVALID_ARGUMENT, "into", "MERGE_CYCLE")
    assert empty.error.field == "into"
    assert wire.decisions.MergeUnits(request).results[0] == pb.MergeResult(duplicate=True)
    answer = wire.decisions.Decide(pb.DecideRequest(experiment="shop", unit=later))
    asked = pb.ExplainDecisionRequest(decision_id=answer.decision_id)
    assert wire.decisions.ExplainDecision(asked).explanation.decision.unit == first
    refusal = wire.refusal(wire.decisions.MergeUnits, pb.MergeUnitsRequest(experiment="shop"))
    assert (refusal.code, refusal.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("merges",))
