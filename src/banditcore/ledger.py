"""From decision to reward to resolution: what counts, what teaches, and that each does so once.

All functions run inside the store's transaction, so what they check still holds when they write.
A decision resolves once: on its first reward for the learned goal, or with the goal's default when window and delay
are over. The delay is for imported rewards only: they happened within the window, and arrive later.
Only POLICY decisions resolve; what the holdout earns stays in `reward`, which the learner never reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from banditcore.assignment import id_bound, id_milliseconds, id_stream, unknown_decision
from banditcore.config import PER_DECISION, ExperimentSpec, GoalSpec
from banditcore.errors import BanditcoreError, Conflict, InvalidInput, NotAllowedNow
from banditcore.storage.base import ResolutionKind, ResolutionRow, RewardRow, Standing, Transaction
from banditcore.types import Group, Reward, RewardResult

SpecOf = Callable[[int, int], ExperimentSpec]
"""(stream, version) -> the definition that decision was made under."""

WINDOW_CLOSED = "WINDOW_CLOSED"
EXPIRY_GRACE_MS = 1_000
"""Window closes are written this much later: until then a decision may still be on its way to the log."""


def record_rewards(
    tx: Transaction, rewards: Sequence[tuple[bytes, Reward]], spec_of: SpecOf, now_us: int
) -> list[RewardResult]:
    """Records each reward by itself: an error in one says so in its result and leaves the others alone."""
    page = Page.of(tx, {decision for decision, _ in rewards}, spec_of, now_us)
    results = [page.attempt(decision, reward) for decision, reward in rewards]
    page.write(tx)
    return results


@dataclass(slots=True)
class Page:
    """What is known of the decisions of one call, and what is to be written."""

    spec_of: SpecOf
    now_us: int
    standings: dict[bytes, Standing] = field(default_factory=dict)
    earlier: dict[bytes, list[RewardRow]] = field(default_factory=lambda: defaultdict(list))
    final: set[tuple[bytes, str]] = field(default_factory=set)
    """Decisions and goals that are in the tallies already."""
    rewards: list[RewardRow] = field(default_factory=list)
    resolutions: list[ResolutionRow] = field(default_factory=list)

    @classmethod
    def of(cls, tx: Transaction, decisions: Collection[bytes], spec_of: SpecOf, now_us: int) -> Page:
        page = cls(spec_of, now_us)
        by_stream: dict[int, list[bytes]] = defaultdict(list)
        for decision in decisions:
            by_stream[id_stream(decision)].append(decision)
        for stream, some in by_stream.items():
            page.standings |= tx.standings(stream, some)
            page.final |= tx.final(stream, some)
            for row in tx.rewards(stream, some):
                page.earlier[row.decision].append(row)
        return page

    def attempt(self, decision: bytes, reward: Reward, *, imported: bool = False) -> RewardResult:
        """Records one reward; what is imported happened within the window, and may arrive as long as the goal says."""
        try:
            return self._record(decision, reward, imported)
        except BanditcoreError as error:
            return RewardResult(error=error)

    def _record(self, decision: bytes, reward: Reward, imported: bool = False) -> RewardResult:
        standing = self.standings.get(decision)
        if standing is None:
            raise unknown_decision(reward.decision_id)
        stream = id_stream(decision)
        spec = self.spec_of(stream, standing.version)
        goal = rewarded_goal(spec, reward.goal)
        check_value(goal, reward.value)
        open_s = goal.closes_s if imported else goal.window_s
        earlier = self.earlier[decision]
        same_key = next((old for old in earlier if (old.goal, old.key) == (reward.goal, reward.key)), None)
        if same_key is not None:
            return _repeated(same_key, reward, goal, open_s)
        # The log goes before the clock: what was learned or counted as a zero must not count as a one.
        expired = reward.goal == spec.learn and standing.resolution == ResolutionKind.EXPIRY
        late = expired or (decision, reward.goal) in self.final or _closed(open_s, decision, self.now_us)
        row = RewardRow(stream, decision, reward.goal, reward.key, float(reward.value), int(late), self.now_us)
        earlier.append(row)
        self.rewards.append(row)
        if late:
            raise _too_late(goal, open_s)
        return RewardResult(resolved=self._resolve(decision, spec, row))

    def _resolve(self, decision: bytes, spec: ExperimentSpec, reward: RewardRow) -> bool:
        standing = self.standings[decision]
        if reward.goal != spec.learn or not _teaches(standing) or standing.resolution:
            return False
        if spec.exposure == "explicit" and not standing.exposed:
            return False
        self.standings[decision] = standing._replace(resolution=int(ResolutionKind.REWARD))
        self.resolutions.append(_rewarded(reward, self.now_us))
        return True

    def write(self, tx: Transaction) -> None:
        # All rewards, then all resolutions: what resolves a decision has a later position than why.
        tx.append_rewards(sorted(self.rewards, key=_stream))
        tx.append_resolutions(sorted(self.resolutions, key=_stream))


def _stream(row: RewardRow | ResolutionRow) -> int:
    return row.stream


def _rewarded(reward: RewardRow, now_us: int) -> ResolutionRow:
    return ResolutionRow(reward.stream, reward.decision, ResolutionKind.REWARD, reward.value, now_us)


def rewarded_goal(spec: ExperimentSpec, name: str) -> GoalSpec:
    """The goal that a reward names. Raises InvalidInput for one that is unknown or takes no rewards."""
    goal = spec.goal(name)
    if goal is None:
        known = ", ".join(goal.name for goal in spec.goals if goal.kind != "ratio")
        raise InvalidInput(
            f"goal {name[:64]!r} is not a goal of {spec.name}: it has {known}", field="goal", reason="UNKNOWN_GOAL"
        )
    if goal.kind == "ratio":
        parts = [goal.numerator] + [goal.denominator] * (goal.denominator != PER_DECISION)
        raise InvalidInput(
            f"goal {name} is a ratio, which takes no rewards itself: reward {' and '.join(parts)}, which it is made of",
            field="goal",
            reason="RATIO_GOAL",
        )
    return goal


def check_value(goal: GoalSpec, value: float) -> None:
    """Raises InvalidInput for a value that the goal cannot have."""
    if goal.kind == "binary" and value not in (0.0, 1.0):
        raise InvalidInput(f"value of the binary goal {goal.name} must be 0 or 1, found {value}", field="value")


def conflict(goal: GoalSpec, key: str, old: float, new: float) -> Conflict:
    """The error for a key that was used before with another value."""
    return Conflict(
        f"the goal {goal.name} was already rewarded with {old} under the key {key!r},"
        f" now with {new}: send another key for a further observation",
        field="value",
        reason="REWARD_CONFLICT",
    )


def _repeated(old: RewardRow, reward: Reward, goal: GoalSpec, open_s: float) -> RewardResult:
    if old.value != reward.value:
        raise conflict(goal, reward.key, old.value, reward.value)
    if old.late:
        raise _too_late(goal, open_s)
    return RewardResult(duplicate=True)


def _closed(open_s: float, decision: bytes, now_us: int) -> bool:
    return now_us > (id_milliseconds(decision) + open_s * 1e3) * 1e3


def _too_late(goal: GoalSpec, open_s: float) -> NotAllowedNow:
    delay = f" and {goal.delay_s:g} s of delay" if open_s > goal.window_s else ""
    return NotAllowedNow(
        f"the window of {goal.name} ({goal.window_s:g} s{delay}) has closed:"
        " the reward is kept in the log and counts nowhere",
        field="decision_id",
        reason=WINDOW_CLOSED,
    )


def _teaches(standing: Standing) -> bool:
    return standing.group == Group.POLICY and not standing.degraded


def record_exposure(tx: Transaction, decision: bytes, text: str, spec_of: SpecOf, now_us: int) -> bool:
    """Records that a decision was shown; returns True when that was known. A reward that came before it now teaches."""
    stream = id_stream(decision)
    standing = tx.standings(stream, [decision]).get(decision)
    if standing is None:
        raise unknown_decision(text)
    if standing.exposed:
        return True
    spec = spec_of(stream, standing.version)
    # The log goes before the clock here, too: what closed unexposed stays so when a new start is set back in time.
    passed = not tx.windows_due(stream, decision + b"\0")
    closes_s = spec.learned_goal.closes_s
    if passed or _closed(closes_s, decision, now_us):
        raise _too_late(spec.learned_goal, closes_s)
    tx.append_exposure(stream, decision, now_us)
    if spec.exposure == "explicit" and _teaches(standing) and not standing.resolution:
        rewards = tx.rewards(stream, [decision])
        first = next((row for row in rewards if row.goal == spec.learn and not row.late), None)
        if first is not None:
            tx.append_resolutions([_rewarded(first, now_us)])
    return False


def close_windows(tx: Transaction, stream: int, spec: ExperimentSpec, now_us: int, *, limit: int = 5_000) -> bool:
    """Resolves up to `limit` decisions whose window has closed without a reward; returns whether more may wait."""
    goal = spec.learned_goal
    before = closing_bound(goal, now_us)
    found = tx.expirable(stream, before, limit)
    closing = [
        ResolutionRow(stream, decision, ResolutionKind.EXPIRY, goal.default, now_us)
        for decision, exposed in found
        if exposed or spec.exposure == "implied"
    ]
    tx.append_resolutions(closing)
    more = len(found) == limit
    # The mark never runs ahead of the decisions looked at: a clock set ahead for a moment would hide later ones.
    last = found[-1][0] if more else tx.last_decision(stream, before)
    if last is not None:
        tx.set_expired(stream, last + b"\0", len(found) - len(closing))
    return more


def closing_bound(goal: GoalSpec, now_us: int) -> bytes:
    """Ids below it belong to decisions whose outcome is final by more than the grace."""
    return id_bound(int(now_us / 1e3 - goal.closes_s * 1e3) - EXPIRY_GRACE_MS)


def matured_bound(goal: GoalSpec, now_us: int) -> bytes:
    """Ids below it belong to decisions whose window and delay have passed: their outcome cannot change any more."""
    return id_bound(int(now_us / 1e3 - goal.closes_s * 1e3))
