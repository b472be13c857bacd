"""How near kernels come to what the machine can do: flops and bytes counted, limits measured in the same run.

`make bench-limits` writes docs/benchmarks/kernels.md and kernels.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.kernels import cases, machine, work
from benchmarks.kernels.cases import Case
from benchmarks.kernels.measure import calls_a_round, seconds, undisturbed
from benchmarks.kernels.report import Row, page
from benchmarks.kernels.teaching import queries, taught

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks"
SECONDS = 0.5
PASSES = 2
"""Far apart, since what disturbs may last for seconds."""
SIZES = tuple((K, d) for K in cases.ARMS for d in cases.FEATURES)
JOINT = ((10, 16), (50, 16), (50, 64), (1000, 16), (1000, 64))


class Task(NamedTuple):
    kernel: str
    K: int
    d: int
    call: Callable[[], Any]
    cycle: int
    decisions: int
    work: work.Work


class Done(NamedTuple):
    """What is left of a task: its policies are not."""

    kernel: str
    K: int
    d: int
    work: work.Work
    seconds: float


def tasks() -> Iterator[Task]:
    """One at a time, since the largest take hundreds of megabytes."""
    for K, d in SIZES:
        ucb = cases.taught_once("lin_ucb", K, d)
        yield of("decide", K, d, cases.decide(K, d), work.decide(ucb))
        batch = cases.batch(K, d)
        asked = queries(K, d)
        X = np.concatenate([next(asked) for _ in range(batch.decisions)])
        yield Task("batch", K, d, partial(ucb.scores, X), 1, len(X), work.batch(K, d, len(X)))
        yield of("update", K, d, cases.update(K, d), work.update(K, d))
        yield of("vector", K, d, cases.vector(K, d), work.vector(cases.taught_once("linear_ts", K, d)))
        if K * d <= 3200:  # the hybrid learns row by row
            hybrid = taught("hybrid_lin_ucb", K, d)
            yield of("hybrid", K, d, cases.bounded(hybrid, cases.hybrid_twin(hybrid)), work.hybrid(K, d))
    for K, d in JOINT:
        yield of("joint", K, d, cases.joint(K, d), work.joint(K, d, cases.DRAWS))


def of(kernel: str, K: int, d: int, case: Case, needed: work.Work) -> Task:
    return Task(kernel, K, d, case.ours, case.cycle, case.decisions, needed)


def fastest(task: Task) -> float:
    """Seconds per decision in the fastest of many rounds."""
    calls = calls_a_round(task.call, task.cycle)
    best, left, end = float("inf"), 3, perf_counter() + SECONDS
    with undisturbed():
        while left > 0 or perf_counter() < end:
            best, left = min(best, seconds(task.call, calls)), left - 1
    return best / (calls * task.decisions)


def row(done: Done, limits: machine.Limits) -> Row:
    """The limits that apply, each as the time below which it does not let a decision come."""
    bounds = {"flops": done.work.flops / limits.multiplication}
    for moved, within in done.work.traffic:
        place = machine.level(within)
        bounds[place] = max(bounds.get(place, 0.0), moved / limits.bandwidth(within))
    moved = sum(traffic.moved for traffic in done.work.traffic)
    state = max(traffic.within for traffic in done.work.traffic)
    return Row(done.kernel, done.K, done.d, done.seconds, done.work.flops, moved, state, bounds)


def write(rows: list[Row], limits: machine.Limits) -> None:
    DOCS.mkdir(parents=True, exist_ok=True)
    kept = {
        "command": "make bench-limits",
        "machine": machine.described(),
        "caches": machine.caches(),
        "dgemm_gflops": round(limits.multiplication / 1e9, 1),
        "bandwidth_gb_s": {str(size): round(speed / 1e9, 1) for size, speed in limits.bandwidths.items()},
        "rows": [entry.as_json() for entry in rows],
    }
    (DOCS / "kernels.json").write_text(json.dumps(kept, indent=1) + "\n")
    (DOCS / "kernels.md").write_text(page(rows, limits, machine.described()))


def main() -> int:
    start, limits = perf_counter(), machine.limits()
    done: dict[tuple[str, int, int], Done] = {}
    for _ in range(PASSES):
        for task in tasks():
            key = task.kernel, task.K, task.d
            before = done[key].seconds if key in done else float("inf")
            done[key] = Done(*key, task.work, min(before, fastest(task)))
        limits = limits.best(machine.limits())
        print(f"{perf_counter() - start:.0f} s", flush=True)
    write([row(entry, limits) for entry in done.values()], limits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
