"""Settings for the whole suite, PostgreSQL for those who need it, and a table of what was measured."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from postgres import Database

# The same examples on every run, and no verdict on how fast the machine is.
settings.register_profile("banditcore", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("banditcore")


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="simulations at the size their bars are meant for")


@pytest.fixture(scope="session")
def full(request):
    """Whether to run at full size.

    What `make sims` and `make torture` run in full `make test` runs small. Bars that are means over runs are then as
    much wider as fewer runs scatter more. Seeds are fixed, so nothing flickers; a false-alarm rate in a docstring is
    what a fresh choice of seeds would risk with sound code.
    """
    return request.config.getoption("--full")


def pytest_collection_modifyitems(config, items):
    """Leaves out what only means something, or only takes its time, at full size."""
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
    """note(subject, measured, bar=""): a line of the table; numbers, or one number a run as mean and its error."""
    lines = request.config.stash.setdefault(LINES, [])
    return lambda subject, measured, bar="": lines.append((subject, shown(measured), bar))


def shown(measured):
    if isinstance(measured, str):
        return measured
    values = np.atleast_1d(measured)
    if len(values) == 1:
        return f"{values[0]:.3g}"
    return f"{values.mean():.4g} +- {values.std(ddof=1) / np.sqrt(len(values)):.2g}"


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(LINES, [])
    if lines and (config.getoption("--full") or config.getoption("verbose") > 0):
        terminalreporter.section("measured")
        for subject, measured, bar in lines:
            terminalreporter.write_line(f"{subject:<75} {measured:<18} {bar}")
