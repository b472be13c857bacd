"""A shop on a disk that may fail: traffic in groups, the receipts of what was acknowledged, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from disk import Disk, Faults
from shop import Clock, spec

from banditcore import DecisionEngine, SqliteStore
from banditcore.assignment import split_ids
from banditcore.audit import audit
from banditcore.errors import StoreCorrupt, StoreUnavailable
from banditcore.storage.base import Reader
from banditcore.types import Ask, Decision, Reward


@dataclass
class Call:
    """What one call would store; `done` once it was acknowledged."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    """By request id."""
    asked: list[str] = field(default_factory=list)
    rewards: list[Reward] = field(default_factory=list)
    batch: str = ""
    ids: list[bytes] = field(default_factory=list)
    done: bool = False


@dataclass
class Cuts:
    """What many power failures did."""

    losses: list[list[str]] = field(default_factory=list)
    """Of each cut, what was missing or wrong after it."""
    acknowledged: int = 0
    failed: int = 0

    @property
    def share(self) -> float:
        """Of cuts that lost something."""
        return sum(map(bool, self.losses)) / len(self.losses)


class Shop:
    """The real engine on the real store, whose files are on `disk`; all of it from one random source."""

    def __init__(self, rng: Random, disk: Disk, synchronous: str = "full") -> None:
        self.rng, self.disk, self.clock = rng, disk, Clock()
        self._synchronous = synchronous
        self.calls: list[Call] = []
        self._number = 0
        self.open()

    def open(self) -> None:
        self.store = SqliteStore("data", vfs=self.disk.name, synchronous=self._synchronous, threaded=False)
        self.engine = DecisionEngine(self.store, clock=self.clock, learn_in_background=False)
        self.engine.apply(spec())
        self.closed = False

    # Traffic

    def turn(self) -> None:
        """A group of calls in one commit; now and then windows close, the model learns, or the server restarts."""
        self.clock.advance(self.rng.uniform(0, 1))
        self._group([self.rng.choice((self._decide, self._batch, self._reward)) for _ in range(self.rng.randint(1, 6))])
        if self.rng.random() < 0.3:
            self.engine.catch_up()
        if self.rng.random() < 0.05:
            self.closed = True
            self.engine.close()
            self.open()

    def _group(self, kinds: list[Callable[[], tuple[Call, Future[Any]]]]) -> None:
        sent = [kind() for kind in kinds]
        self.calls += [call for call, _ in sent]
        self.store.commit_waiting()
        for call, future in sent:
            _acknowledge(call, future.result())

    def _next(self) -> str:
        self._number += 1
        return f"{self._number}"

    def _taste(self) -> np.ndarray:
        return np.array([self.rng.gauss(0, 1) for _ in range(3)])

    def _decide(self) -> tuple[Call, Future[Any]]:
        call = Call(asked=[self._next() for _ in range(self.rng.randint(1, 4))])
        asks = [Ask("shop", f"unit-{name}", {"taste": self._taste()}, (), name) for name in call.asked]
        return call, self.engine.submit_decisions(asks)

    def _batch(self) -> tuple[Call, Future[Any]]:
        call, count = Call(batch=self._next()), self.rng.randint(1, 20)
        units = [f"unit-{call.batch}-{n}" for n in range(count)]
        contexts = np.column_stack([[self._taste() for _ in range(count)], np.ones(count)])
        return call, self.engine.submit_batch("shop", units, contexts, request_id=call.batch)

    def _reward(self) -> tuple[Call, Future[Any]]:
        known = [decision.id for call in self.calls[-40:] if call.done for decision in call.decisions.values()]
        if not known:
            return self._decide()
        goals = {"buy": 1.0, "spend": 9.5}
        call = Call()
        for _ in range(self.rng.randint(1, 5)):
            goal = self.rng.choice(sorted(goals))
            call.rewards.append(Reward(self.rng.choice(known), goal, goals[goal], self._next()))
        return call, self.engine.submit_rewards(call.rewards)

    # What is left of it

    def losses(self) -> list[str]:
        """What of the acknowledged is not stored, of the refused is there by half, or does not add up."""
        with self.store.read() as reader:
            found = [loss for call in self.calls for loss in _losses(reader, call)]
            found += audit(reader, self.store.secret).problems
        verdict = self.disk.connection().execute("PRAGMA integrity_check").get
        return found + ([] if verdict == "ok" else [f"integrity: {verdict}"])

    def after_cut(self) -> list[str]:
        """Cuts the power, opens the store again and looks."""
        self.disk.cut(self.rng)
        try:
            self.open()
            return self.losses()
        except (StoreCorrupt, StoreUnavailable) as error:
            return [f"does not open: {error}"]


def cuts(count: int, seed: int, synchronous: str = "full", checkpoints: Sequence[int | None] = (10, 40, None)) -> Cuts:
    """Cuts the power `count` times at a random operation of the disk; a store lives through twelve of them.

    One that lost something is looked at no further. `checkpoints` are the sizes of the log, in pages, to choose from.
    """
    rng, seen = Random(seed), Cuts()
    while len(seen.losses) < count:
        shop = Shop(rng, Disk(autocheckpoint=rng.choice(checkpoints)), synchronous)
        for _ in range(min(12, count - len(seen.losses))):
            shop.disk.stop_after(rng.randrange(1, 400))
            with suppress(StoreUnavailable):
                while True:
                    shop.turn()
            seen.losses.append(shop.after_cut())
            if seen.losses[-1]:
                break
        seen.acknowledged += sum(call.done for call in shop.calls)
        seen.failed += sum(not call.done for call in shop.calls)
        shop.disk.kill()
    return seen


def faulty(rng: Random, turns: int, **shares: float) -> Shop:
    """A shop after `turns` on a disk that fails so often and in the end no more; what failed is not repeated."""
    disk = Disk(autocheckpoint=rng.choice((10, 40, None)))
    shop = Shop(rng, disk)
    disk.faults = Faults(rng, **shares)
    for _ in range(turns):
        with suppress(StoreUnavailable):
            if shop.closed:
                shop.open()
            shop.turn()
    disk.faults = Faults(rng)
    if shop.closed:
        shop.open()
    return shop


def _acknowledge(call: Call, found: Any) -> None:
    """Keeps what the reply promised. Raises StoreUnavailable on one that says it was not logged."""
    if call.asked:
        call.decisions = dict(zip(call.asked, found, strict=True))
    elif call.batch:
        call.ids = split_ids(found.ids)
    if any(decision.degraded for decision in call.decisions.values()) or (call.batch and found.degraded):
        raise StoreUnavailable("decided without the log")
    call.done = True


def _losses(reader: Reader, call: Call) -> list[str]:
    if call.rewards:
        return _partly(call, [_has_reward(reader, reward) for reward in call.rewards], "rewards")
    stored = {name: reader.request(name) or [] for name in call.asked or [call.batch]}
    found = _partly(call, [bool(rows) for rows in stored.values()], "decisions")
    if not call.done:
        return found
    if call.batch:
        same = [row.id for row in stored[call.batch]] == call.ids
        return found + ([] if same else [f"batch {call.batch} has other rows"])
    for name, decision in call.decisions.items():
        if [(row.id.hex(), row.arm, row.propensities) for row in stored[name]] != [
            (decision.id, decision.arm, decision.propensities.tobytes())
        ]:
            found.append(f"request {name} has another answer")
    return found


def _partly(call: Call, there: list[bool], what: str) -> list[str]:
    if call.done and not all(there):
        return [f"{there.count(False)} of {len(there)} acknowledged {what} of a call are gone"]
    if any(there) and not all(there):
        return [f"{there.count(True)} of {len(there)} {what} of a failed call are there"]
    return []


def _has_reward(reader: Reader, reward: Reward) -> bool:
    rows = reader.rewards(1, [bytes.fromhex(reward.decision_id)])
    return [(row.goal, row.value) for row in rows if row.key == reward.key] == [(reward.goal, reward.value)]
