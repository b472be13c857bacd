"""From decision to reward to resolution: what counts, what teaches, and that each does so once.

All functions run inside the store's transaction, so what they check still holds when they write.
A decision resolves once: on its first reward for the learned goal, or at window close with the goal's default.
Only POLICY decisions resolve; what the holdout earns stays in `reward`, which the learner never reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from banditcore.assignment import id_bound, id_milliseconds, unknown_decision
from banditcore.config import ExperimentSpec, GoalSpec
from banditcore.errors import BanditcoreError, Conflict, InvalidInput, NotAllowedNow
from banditcore.storage.base import DecisionRow, ResolutionKind, ResolutionRow, RewardRow, Transaction
from banditcore.types import Group, Reward, RewardResult

SpecOf = Callable[[int, int], ExperimentSpec]
"""(stream, version) -> the definition that decision was made under."""

EXPIRY_GRACE_MS = 1_000
"""Window closes are written this much later, so that a decision still on its way to the log is not passed over."""


def record_rewards(
    tx: Transaction,
    rewards: Sequence[tuple[bytes, Reward]],
    spec_of: SpecOf,
    stream_of: Callable[[bytes], int],
    now_us: int,
) -> list[RewardResult]:
    """Records each reward by itself: an error in one says so in its result and leaves the others alone."""
    return [_attempt(tx, stream_of(decision), decision, reward, spec_of, now_us) for decision, reward in rewards]


def _attempt(
    tx: Transaction, stream: int, decision: bytes, reward: Reward, spec_of: SpecOf, now_us: int
) -> RewardResult:
    try:
        return _record(tx, stream, decision, reward, spec_of, now_us)
    except BanditcoreError as error:
        return RewardResult(error=error)


def _record(
    tx: Transaction, stream: int, decision: bytes, reward: Reward, spec_of: SpecOf, now_us: int
) -> RewardResult:
    row = tx.decision(stream, decision)
    if row is None:
        raise unknown_decision(reward.decision_id)
    spec = spec_of(stream, row.version)
    goal = _goal(spec, reward)
    earlier = tx.rewards(stream, decision)
    same_key = next((old for old in earlier if (old.goal, old.key) == (reward.goal, reward.key)), None)
    if same_key is not None:
        return _repeated(same_key, reward, goal)
    late = _closed(goal, decision, now_us)
    tx.append_reward(RewardRow(stream, decision, reward.goal, reward.key, reward.value, int(late), now_us))
    if late:
        raise _too_late(goal)
    return RewardResult(resolved=_resolve(tx, row, spec, reward, now_us))


def _goal(spec: ExperimentSpec, reward: Reward) -> GoalSpec:
    goal = spec.goal(reward.goal)
    if goal is None:
        known = ", ".join(goal.name for goal in spec.goals)
        raise InvalidInput(
            f"goal {reward.goal[:64]!r} is not a goal of {spec.name}: it has {known}",
            field="goal",
            reason="UNKNOWN_GOAL",
        )
    if goal.kind == "binary" and reward.value not in (0.0, 1.0):
        raise InvalidInput(f"value of the binary goal {goal.name} must be 0 or 1, found {reward.value}", field="value")
    return goal


def _repeated(old: RewardRow, reward: Reward, goal: GoalSpec) -> RewardResult:
    if old.value != reward.value:
        raise Conflict(
            f"the goal {goal.name} was already rewarded with {old.value} under the key {reward.key!r},"
            f" now with {reward.value}: send another key for a further observation",
            field="value",
            reason="REWARD_CONFLICT",
        )
    if old.late:
        raise _too_late(goal)
    return RewardResult(duplicate=True)


def _closed(goal: GoalSpec, decision: bytes, now_us: int) -> bool:
    return now_us > (id_milliseconds(decision) + goal.window_s * 1e3) * 1e3


def _too_late(goal: GoalSpec) -> NotAllowedNow:
    return NotAllowedNow(
        f"the window of {goal.name} ({goal.window_s:g} s) has closed: the reward is kept in the log and counts nowhere",
        field="decision_id",
        reason="WINDOW_CLOSED",
    )


def _teaches(row: DecisionRow) -> bool:
    return row.group == Group.POLICY and not row.degraded


def _resolve(tx: Transaction, row: DecisionRow, spec: ExperimentSpec, reward: Reward, now_us: int) -> bool:
    if reward.goal != spec.learn or not _teaches(row) or tx.resolved(row.stream, row.id):
        return False
    if spec.exposure == "explicit" and not tx.exposed(row.stream, row.id):
        return False
    tx.append_resolutions([ResolutionRow(row.stream, row.id, ResolutionKind.REWARD, reward.value, now_us)])
    return True


def record_exposure(tx: Transaction, stream: int, decision: bytes, text: str, spec_of: SpecOf, now_us: int) -> bool:
    """Records that a decision was shown; returns True when that was known. A reward that came before it now teaches."""
    row = tx.decision(stream, decision)
    if row is None:
        raise unknown_decision(text)
    if tx.exposed(stream, decision):
        return True
    spec = spec_of(stream, row.version)
    if _closed(spec.learned_goal, decision, now_us):
        raise _too_late(spec.learned_goal)
    tx.append_exposure(stream, decision, now_us)
    if spec.exposure == "explicit" and _teaches(row) and not tx.resolved(stream, decision):
        first = next((r for r in tx.rewards(stream, decision) if r.goal == spec.learn and not r.late), None)
        if first is not None:
            tx.append_resolutions([ResolutionRow(stream, decision, ResolutionKind.REWARD, first.value, now_us)])
    return False


def close_windows(tx: Transaction, stream: int, spec: ExperimentSpec, now_us: int, *, limit: int = 5_000) -> bool:
    """Resolves up to `limit` decisions whose window has closed without a reward; returns whether more may wait."""
    goal = spec.learned_goal
    before = closing_bound(goal, now_us)
    found = tx.expirable(stream, before, limit)
    tx.append_resolutions(
        [
            ResolutionRow(stream, decision, ResolutionKind.EXPIRY, goal.default, now_us)
            for decision, exposed in found
            if exposed or spec.exposure == "implied"
        ]
    )
    more = len(found) == limit
    # The mark never runs ahead of the decisions looked at: a clock set ahead for a moment would hide later ones.
    last = found[-1][0] if more else tx.last_decision(stream, before)
    if last is not None:
        tx.set_expired(stream, last + b"\0")
    return more


def closing_bound(goal: GoalSpec, now_us: int) -> bytes:
    """Ids below it belong to decisions whose window has closed by more than the grace."""
    return id_bound(int(now_us / 1e3 - goal.window_s * 1e3) - EXPIRY_GRACE_MS)


def matured_bound(goal: GoalSpec, now_us: int) -> bytes:
    """Ids below it belong to decisions whose window has closed: their outcome cannot change any more."""
    return id_bound(int(now_us / 1e3 - goal.window_s * 1e3))
