"""Rewards and exposures through the real server: each judged by itself, and none counted twice."""

from __future__ import annotations

import math
import time
from pathlib import Path

import grpc
import pytest
from google.rpc import code_pb2

from banditcore.client import Client
from banditcore.v1 import decision_pb2
from banditcore.v1 import decision_service_pb2 as pb
from banditcore_server.testing import ServerProcess

SHOP = Path(__file__).with_name("shop.toml")
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def decision_of(wire, experiment: str = "shop", group: int = decision_pb2.GROUP_POLICY) -> str:
    for i in range(1_000):
        answer = wire.decisions.Decide(pb.DecideRequest(experiment=experiment, unit=f"{time.time_ns()}-{i}"))
        if answer.group == group:
            return answer.decision_id
    raise AssertionError("no unit of that group")


def rewards(*found: pb.Reward) -> pb.RecordRewardsRequest:
    return pb.RecordRewardsRequest(rewards=found)


def click(decision: str, value: float = 1.0, key: str = "") -> pb.Reward:
    return pb.Reward(decision_id=decision, goal="click", value=value, key=key)


def record(wire, *found: pb.Reward) -> list[pb.RewardResult]:
    return list(wire.decisions.RecordRewards(rewards(*found)).results)


def test_the_first_reward_teaches_and_its_repetition_is_a_duplicate(wire):
    decision = decision_of(wire)
    (first,) = record(wire, click(decision))
    before = wire.counts()
    (second,) = record(wire, click(decision))
    assert first == pb.RewardResult(resolved=True)
    assert second == pb.RewardResult(duplicate=True)
    assert wire.counts() == before


def test_a_reward_of_the_holdout_is_kept_and_teaches_nothing(wire):
    assert record(wire, click(decision_of(wire, group=decision_pb2.GROUP_HOLDOUT))) == [pb.RewardResult()]


def test_the_same_key_with_another_value_is_already_exists(wire):
    decision = decision_of(wire)
    record(wire, click(decision, 1.0))
    code = grpc.StatusCode.ALREADY_EXISTS
    request = rewards(click(decision, 0.0))
    wire.refused(wire.decisions.RecordRewards, request, code, "REWARD_CONFLICT", "rewards[0].value")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.5])
def test_a_value_the_goal_cannot_take_is_refused(wire, value):
    request = rewards(click(decision_of(wire), value))
    wire.refused(wire.decisions.RecordRewards, request, INVALID, "INVALID_INPUT", "rewards[0].value")


def test_a_forgotten_value_is_not_taken_for_zero(wire):
    request = rewards(pb.Reward(decision_id=decision_of(wire), goal="click"))
    wire.refused(wire.decisions.RecordRewards, request, INVALID, "INVALID_INPUT", "rewards[0].value")


def test_an_unknown_goal_names_the_known_ones(wire):
    request = rewards(pb.Reward(decision_id=decision_of(wire), goal="clack", value=1))
    found = wire.refused(wire.decisions.RecordRewards, request, INVALID, "UNKNOWN_GOAL", "rewards[0].goal")
    assert "click" in found.message


def test_unknown_foreign_and_forged_decisions_get_one_answer(wire, tmp_path):
    own = decision_of(wire)
    forged = own[:-1] + ("0" if own[-1] != "0" else "1")
    with ServerProcess(tmp_path / "other", "--apply", str(SHOP)) as other, Client(other.target) as client:
        foreign = client.decide("shop", "u").id
    messages = set()
    for decision in (forged, foreign, "00" * 24, "", "no id", "zz" * 24):
        field = "rewards[0].decision_id"
        request = rewards(click(decision))
        found = wire.refused(wire.decisions.RecordRewards, request, NOT_FOUND, "DECISION_NOT_FOUND", field)
        messages.add(found.message.replace(repr(decision), "ID"))
        exposure = pb.RecordExposureRequest(decision_id=decision)
        wire.refused(wire.decisions.RecordExposure, exposure, NOT_FOUND, "DECISION_NOT_FOUND", "decision_id")
        explain = pb.ExplainDecisionRequest(decision_id=decision)
        wire.refused(wire.decisions.ExplainDecision, explain, NOT_FOUND, "DECISION_NOT_FOUND", "decision_id")
    assert len(messages) == 1


def test_a_reward_after_the_window_is_logged_as_late_and_refused(wire):
    decision = decision_of(wire, "brief")
    time.sleep(0.05)
    before = wire.counts()
    request = rewards(pb.Reward(decision_id=decision, goal="hit", value=1))
    for _ in range(2):
        found = wire.refusal(wire.decisions.RecordRewards, request)
        assert (found.code, found.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WINDOW_CLOSED")
        assert found.fields == ("rewards[0].decision_id",)
    assert wire.counts() == {**before, "reward": before["reward"] + 1}


def test_a_bad_reward_never_costs_a_good_one(wire):
    good, other = decision_of(wire), decision_of(wire)
    results = record(
        wire, click("forged"), click(good), click(other, math.nan), pb.Reward(decision_id=other), click(other)
    )
    codes = [result.error.code for result in results]
    assert codes == [code_pb2.NOT_FOUND, 0, code_pb2.INVALID_ARGUMENT, code_pb2.INVALID_ARGUMENT, 0]
    assert [result.resolved for result in results] == [False, True, False, False, True]
    assert all(result.error.message and result.error.reason for result in results if result.error.code)


def test_a_call_fails_only_when_every_reward_is_refused(wire):
    """With the code of the first, and every field named."""
    request = rewards(click("forged"), click(decision_of(wire), math.nan))
    fields = ("rewards[0].decision_id", "rewards[1].value")
    wire.refused(wire.decisions.RecordRewards, request, NOT_FOUND, "DECISION_NOT_FOUND", *fields)


def test_10_000_refusals_still_fit_into_the_trailers(wire):
    request = rewards(*[click("é" * 500) for _ in range(10_000)])
    found = wire.refusal(wire.decisions.RecordRewards, request)
    assert found.code == NOT_FOUND
    assert found.fields[0] == "rewards[0].decision_id"


@pytest.mark.parametrize("count", [0, 10_001])
def test_a_call_takes_1_to_10_000_rewards(wire, count):
    request = rewards(*[click("x")] * count)
    found = wire.refused(wire.decisions.RecordRewards, request, INVALID, "INVALID_INPUT", "rewards")
    assert "10,000" in found.message


def test_an_exposure_counts_once_and_lets_an_explicit_experiment_learn(wire):
    decision = decision_of(wire, "shown")
    hit = pb.Reward(decision_id=decision, goal="hit", value=1)
    assert not wire.decisions.RecordExposure(pb.RecordExposureRequest(decision_id=decision)).duplicate
    assert wire.decisions.RecordExposure(pb.RecordExposureRequest(decision_id=decision)).duplicate
    assert record(wire, hit) == [pb.RewardResult(resolved=True)]
