"""An engine in memory whose time passes when the test says so."""

from collections.abc import Iterator

import pytest
from shop import Clock, spec

from banditcore import DecisionEngine, MemoryStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Iterator[DecisionEngine]:
    with DecisionEngine(MemoryStore(), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec())
        yield engine
