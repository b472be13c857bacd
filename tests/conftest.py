"""Settings for the whole suite."""

from collections.abc import Iterator

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
    """Whether to run at full size."""
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
