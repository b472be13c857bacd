"""Stores that releases wrote: opened, audited, and gone on with.

`golden/schema-N.db` is a database of SQLite, `schema-N.sql` one of PostgreSQL (by `pg_dump --inserts`): 60 units in
each of three experiments (lin_ucb, linear_ts, beta_ts) with most of their rewards; from schema 2 on with request ids.
"""

import shutil
from pathlib import Path

import psycopg
import pytest
from audits import audited

from banditcore import DecisionEngine
from banditcore.errors import StoreUnavailable
from banditcore.storage.opening import open_log, open_store
from banditcore.storage.sqlite import DATABASE
from banditcore.storage.tables import migrations

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("schema-*.*"))


def schema(path: Path) -> int:
    return int(path.stem.removeprefix("schema-"))


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, int]:
    """Location and schema of a store as its release left it."""
    path: Path = request.param
    if path.suffix == ".db":
        shutil.copy(path, tmp_path / DATABASE)
        return str(tmp_path), schema(path)
    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url) as connection:
        connection.execute(path.read_text().encode())
    return url, schema(path)


def test_it_is_audited_and_goes_on(written: tuple[str, int]) -> None:
    location, _ = written
    with DecisionEngine(open_store(location), learn_in_background=False) as engine:
        for name in ("lin-ucb", "linear-ts", "beta-ts"):
            assert engine.get(name).position > 0
            assert engine.decide(name, "somebody new", {"taste": [0.5, 0.5]}).certificate <= 1e-9
    found = audited(location)
    assert found.passed, found.problems
    assert (found.decisions, found.equal) == (183, 183)


def test_an_older_one_is_not_read_before_it_was_brought_up_to_date(written: tuple[str, int]) -> None:
    location, version = written
    if version < len(migrations()):
        with pytest.raises(StoreUnavailable, match="older release"):
            open_log(location)
    else:
        open_log(location).close()


def test_the_schema_of_this_release_is_among_them() -> None:
    newest = {path.suffix: max(schema(each) for each in FILES if each.suffix == path.suffix) for path in FILES}
    assert newest == {".db": len(migrations()), ".sql": len(migrations())}
