"""Settings for the whole suite, PostgreSQL for those who need it, and a table of what was measured."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from postgres import Database

# The same examples on every run, and no verdict on how fast the machine is.
settings.register_profile("banditcore", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("banditcore")
# What every world must keep to fails with the numbers that do not.
pytest.register_assert_rewrite("visited")


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the proofs of tests/torture at full size")


@pytest.fixture(scope="session")
def full(request):
    """Whether to run at the size of `make torture`; `make test` runs the same proofs small.

    Seeds are fixed, so nothing flickers; a false-alarm rate in a docstring is what a fresh choice of seeds would risk
    with sound code.
    """
    return request.config.getoption("--full")


def pytest_collection_modifyitems(config, items):
    """Leaves out what means something at full size only."""
    if not config.getoption("--full"):
        left = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if not item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """A PostgreSQL server."""
    with Database() as database:
        yield database


@pytest.fixture
def postgres_url(database: Database) -> str:
    """An empty database of the test's own."""
    return database.new()


LINES = pytest.StashKey[list]()


@pytest.fixture(scope="session")
def note(request):
    """note(subject, measured, bar=""): a line of the table."""
    lines = request.config.stash.setdefault(LINES, [])

    def add(subject, measured, bar=""):
        lines.append((subject, measured if isinstance(measured, str) else f"{measured:.3g}", bar))

    return add


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(LINES, [])
    if lines and (config.getoption("--full") or config.getoption("verbose") > 0):
        terminalreporter.section("measured")
        for subject, measured, bar in lines:
            terminalreporter.write_line(f"{subject:<75} {measured:<18} {bar}")
