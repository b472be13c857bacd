"""Every kernel beside its NumPy twin, per decision: read the ratios in brackets, not the microseconds.

Run: make bench. Targets of the exact Thompson vector (`gaussian`) at K = 10, 100, 1000: 10 us, 0.1 ms, 1 ms.
"""

from collections.abc import Iterator
from itertools import product
from time import perf_counter

import pytest

from benchmarks.kernels.cases import CASES, Case

SECONDS = 0.25
"""Of measuring, for each side of a case, but at least three rounds."""


@pytest.fixture(scope="module")
def kept() -> dict[str, Case]:
    """The case at hand; only that one, since the largest take hundreds of megabytes."""
    return {}


@pytest.fixture
def case(request: pytest.FixtureRequest, kept: dict[str, Case], name: str) -> Iterator[Case]:
    """Made before `benchmark`, whose clock it slows down so that a batch shows what one decision costs."""
    if name not in kept:
        kept.clear()
        kept[name] = CASES[name]()
    n = kept[name].decisions

    def clock() -> float:
        return perf_counter() / n

    times = {"timer": clock, "max_time": SECONDS / n, "min_time": 5e-6 / n, "min_rounds": 3}
    request.node.add_marker(pytest.mark.benchmark(group=name, **times))
    yield kept[name]


@pytest.mark.parametrize(("name", "side"), list(product(CASES, ("ours", "twin"))))
def test_kernel(case, benchmark, name, side):
    benchmark(getattr(case, side))
