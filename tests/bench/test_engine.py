"""What one decision costs in process, and what a lost snapshot costs at start."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from banditcore import DecisionEngine, MemoryStore, SqliteStore, parse_experiment
from banditcore.assignment import DecisionIds
from banditcore.storage.base import DecisionColumns, ResolutionKind, ResolutionRow, Transaction
from banditcore.types import Ask

ARMS, FEATURES = 10, 20
SPEC = parse_experiment(
    "bench",
    {
        "control": "v0",
        "holdout": 0.1,
        "variants": [f"v{arm}" for arm in range(ARMS)],
        "policy": {"name": "lin_ucb"},
        "context": [{"name": "x", "type": "vector", "size": FEATURES}],
        "goals": [{"name": "g", "window": "1d"}],
    },
)


class Discarding(MemoryStore):
    """Takes writes and forgets them: what is left is the engine's own cost."""

    discard = False

    def write(self, operation: Any) -> Any:
        if not self.discard:
            return super().write(operation)
        future: Future[None] = Future()
        future.set_result(None)
        return future


@pytest.fixture
def engine() -> Any:
    store = Discarding()
    engine = DecisionEngine(store, learn_in_background=False)
    engine.apply(SPEC)
    store.discard = True
    yield engine


VECTORS = np.random.default_rng(0).standard_normal((1_000, FEATURES))
UNITS = [f"customer-{number}" for number in range(1_000)]


def test_decide_without_the_commit(benchmark: Any, engine: DecisionEngine) -> None:
    attributes = {"x": VECTORS[0].tolist()}
    benchmark(lambda: engine.submit_decisions([Ask("bench", "customer-1", attributes)]))


def test_batch_of_1000_without_the_commit(benchmark: Any, engine: DecisionEngine) -> None:
    benchmark(lambda: engine.submit_batch("bench", UNITS, VECTORS))
    benchmark.extra_info["us_per_decision"] = benchmark.stats["median"] * 1e3
    print(f"\nbatch of 1,000: {benchmark.stats['median'] * 1e3:.2f} us per decision")


def test_batch_of_1000_durable(benchmark: Any, tmp_path: Path) -> None:
    with DecisionEngine(SqliteStore(tmp_path), learn_in_background=False) as engine:
        engine.apply(SPEC)
        benchmark(lambda: engine.decide_batch("bench", UNITS, VECTORS))
    print(f"\ndurable batch of 1,000: {1e3 / benchmark.stats['median']:,.0f} decisions/s")


LESSONS = 1_000_000


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 1,000,000 resolutions that no snapshot covers."""
    folder = tmp_path_factory.mktemp("million")
    with DecisionEngine(SqliteStore(folder), learn_in_background=False) as engine:
        stream = engine.apply(SPEC).stream
    store = SqliteStore(folder)
    ids, chance = DecisionIds(store.secret), np.random.default_rng(1)
    for page in range(LESSONS // 10_000):
        store.write(lambda tx, page=page: _fill(tx, stream, ids, chance, page), [stream]).result()
    store.close()
    return folder


def _fill(tx: Transaction, stream: int, ids: DecisionIds, chance: np.random.Generator, page: int) -> None:
    count, now_us = 10_000, 10**15 + page * 10**6
    contexts = chance.standard_normal((count, FEATURES))
    made = ids.new(stream, count, now_us)
    rows = DecisionColumns(
        stream=stream,
        version=1,
        model_position=0,
        degraded=0,
        time=now_us,
        ids=b"".join(made),
        units=[f"unit-{page}-{number}" for number in range(count)],
        groups=[1] * count,
        arms=chance.integers(0, ARMS, count).tolist(),
        contexts=contexts.tobytes(),
        propensities=np.full((count, ARMS), 1 / ARMS).tobytes(),
        eligible=None,
    )
    tx.append_decisions(rows)
    tx.append_resolutions([ResolutionRow(stream, decision, ResolutionKind.REWARD, 1.0, now_us) for decision in made])


def test_recovery_of_a_million_resolutions(benchmark: Any, million: Path) -> None:
    def start() -> DecisionEngine:
        return DecisionEngine(SqliteStore(million), learn_in_background=False)

    # Closing would save a snapshot, and the next start would not be a full fold: one round.
    engine = benchmark.pedantic(start, rounds=1)
    assert engine.get("bench").position == 2 * LESSONS
    engine._store.close()
    seconds = benchmark.stats["min"]
    print(f"\n{LESSONS:,} resolutions folded at start in {seconds:.2f} s, {seconds / LESSONS * 1e6:.2f} us each")
