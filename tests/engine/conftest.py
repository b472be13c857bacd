"""An engine on an empty store whose time passes when the test says so."""

from collections.abc import Iterator

import pytest
from shop import Clock, spec

from banditcore import DecisionEngine, MemoryStore
from banditcore.storage.base import Store
from banditcore.storage.postgres import PostgresStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "postgres":
        return PostgresStore(request.getfixturevalue("postgres_url"))
    return MemoryStore()


@pytest.fixture
def engine(store: Store, clock: Clock) -> Iterator[DecisionEngine]:
    with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
        engine.apply(spec())
        yield engine
