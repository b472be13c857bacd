"""Settings for the whole suite."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from postgres import Database

# The same examples on every run, and no verdict on how fast the machine is.
settings.register_profile("banditcore", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("banditcore")


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="acceptance simulations at the size their bars are meant for")


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """A PostgreSQL server."""
    with Database() as database:
        yield database


@pytest.fixture
def postgres_url(database: Database) -> str:
    """An empty database of the test's own."""
    return database.new()
