"""Times on machines that others use too: many short rounds, sides in turn, and what disturbs one round left out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from math import ceil
from time import perf_counter
from typing import Any

from benchmarks.kernels.cases import Case
from benchmarks.kernels.compare import Times

ROUND = 0.002
"""Seconds of one side in one round: long beside the clock, short beside what disturbs."""
ROUNDS = range(5, 150)


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection while the clock runs."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(call: Callable[[], Any], calls: int) -> float:
    start = perf_counter()
    for _ in repeat(None, calls):
        call()
    return perf_counter() - start


def calls_a_round(call: Callable[[], Any], cycle: int) -> int:
    """Whole cycles that take about ROUND; warms up by the way."""
    calls = cycle
    while (took := seconds(call, calls)) < ROUND / 4:
        calls *= 2
    return max(1, ceil(calls * ROUND / took / cycle)) * cycle


def fastest_rounds(case: Case, budget: float) -> Times:
    """Of each side by itself: what disturbs only ever makes a round slower."""
    ours, twin = calls_a_round(case.ours, case.cycle), calls_a_round(case.twin, case.cycle)
    found, done = Times(float("inf"), float("inf")), 0
    started = perf_counter()
    with undisturbed():
        while done < ROUNDS.start or (done < ROUNDS.stop and perf_counter() - started < budget):
            if done % 2:  # neither side always finds the caches as the other left them
                b = seconds(case.twin, twin)
                a = seconds(case.ours, ours)
            else:
                a = seconds(case.ours, ours)
                b = seconds(case.twin, twin)
            found = found.best(Times(a / (ours * case.decisions), b / (twin * case.decisions)))
            done += 1
    return found
