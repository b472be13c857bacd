"""What an engine has promised its clients, kept apart from it, and the comparison with what its store holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from banditcore import DecisionEngine
from banditcore.audit import audit
from banditcore.errors import BanditcoreError, Conflict, NotAllowedNow, NotFound
from banditcore.experiments import prior
from banditcore.learner import Fold, digest
from banditcore.recompute import live_versions
from banditcore.storage.base import DecisionRow, Reader, ResolutionKind
from banditcore.types import Decision, DecisionBatch, Group, Reward, RewardResult


class Violation(AssertionError):
    """A promise was broken."""


class Receipt(NamedTuple):
    """What of one decision is promised for good, as replies and log have it in common."""

    id: str
    version: int
    unit: str
    group: int
    arm: int
    propensities: bytes
    model_position: int
    time: int

    @classmethod
    def of(cls, reply: Decision | DecisionBatch) -> list[Receipt]:
        if isinstance(reply, Decision):
            vector = reply.propensities
            if vector[reply.arm] != reply.propensity:
                raise Violation(f"decision {reply.id}: its propensity is not that of its vector")
            of_one = (int(reply.group), reply.arm, vector.tobytes(), reply.model_position, reply.time_us)
            return [cls(reply.id, reply.version, reply.unit, *of_one)]
        ids, common = reply.ids.hex(), (reply.model_position, reply.time_us)
        columns = zip(reply.units, reply.groups.tolist(), reply.arms.tolist(), reply.propensities, strict=True)
        return [
            cls(ids[48 * row : 48 * row + 48], reply.version, unit, group, arm, vector.tobytes(), *common)
            for row, (unit, group, arm, vector) in enumerate(columns)
        ]

    @classmethod
    def stored(cls, row: DecisionRow) -> Receipt:
        of_one = (row.group, row.arm, row.propensities, row.model_position, row.time)
        return cls(row.id.hex(), row.version, row.unit, *of_one)


RewardKey = tuple[str, str, str]
"""(decision id, goal, key)."""


class Promises:
    """Grows with every request sent and every reply the engine gave; `check` compares all of it with the store."""

    def __init__(self) -> None:
        self.units: dict[str, str] = {}
        """unit -> request id that it was sent with."""
        self.receipts: dict[str, list[Receipt]] = {}
        """request id -> what was acknowledged."""
        self.known: dict[str, Receipt] = {}
        """decision id -> the same, one by one."""
        self.values: dict[RewardKey, set[float]] = defaultdict(set)
        """Everything that was sent for a key."""
        self.rewards: dict[RewardKey, tuple[float, bool]] = {}
        """Acknowledged: (value, whether it came too late)."""
        self.resolving: set[str] = set()
        """Decisions of which a reply said that a reward resolves them."""
        self.exposed: set[str] = set()

    # Replies

    def decided(self, request_id: str, reply: Decision | DecisionBatch) -> None:
        """Takes what was logged into account; a flagged reply promises nothing."""
        if reply.degraded:
            return
        receipts = Receipt.of(reply)
        earlier = self.receipts.setdefault(request_id, receipts)
        if earlier != receipts:
            raise Violation(f"request {request_id} was answered again with something else: {earlier} then {receipts}")
        self.known.update((receipt.id, receipt) for receipt in receipts)

    def rewarded(self, reward: Reward, result: RewardResult) -> None:
        key = (reward.decision_id, reward.goal, reward.key)
        error = result.error
        if isinstance(error, NotFound):
            if reward.decision_id in self.known:
                raise Violation(f"decision {reward.decision_id} was acknowledged and is unknown to a reward")
        elif isinstance(error, Conflict):
            if len(self.values[key]) < 2:
                raise Violation(f"reward {key} was only ever sent with one value and is refused for another")
        else:
            late = isinstance(error, NotAllowedNow)
            if error is not None and not late:
                raise Violation(f"reward {key} was refused: {error}")
            earlier = self.rewards.setdefault(key, (reward.value, late))
            if earlier != (reward.value, late):
                raise Violation(f"reward {key} was acknowledged as {earlier}, then as {(reward.value, late)}")
            if result.resolved:
                self.resolving.add(reward.decision_id)

    # The store

    def check_decisions(self, reader: Reader) -> None:
        """The quick look after every restart: every acknowledged decision is stored, as acknowledged."""
        stored = {row.id.hex(): Receipt.stored(row) for stream in _streams(reader) for row in _rows(reader, stream)}
        for receipt in self.known.values():
            if stored.get(receipt.id) != receipt:
                raise Violation(f"acknowledged {receipt}, stored {stored.get(receipt.id)}")

    def check(self, reader: Reader) -> None:
        """All of it."""
        self.check_decisions(reader)
        for request_id, receipts in self.receipts.items():
            found = [Receipt.stored(row) for row in reader.request(request_id) or []]
            if found != receipts:
                raise Violation(f"request {request_id} was answered with {receipts}, its log says {found}")
        decided = Counter(row.unit for stream in _streams(reader) for row in _rows(reader, stream))
        for unit, times in decided.items():
            if unit not in self.units or times > 1:
                raise Violation(f"unit {unit}, of request {self.units.get(unit)}, is stored {times} times")
        for stream in _streams(reader):
            self._check_stream(reader, stream)

    def _check_stream(self, reader: Reader, stream: int) -> None:
        ids = [row.id for row in _rows(reader, stream)]
        self._check_rewards(reader, stream, ids)
        events, distinct, last = reader.density(stream)
        if not events == distinct == last == reader.stream_position(stream):
            raise Violation(f"stream {stream}: {events} events at {distinct} positions up to {last}")
        standings = reader.standings(stream, ids)
        for decision in ids:
            standing, name = standings[decision], decision.hex()
            if standing.resolution and (standing.group == Group.HOLDOUT or standing.degraded):
                raise Violation(f"decision {name} is resolved, though it teaches nothing")
            if name in self.resolving and standing.resolution != ResolutionKind.REWARD:
                raise Violation(f"decision {name} was to be resolved by its reward, and is by {standing.resolution}")
            if name in self.exposed and not standing.exposed:
                raise Violation(f"the exposure of decision {name} was acknowledged and is gone")
        resolved = sum(bool(standing.resolution) for standing in standings.values())
        if len(reader.lessons(stream, 0, 10**6).positions) != resolved:
            raise Violation(f"stream {stream} has {resolved} resolved decisions and other resolutions")

    def _check_rewards(self, reader: Reader, stream: int, ids: list[bytes]) -> None:
        stored: dict[RewardKey, tuple[float, bool]] = {}
        for row in reader.rewards(stream, ids):
            key = (row.decision.hex(), row.goal, row.key)
            if key in stored:
                raise Violation(f"reward {key} is stored twice")
            stored[key] = (row.value, bool(row.late))
            if row.value not in self.values[key]:
                raise Violation(f"reward {key} is stored with {row.value} and was sent with {self.values[key]}")
        there = {decision.hex() for decision in ids}
        for key, promise in self.rewards.items():
            if key[0] in there and stored.get(key) != promise:
                raise Violation(f"reward {key} was acknowledged as {promise}, stored is {stored.get(key)}")


def check_settled(reader: Reader, engine: DecisionEngine, secret: bytes, name: str) -> None:
    """For a store at rest whose windows have all closed: nothing is left open, and the log gives the model."""
    found = audit(reader, secret)
    if not found.passed:
        raise Violation(f"the audit says: {found.problems[0]}")
    live = live_versions(reader, name)[-1]
    explicit = live.spec.exposure == "explicit"
    ids = [row.id for row in _rows(reader, live.stream)]
    for decision, standing in reader.standings(live.stream, ids).items():
        teaches = standing.group == Group.POLICY and not standing.degraded and (standing.exposed or not explicit)
        if teaches and not standing.resolution:
            raise Violation(f"the window of decision {decision.hex()} has closed, and it is not resolved")
    for row in reader.streams():
        if row.stream == live.stream and row.open != 0:
            raise Violation(f"stream {row.stream} counts {row.open} open decisions and has none")
    fresh = Fold(prior(live))
    while fresh.read(reader, live.stream):
        pass
    if digest(engine.model(name).state()) != digest(fresh.policy.state()):
        raise Violation("the model is not what the log folds to")


def is_final(outcome: Any) -> bool:
    """Whether a client that got this for its request need not ask again."""
    if isinstance(outcome, BanditcoreError):
        return isinstance(outcome, NotFound | Conflict) or outcome.reason == "WINDOW_CLOSED"
    return outcome.duplicate or not outcome.degraded if isinstance(outcome, Decision | DecisionBatch) else True


def _streams(reader: Reader) -> Iterable[int]:
    return [row.stream for row in reader.streams()]


def _rows(reader: Reader, stream: int) -> Iterable[DecisionRow]:
    return list(reader.decisions_to_audit(stream))
