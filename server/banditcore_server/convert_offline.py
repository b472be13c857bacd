"""As `convert`, for imported rewards and merged identities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.offline import ImportResult, MergeResult, Rule, UnitReward
from banditcore.v1 import decision_service_pb2 as pb
from banditcore_server.status import code_of, public_message

Error = TypeVar("Error", pb.RewardError, pb.MergeError)
_RULES: dict[int, Rule] = {
    pb.ATTRIBUTION_RULE_UNSPECIFIED: "last",
    pb.ATTRIBUTION_RULE_LAST: "last",
    pb.ATTRIBUTION_RULE_FIRST: "first",
    pb.ATTRIBUTION_RULE_ALL: "all",
}


def rule(number: int) -> Rule:
    """Raises InvalidInput for a number that is no rule of this release."""
    if number not in _RULES:
        raise InvalidInput(f"rule {number} is none of this release: send last, first or all", field="rule")
    return _RULES[number]


def unit_rewards(messages: Sequence[pb.UnitReward]) -> tuple[list[UnitReward], dict[int, ImportResult]]:
    """The well-formed rewards, and by their place what becomes of the others."""
    rewards: list[UnitReward] = []
    refused: dict[int, ImportResult] = {}
    for place, message in enumerate(messages):
        missing = next((field for field in ("value", "event_time") if not message.HasField(field)), None)
        if missing:
            error = InvalidInput(f"{missing} is required{', also when it is 0' * (missing == 'value')}", field=missing)
            refused[place] = ImportResult(error=error)
        else:
            time_us = message.event_time.seconds * 1_000_000 + message.event_time.nanos // 1_000
            rewards.append(UnitReward(message.unit, message.goal, message.value, time_us, message.key))
    return rewards, refused


def import_result(result: ImportResult) -> pb.ImportResult:
    return pb.ImportResult(
        error=_error(pb.RewardError(), result.error) if result.error else None,
        decision_count=result.decisions,
        late_count=result.late,
        duplicate=result.duplicate,
        resolved_count=result.resolved,
    )


def merge_result(result: MergeResult) -> pb.MergeResult:
    return pb.MergeResult(
        error=_error(pb.MergeError(), result.error) if result.error else None, duplicate=result.duplicate
    )


def _error(message: Error, error: BanditcoreError) -> Error:
    message.code, message.reason = code_of(error), error.reason
    message.message, message.field = public_message(error), _FIELDS.get(error.field, error.field)
    return message


_FIELDS = {"time": "event_time"}
"""From the engine's names to those of the messages."""
