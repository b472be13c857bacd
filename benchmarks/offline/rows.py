"""Ten million rows in Parquet, with the target's vectors and a model's expectations, and plain passes over them."""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from banditcore.types import Floats

ARMS = 10
GROUP = 2**17
"""Rows of a row group; the file is written in such pieces."""
FLOOR = 0.02
PREFERRED = 0.5
"""Of the logging policy's probability, on one arm a row; the rest is shared by the others."""

Figures = dict[str, float]


def fill(path: Path, rows: int, digits: int | None = 3) -> None:
    """Writes the log: arm, reward, propensity, `target` and `q` (lists of 10 doubles).

    digits: decimals that q has, as a model's scores have in an export; None for all of a double, which no encoding
    makes smaller. The target plays the best arm by q, and a floor.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with pq.ParquetWriter(part, _schema()) as writer:
        for number, start in enumerate(range(0, rows, GROUP)):
            writer.write_table(_piece(np.random.default_rng([6, number]), min(GROUP, rows - start), digits))
    part.rename(path)


def _schema() -> pa.Schema:
    vector = pa.list_(pa.float64(), ARMS)
    names = [("arm", pa.int64()), ("reward", pa.float64()), ("propensity", pa.float64())]
    return pa.schema([*names, ("target", vector), ("q", vector)])


def _piece(g: np.random.Generator, n: int, digits: int | None) -> pa.Table:
    at = np.arange(n)
    q = g.random((n, ARMS)) if digits is None else g.random((n, ARMS)).round(digits)
    target = np.full((n, ARMS), FLOOR / ARMS)
    target[at, q.argmax(axis=1)] += 1.0 - FLOOR
    logged = np.full((n, ARMS), (1.0 - PREFERRED) / (ARMS - 1))
    logged[at, g.integers(0, ARMS, n)] = PREFERRED
    arms = np.minimum((logged.cumsum(axis=1) <= g.random((n, 1))).sum(axis=1), ARMS - 1)
    rewards = (g.random(n) < q[at, arms]).astype(np.float64)
    vectors = [pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), ARMS) for values in (target, q)]
    return pa.table([pa.array(arms), pa.array(rewards), pa.array(logged[at, arms]), *vectors], schema=_schema())


def plain_numpy(path: Path) -> Figures:
    """IPS, SNIPS and DR with their standard errors, as one would write it: a row group at a time, sums kept."""
    sums = np.zeros(8)
    for arms, rewards, propensity, target, q in _groups(path):
        at = np.arange(len(arms))
        w = target[at, arms] / propensity
        wr = w * rewards
        dr = (target * q).sum(axis=1) + w * (rewards - q[at, arms])
        sums += [len(w), w.sum(), w @ w, wr.sum(), wr @ wr, w @ wr, dr.sum(), dr @ dr]
    n, w1, w2, r1, r2, wr2, d1, d2 = sums
    snips = r1 / w1
    return {
        "ips": r1 / n,
        "ips_error": math.sqrt((r2 / n - (r1 / n) ** 2) / n),
        "snips": snips,
        "snips_error": math.sqrt(r2 - 2.0 * snips * wr2 + snips * snips * w2) / w1,
        "dr": d1 / n,
        "dr_error": math.sqrt((d2 / n - (d1 / n) ** 2) / n),
    }


def banditcore(path: Path) -> Figures:
    """The same by `evaluate`, which also looks after the log: every check, propensities by arm, drift, weights."""
    from banditcore.evaluation import evaluate
    from banditcore.formats import read_log

    found = evaluate(read_log(path), ["column:target"], model="q", estimators=["ips", "snips", "dr"])
    figures: Figures = {}
    for estimate in found.targets[0].estimates:
        figures |= {estimate.estimator: estimate.value, f"{estimate.estimator}_error": estimate.standard_error}
    return figures


def _groups(path: Path) -> Iterator[tuple[Any, Floats, Floats, Floats, Floats]]:
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number).combine_chunks()
            flat = [table[name].chunk(0).to_numpy(zero_copy_only=False) for name in ("arm", "reward", "propensity")]
            vectors = [table[name].chunk(0).values.to_numpy().reshape(-1, ARMS) for name in ("target", "q")]
            yield flat[0], flat[1], flat[2], vectors[0], vectors[1]


ROW_BYTES = 8 * (3 + 2 * ARMS)
"""Of a row in memory: three numbers and two vectors."""
ALLOWED_MB = 600
"""Memory that a process may take for itself where a log is to be larger than that."""
SIDES: dict[str, Callable[[Path], Figures]] = {"banditcore": banditcore, "plain NumPy": plain_numpy}
"""What is measured, each in a process of its own."""


def measured(path: Path) -> dict[str, dict[str, float]]:
    """Side -> seconds, peak of memory and figures."""
    return {side: json.loads(_child(side, path).stdout) for side in SIDES}


def within(path: Path, limit_mb: int) -> dict[str, float]:
    """The same in a process that may take no more than so much memory for itself."""
    ran = _child("banditcore", path, str(limit_mb))
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def _child(side: str, path: Path, *limit_mb: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.offline.rows", side, str(path), *limit_mb]
    return subprocess.run(command, check=not limit_mb, capture_output=True, text=True)


def main(side: str, path: str, limit_mb: str = "") -> None:
    if limit_mb:
        bytes_ = int(limit_mb) * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (bytes_, bytes_))
    start = perf_counter()
    figures = SIDES[side](Path(path))
    taken = perf_counter() - start
    print(json.dumps({"seconds": round(taken, 2), "peak_mb": round(_peak_mb()), **figures}))


def _peak_mb() -> float:
    """Of this program alone: what `getrusage` tells begins with what the process had that started it."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
