"""Decisions and rewards a second through one engine, all durable before they count."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from banditcore import DecisionEngine
from banditcore.assignment import id_stream, split_ids
from banditcore.storage.base import Store
from banditcore.types import Ask, Reward
from benchmarks.stores.world import FEATURES, GOAL, NAME, WIDE

BATCH = 1_000
AHEAD = 8
"""Batches that are submitted and not waited for yet."""
GATHERED, CALLERS = 64, 512
"""Single calls that a server hands over together under load, and single calls in flight."""


def rates(store: Store, batches: int, rounds: int) -> dict[str, float]:
    """Medians over rounds of `batches` batches of 1,000; the learner runs all the while."""
    with DecisionEngine(store) as engine:
        engine.apply(WIDE)
        work = _Work(engine, batches)
        found = [work.round() for _ in range(rounds)]
    return {name: round(median(one[name] for one in found)) for name in found[0]}


class _Work:
    def __init__(self, engine: DecisionEngine, batches: int) -> None:
        self._engine, self._batches = engine, batches
        self._vectors = np.random.default_rng(0).standard_normal((BATCH, FEATURES))
        self._units = [f"customer-{number}" for number in range(BATCH)]
        self._asked = 0

    def round(self) -> dict[str, float]:
        """Everything once, so that what disturbs the machine for a while hits all of it."""
        first, second = self._decide(ahead=1), self._decide(ahead=AHEAD)
        one, several = self._reward(first[1], ahead=1), self._reward(second[1], ahead=AHEAD)
        return {
            "decisions in batches, one at a time": first[0],
            f"decisions in batches, {AHEAD} submitted": second[0],
            f"decisions in calls of {GATHERED}, {CALLERS} submitted": self._ask(GATHERED),
            f"decisions in calls of 1, {CALLERS} submitted": self._ask(1),
            "rewards recorded, one batch at a time": one[0],
            "rewards recorded and learned, one batch at a time": one[1],
            f"rewards recorded, {AHEAD} batches submitted": several[0],
            f"rewards recorded and learned, {AHEAD} batches submitted": several[1],
        }

    def _decide(self, ahead: int) -> tuple[float, list[str]]:
        """Decisions a second, and their ids."""
        started = perf_counter()
        done = pipelined(
            (lambda: self._engine.submit_batch(NAME, self._units, self._vectors) for _ in range(self._batches)), ahead
        )
        took = perf_counter() - started
        assert not any(batch.degraded for batch in done)
        return len(done) * BATCH / took, [id.hex() for batch in done for id in split_ids(batch.ids)]

    def _ask(self, together: int) -> float:
        count = self._batches * BATCH // 4
        row = {"x": self._vectors[0].tolist()}
        asks = [Ask(NAME, self._units[i % BATCH], row, (), f"{self._asked + i}") for i in range(count)]
        self._asked += count
        groups = [asks[start : start + together] for start in range(0, count, together)]
        started = perf_counter()
        done = pipelined((partial(self._engine.submit_decisions, group) for group in groups), CALLERS // together)
        took = perf_counter() - started
        assert not any(getattr(outcome, "degraded", True) for group in done for outcome in group)
        return count / took

    def _reward(self, decisions: list[str], ahead: int) -> tuple[float, float]:
        """Rewards a second: until they are durable, and until the serving model has learned the last of them."""
        rewards = [Reward(decision, GOAL, 1.0) for decision in decisions]
        batches = [rewards[start : start + BATCH] for start in range(0, len(rewards), BATCH)]
        started = perf_counter()
        done = pipelined((partial(self._engine.submit_rewards, batch) for batch in batches), ahead)
        recorded = perf_counter() - started
        self._await(decisions[0])
        learned = perf_counter() - started
        assert not any(result.error for results in done for result in results)
        return len(rewards) / recorded, len(rewards) / learned

    def _await(self, decision: str) -> None:
        # Resolutions come after the rewards of their call, so the last position is one.
        with self._engine._store.read() as reader:
            last = reader.stream_position(id_stream(bytes.fromhex(decision)))
        while self._engine.get(NAME).position < last:
            sleep(0.001)


def pipelined(calls: Iterable[Callable[[], Future[Any]]], ahead: int) -> list[Any]:
    """The results in order; at most `ahead` futures are waiting at a time."""
    waiting: deque[Future[Any]] = deque()
    results = []
    for call in calls:
        if len(waiting) == ahead:
            results.append(waiting.popleft().result())
        waiting.append(call())
    return results + [future.result() for future in waiting]
