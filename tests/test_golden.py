"""Data directories that earlier releases wrote: opened, audited, and gone on with.

`golden/schema-N.db`: 60 units in each of three experiments (lin_ucb, linear_ts, beta_ts) with most of their rewards;
from 2 on with request ids.
"""

import shutil
from pathlib import Path

import pytest
from audits import audited

from banditcore import DecisionEngine, SqliteStore
from banditcore.errors import StoreUnavailable
from banditcore.storage.sqlite import DATABASE, SqliteLog

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(params=sorted(GOLDEN.glob("*.db")), ids=lambda path: path.stem)
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copy(request.param, tmp_path / DATABASE)
    return tmp_path


def test_an_older_log_is_audited_and_goes_on(directory: Path) -> None:
    with DecisionEngine(SqliteStore(directory), learn_in_background=False) as engine:
        for name in ("lin-ucb", "linear-ts", "beta-ts"):
            assert engine.get(name).position > 0
            assert engine.decide(name, "somebody new", {"taste": [0.5, 0.5]}).certificate <= 1e-9
    found = audited(directory)
    assert found.passed, found.problems
    assert (found.decisions, found.equal) == (183, 183)


def test_an_older_log_is_not_read_before_it_was_brought_up_to_date(directory: Path) -> None:
    with pytest.raises(StoreUnavailable, match="older release"):
        SqliteLog(directory)
