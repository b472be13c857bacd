"""Stores that releases wrote: opened, audited, and gone on with.

`golden/schema-N.db` is a database of SQLite, `schema-N.sql` one of PostgreSQL (by `pg_dump --inserts`): 60 units in
each of three experiments (lin_ucb, linear_ts, beta_ts) with most of their rewards; from schema 2 on with request ids.
`trimmed-4.db` is one of which retention had deleted most, when sums of what was deleted were carried along.
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


def test_what_was_carried_of_deleted_decisions_is_counted(tmp_path: Path) -> None:
    """Units, converted units and sums are those that the release before reported for the same log."""
    shutil.copy(GOLDEN / "trimmed-4.db", tmp_path / DATABASE)
    with DecisionEngine(open_store(str(tmp_path)), learn_in_background=False) as engine:
        report = engine.report("shop")
        with engine._store.read() as reader:
            found = {(at.goal, at.group): moments for at, moments in reader.moments(1).items()}
    assert (report.decisions, [variant.decisions for variant in report.variants]) == (400, [227, 57])
    counts = [(found[goal, group].n, found[goal, group].converted) for goal in ("buy", "spend") for group in (1, 2)]
    assert counts == [(100, 61), (44, 24)] * 2
    assert [found["spend", group].mean for group in (1, 2)] == [4.25, 130 / 44]
    assert found["spend", 1].variance == pytest.approx(25.502525252525253)
