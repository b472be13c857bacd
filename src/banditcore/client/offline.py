"""The calls for imported rewards and merged identities, as `calls` has the others."""

from __future__ import annotations

from collections.abc import Sequence

from banditcore.client.calls import Call
from banditcore.client.errors import from_reward_error
from banditcore.errors import InvalidInput
from banditcore.offline import ImportResult, MergeResult, UnitReward
from banditcore.v1 import decision_service_pb2 as pb

_RULES = {"last": pb.ATTRIBUTION_RULE_LAST, "first": pb.ATTRIBUTION_RULE_FIRST, "all": pb.ATTRIBUTION_RULE_ALL}


def import_rewards(experiment: str, rewards: Sequence[UnitReward], rule: str) -> Call[list[ImportResult]]:
    if rule not in _RULES:
        raise InvalidInput(f"rule is one of {', '.join(_RULES)}, found {str(rule)[:64]!r}", field="rule")
    request = pb.ImportRewardsRequest(experiment=experiment, rule=_RULES[rule])
    for reward in rewards:
        message = request.rewards.add(unit=reward.unit, goal=reward.goal, value=reward.value, key=reward.key)
        message.event_time.seconds, micros = divmod(reward.time_us, 1_000_000)
        message.event_time.nanos = micros * 1_000
    return Call("ImportRewards", request, _imported, slow=True)


def _imported(message: pb.ImportRewardsResponse) -> list[ImportResult]:
    return [
        ImportResult(
            error=from_reward_error(result.error) if result.HasField("error") else None,
            decisions=result.decision_count,
            late=result.late_count,
            duplicate=result.duplicate,
            resolved=result.resolved_count,
        )
        for result in message.results
    ]


def merge_units(experiment: str, merges: Sequence[tuple[str, str]]) -> Call[list[MergeResult]]:
    request = pb.MergeUnitsRequest(experiment=experiment)
    for unit, into in merges:
        request.merges.add(unit=unit, into=into)
    return Call("MergeUnits", request, _merged, slow=True)


def _merged(message: pb.MergeUnitsResponse) -> list[MergeResult]:
    return [
        MergeResult(
            error=from_reward_error(result.error) if result.HasField("error") else None, duplicate=result.duplicate
        )
        for result in message.results
    ]
