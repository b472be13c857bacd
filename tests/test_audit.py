"""An audit finds every decision again, and finds what was tampered with."""

from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from audits import audited

from banditcore import DecisionEngine, SqliteStore, parse_experiment
from banditcore.audit import Audit
from banditcore.storage.sqlite import DATABASE

BASE: dict[str, Any] = {
    "control": "plain",
    "holdout": 0.2,
    "variants": ["plain", "sale", "gift"],
    "policy": {"name": "linear_ts"},
    "context": [{"name": "taste", "type": "vector", "size": 3}],
    "goals": [{"name": "buy", "window": "1h"}],
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A log with all that can happen to it: variants added and removed, a new epoch, restarts, eligible lists."""
    chance = np.random.default_rng(3)
    changes: list[dict[str, Any]] = [
        {},
        {"variants": ["plain", "gift", "sale", "bundle"]},
        {"variants": ["plain", "bundle", "sale"]},
        {"variants": ["plain", "bundle", "sale"], "policy": {"name": "lin_ucb", "alpha": 0.7}},
    ]
    for number, change in enumerate(changes):
        with DecisionEngine(SqliteStore(tmp_path), learn_in_background=False) as engine:
            engine.apply(parse_experiment("shop", {**BASE, **change}))
            for turn in range(60):
                eligible = ["plain", "sale"] if turn % 7 == 0 else []
                context = {"taste": chance.standard_normal(3)}
                decision = engine.decide("shop", f"unit-{number}-{turn}", context, eligible=eligible)
                engine.reward(decision.id, "buy", float(chance.random() < 0.3))
                if turn % 11 == 0:
                    engine.catch_up()
    return tmp_path


def test_all_decisions_are_found_again(directory: Path) -> None:
    found = audited(directory)
    assert found.passed
    assert (found.decisions, found.equal, found.identical, found.streams) == (240, 240, 240, 2)
    assert found.snapshots >= 2
    assert found.resolutions > 150


def tampered(directory: Path, sql: str) -> Audit:
    connection = apsw.Connection(str(directory / DATABASE))
    connection.execute(sql)
    assert connection.changes() >= 1, "the sabotage itself must have worked"
    connection.close()
    return audited(directory)


MIDDLE = "(SELECT id FROM decision WHERE stream = 1 AND grp = 1 ORDER BY position LIMIT 1 OFFSET 60)"

HELD_OUT = "(SELECT id FROM decision WHERE stream = 1 AND grp = 2 LIMIT 1)"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (f"UPDATE decision SET arm = (arm + 1) % 3 WHERE id = {MIDDLE}", "the draw gives arm"),
        (f"UPDATE decision SET grp = 2 WHERE id = {MIDDLE}", "teaches nothing"),
        (f"UPDATE decision SET grp = 1 WHERE id = {HELD_OUT}", "POLICY was logged"),
        (f"UPDATE decision SET degraded = 1 WHERE id = {MIDDLE}", "teaches nothing"),
        (f"UPDATE reward SET value = 1 - value WHERE decision = {MIDDLE}", "another value than its reward"),
        (f"UPDATE reward SET late = 1 WHERE decision = {MIDDLE}", "another value than its reward"),
        (f"UPDATE reward SET goal = 'other' WHERE decision = {MIDDLE}", "another value than its reward"),
        (f"UPDATE resolution SET kind = 2 WHERE decision = {MIDDLE}", "against its rewards"),
        (f"UPDATE decision SET model_position = model_position - 25 WHERE id = {MIDDLE}", "vector differs"),
        (f"UPDATE decision SET context = zeroblob(24) WHERE id = {MIDDLE}", ""),
        ("UPDATE resolution SET value = 1 - value WHERE position < 30", "another value than its reward"),
        (f"DELETE FROM resolution WHERE decision = {MIDDLE}", "not 1, 2, 3"),
        (f"DELETE FROM decision WHERE id = {MIDDLE}", "not 1, 2, 3"),
        ("UPDATE secret SET value = zeroblob(32)", "was not made by this store"),
    ],
)
def test_tampering_is_found(directory: Path, sql: str, words: str) -> None:
    found = tampered(directory, sql)
    assert not found.passed
    assert words in found.problems[0]


def test_a_wrong_snapshot_is_found(directory: Path) -> None:
    connection = apsw.Connection(str(directory / DATABASE))
    rows = connection.execute("SELECT stream, state, digest FROM snapshot ORDER BY stream, position").fetchall()
    (_, state, digest), *_ = rows
    connection.execute(
        "UPDATE snapshot SET state = ?, digest = ? WHERE stream = 1"
        " AND position = (SELECT max(position) FROM snapshot WHERE stream = 1)",
        (state, digest),
    )
    connection.execute("UPDATE snapshot SET position = position - 20 WHERE stream = 1")
    connection.close()
    assert "not what the log folds to" in audited(directory).problems[0]
