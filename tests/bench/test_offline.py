"""The benchmark of logs offline runs and writes what it measured."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from banditcore_simulations.replayed import replayed
from benchmarks.offline.replays import cases, log_of, plainly
from benchmarks.offline.rows import ARMS, SIDES, fill
from benchmarks.offline.run import main, page


def test_it_measures_and_writes(tmp_path: Path) -> None:
    assert (
        main(["--rows", "40000", "--scale", "0.002", "--without-obp", "--build", str(tmp_path), "--out", str(tmp_path)])
        == 0
    )
    kept = json.loads((tmp_path / "offline.json").read_text())
    assert kept["rows"] == 40_000 and {one["policy"] for one in kept["replay"]} >= {case.policy for case in cases(1.0)}
    assert (tmp_path / "offline.md").read_text() == page(kept)


@pytest.mark.parametrize(("log", "method"), [("uniform", "match"), ("biased", "rejection")])
def test_the_plain_loop_does_the_same(log: str, method: str) -> None:
    """Other random numbers, so within five of the spread between runs."""
    case = next(case for case in cases(0.05) if (case.log, case.method) == (log, method))
    data = log_of(case.arms, case.features, log, case.events, False)
    report = replayed(data, [case.spec], method=method, repeats=5)[0]
    assert abs(plainly(data, method, case.events) - report.value) <= 5 * report.spread + 0.02


def test_the_file_is_what_it_says(tmp_path: Path) -> None:
    fill(tmp_path / "log.parquet", 200_000)
    table = pq.read_table(tmp_path / "log.parquet")
    target, q = (np.stack(table[name].to_numpy()) for name in ("target", "q"))
    assert len(table) == 200_000 and np.allclose(target.sum(axis=1), 1.0)
    arms, p = table["arm"].to_numpy(), table["propensity"].to_numpy()
    assert abs((1.0 / p).mean() / ARMS - 1.0) < 0.02
    truth = (target * q).sum(axis=1).mean()
    for side in SIDES.values():
        figures = side(tmp_path / "log.parquet")
        assert all(abs(figures[name] - truth) <= 4 * figures[f"{name}_error"] for name in ("ips", "snips", "dr"))
        w = target[np.arange(len(arms)), arms] / p
        assert figures["ips"] == pytest.approx((w * table["reward"].to_numpy()).mean(), rel=1e-12)
