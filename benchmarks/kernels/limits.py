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


def row(task: Task) -> Row:
    """The limits that apply, each as the time below which it does not let a decision come."""
    bounds = {"flops": task.work.flops / machine.multiplication()}
    for moved, within in task.work.traffic:
        place = machine.level(within)
        bounds[place] = max(bounds.get(place, 0.0), moved / machine.bandwidth_within(within))
    moved = sum(traffic.moved for traffic in task.work.traffic)
    state = max(traffic.within for traffic in task.work.traffic)
    return Row(task.kernel, task.K, task.d, fastest(task), task.work.flops, moved, state, bounds)


def main() -> int:
    start, found = perf_counter(), []
    for task in tasks():
        found.append(row(task))
        print(f"{task.kernel} K={task.K} d={task.d}: {found[-1].seconds * 1e6:.2f} us", flush=True)
    sizes = [2**power for power in range(13, 29)]
    limits = {
        "dgemm_gflops": round(machine.multiplication() / 1e9, 1),
        "caches": machine.caches(),
        "bandwidth_gb_s": {str(size): round(machine.bandwidth(size) / 1e9, 1) for size in sizes},
    }
    DOCS.mkdir(parents=True, exist_ok=True)
    kept = {"command": "make bench-limits", "machine": machine.described(), "limits": limits}
    rows = [entry.as_json() for entry in found]
    (DOCS / "kernels.json").write_text(json.dumps(kept | {"rows": rows}, indent=1) + "\n")
    (DOCS / "kernels.md").write_text(page(found, limits, machine.described()))
    print(f"{perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
