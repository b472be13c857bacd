"""Whole lives of an engine under a seed, with every fault there is; and sabotaged engines, which it must find.

A failing seed says how to play it again. `make torture` plays 2,000 seeds of 500 events.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import simulation
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from promises import Violation
from simulation import Simulation, run

from banditcore.errors import BanditcoreError
from banditcore.futures import completed
from banditcore.learner import Fold
from banditcore.ledger import Page
from banditcore.storage import sqlite
from banditcore.storage.sqlite_tables import SqliteTables
from banditcore.types import Reward, RewardResult

Patch = pytest.MonkeyPatch


def test_no_seed_breaks_a_promise() -> None:
    for seed in range(60):
        run(seed, 300)


@pytest.mark.full
def test_none_of_two_thousand_seeds_breaks_a_promise(note: Callable[[str, str], None]) -> None:
    with ThreadPoolExecutor(2) as pool:
        printed = list(pool.map(lambda first: _printed("0", first, 1_000, 500), (0, 1_000)))
    assert [len(lines) for lines in printed] == [1_000, 1_000]
    note("simulated lives of 500 events that broke a promise", "0 of 2000")


def test_the_same_seed_is_the_same_run() -> None:
    # In other processes with other hash seeds: nothing may depend on the order of a set.
    runs = [_printed(hash_seed) for hash_seed in ("1", "2")]
    assert runs[0] == runs[1] == [f"{seed} {run(seed, 300)}" for seed in (5, 6, 7)]
    assert len(set(runs[0])) == 3


def _printed(hash_seed: str, first: int = 5, seeds: int = 3, events: int = 300) -> list[str]:
    """What the simulation prints for each seed; fails with the violation, which says how to see it again."""
    command = [sys.executable, str(Path(simulation.__file__)), "--seed", str(first), "--seeds", str(seeds)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([*command, "--events", str(events)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout.splitlines()


def test_a_violation_says_how_to_see_it_again(monkeypatch: Patch) -> None:
    forget_requests(monkeypatch)
    with pytest.raises(Violation, match=r"seed \d+, event \d+ \(.*\): .* again: python tests/support/simulation.py"):
        for seed in range(10):
            run(seed, 300)


# Sabotage. The numbers of seeds are several times what it took when they were chosen.


def found(seeds: int, **options: Any) -> bool:
    """Whether any of the seeds finds something."""
    for seed in range(seeds):
        try:
            run(seed, 300, **options)
        except Violation as violation:
            assert isinstance(violation.__cause__, Violation | BanditcoreError), "the sabotage itself failed"
            return True
    return False


def acknowledge_early(monkeypatch: Patch) -> None:
    """What a call would return is worked out, taken back and returned; only then it waits for its commit."""
    write = sqlite.SqliteStore.write

    def early(store: sqlite.SqliteStore, operation: Callable[..., Any], streams: Any = ()) -> Future[Any]:
        later = write(store, operation, streams)
        if not streams or not store._writer.up:
            return later
        with store.read() as tables:
            return completed(operation(tables))

    monkeypatch.setattr(sqlite.SqliteStore, "write", early)


def count_every_retry(monkeypatch: Patch) -> None:
    """Each reward gets a key of its own."""
    record, numbers = Page._record, count()

    def anew(page: Page, decision: bytes, reward: Reward, imported: bool) -> RewardResult:
        return record(page, decision, replace(reward, key=str(next(numbers))), imported)

    monkeypatch.setattr(Page, "_record", anew)


def fold_twice(monkeypatch: Patch) -> None:
    """A snapshot names the position before its last lessons, so that a restart folds them again."""
    snapshot = Fold.snapshot

    def old(fold: Fold, live: Any) -> Any:
        row = snapshot(fold, live)
        return replace(row, position=max(row.position - 3, 0))

    monkeypatch.setattr(Fold, "snapshot", old)


def forget_requests(monkeypatch: Patch) -> None:
    """The answer to a request id is not remembered."""
    monkeypatch.setattr(SqliteTables, "_insert_requests", lambda tables, rows, requests: None)


def forget_some_requests(monkeypatch: Patch) -> None:
    """One in twenty is not."""
    insert = SqliteTables._insert_requests

    def some(tables: SqliteTables, rows: Any, requests: Any) -> None:
        insert(tables, rows, [asked for asked in requests if int(asked.request_id) % 20])

    monkeypatch.setattr(SqliteTables, "_insert_requests", some)


def resolve_the_holdout(monkeypatch: Patch) -> None:
    """The holdout's rewards teach, too."""
    monkeypatch.setattr("banditcore.ledger._teaches", lambda standing: not standing.degraded)


def commit_by_statement(monkeypatch: Patch) -> None:
    """There is no transaction: each statement is durable by itself, and what fails is there by half."""

    @contextmanager
    def within(connection: Any) -> Iterator[None]:
        yield

    monkeypatch.setattr(sqlite, "_within", within)


@pytest.mark.parametrize(
    ("sabotage", "seeds"),
    [
        (acknowledge_early, 10),
        (count_every_retry, 5),
        (fold_twice, 20),
        (forget_requests, 5),
        (forget_some_requests, 20),
        (resolve_the_holdout, 5),
        (commit_by_statement, 20),
    ],
)
def test_sabotage_is_found(monkeypatch: Patch, sabotage: Callable[[Patch], None], seeds: int) -> None:
    sabotage(monkeypatch)
    assert found(seeds)


@pytest.mark.parametrize(("synchronous", "seeds"), [("off", 5), ("normal", 10)])
def test_syncing_less_is_found(synchronous: str, seeds: int) -> None:
    assert found(seeds, synchronous=synchronous)


# The same events as rules, for hypothesis to choose and to shrink.


class Machine(RuleBasedStateMachine):
    """Events in an order of hypothesis's, each with the simulation's own chance."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.simulation = Simulation(seed)

    @rule(event=st.sampled_from(sorted(simulation.WEIGHTS)), times=st.integers(1, 8))
    def happen(self, event: str, times: int) -> None:
        for _ in range(times):
            self.simulation.happen(event)

    @rule()
    def serve(self) -> None:
        """Something to lose: requests come in, are answered and rewarded."""
        for event in ("ask", "deliver", "commit", "deliver", "earn", "deliver", "commit", "learn"):
            self.simulation.happen(event)

    def teardown(self) -> None:
        if hasattr(self, "simulation"):
            self.simulation.settle()
            self.simulation.disk.kill()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=30)
