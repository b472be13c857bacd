"""Measures everything and writes the page."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.kernels.machine import described
from benchmarks.offline import beside_obp, rows
from benchmarks.offline.obp import BOOTSTRAPS
from benchmarks.offline.replays import SHARE, cases
from benchmarks.offline.replays import measured as replayed

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "benchmarks"
BUILD = ROOT / "build"
ROWS = 10_000_000


def measured(count: int, scale: float, folder: Path, with_obp: bool) -> dict[str, Any]:
    path = folder / f"rows-{count}.parquet"
    if not path.exists():
        rows.fill(path, count)
    large = folder / f"rows-{count}-doubles.parquet"
    if not large.exists():
        rows.fill(large, count, digits=None)
    found = []
    for case in cases(scale):
        found.append(replayed(case))
        print(found[-1], flush=True)
    return {
        "command": "make bench-offline",
        "machine": described(),
        "replay": found,
        "rows": count,
        "bytes": path.stat().st_size,
        "passes": rows.measured(path),
        "obp": beside_obp.measured(folder / "obp") if with_obp else None,
        "large_bytes": large.stat().st_size,
        "allowed_mb": rows.ALLOWED_MB,
        "large": rows.measured(large),
        "within": rows.within(large, rows.ALLOWED_MB),
    }


def page(found: dict[str, Any]) -> str:
    """docs/benchmarks/offline.md"""
    base = found["replay"][0]["events_per_s"]
    replays = "\n".join(_replay(one, base) for one in found["replay"])
    passes = "\n".join(_pass(side, one, found["rows"]) for side, one in found["passes"].items())
    large = "\n".join(_pass(side, one, found["rows"]) for side, one in found["large"].items())
    return f"""# Logs offline

Written by `{found["command"]}` on {found["machine"]["cpu"]}, Python {found["machine"]["python"]}, one thread. Times
are of the machine; compare the ratios, which are within this run.

## Replay

Rows of a log that a policy is taken through by `replay` in a second of one core, two repeats with all they need: the
check of the log, another order of its rows or the same, the report. **share**: of the first line's rate.
**over NumPy**: times the rate of a plain loop over the same rows (kept inverses, one product a decision), for LinUCB.

The uniform log is replayed by match, which accepts one row in K. In the biased one {1 - SHARE:.0%} of the plays go to
one of two arms, by the context, so M is {1 / SHARE:g} K and one row in so many is accepted by rejection. The line with
100 % accepted is LinUCB with a floor of 1, which is the law of the log, at M = 1: the most there can be to learn, and a
given M is checked in every row besides.

| policy | K | d | log | method | accepted | rows/s | share | over NumPy |
|---|--:|--:|---|---|--:|--:|--:|--:|
{replays}

What takes long is deciding, as in serving: `shared_linear_ts` draws its vectors, `beta_ts` integrates anew after each
row it learns, and with many arms LinUCB scores all of them until it has learned enough to leave most out.

## A pass over {found["rows"]:,} rows

IPS, SNIPS and DR with given q, with their standard errors, from a Parquet file of {found["bytes"] / 1e6:,.0f} MB: ten
arms, the target's vectors and q as lists, q with three decimals. Each in a process of its own.

| side | seconds | rows/s | peak MB | IPS | SNIPS | DR |
|---|--:|--:|--:|--:|--:|--:|
{passes}

The same from a file in which q has all the digits of a double, {found["large_bytes"] / 1e6:,.0f} MB, which no encoding
makes smaller:

| side | seconds | rows/s | peak MB | IPS | SNIPS | DR |
|---|--:|--:|--:|--:|--:|--:|
{large}

In memory all of it would take {found["rows"] * rows.ROW_BYTES / 1e6:,.0f} MB. In a process that may take no more than
{found["allowed_mb"]} MB for itself (`RLIMIT_DATA`) banditcore comes to the same figures in
{found["within"]["seconds"]} s, {found["within"]["peak_mb"]} MB at the peak.

{_obp(found["obp"])}"""


def _obp(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    ours, theirs = found["banditcore"]["ns"], found["obp"]
    whole = theirs["point_ns"] + theirs["intervals_ns"]
    return f"""## Beside Open Bandit Pipeline

IPS, SNIPS and DR with given q on {found["rows"]:,} rows in memory, ten arms, one core. banditcore looks after the log,
estimates, and gives intervals; obp ({found["pin"]}, the fork that installs on Python 3.11) estimates, and bootstraps
its intervals, 10,000 times unless told otherwise, here {BOOTSTRAPS} times. The estimates are the same to 1e-10.

| side | ns a row | times banditcore |
|---|--:|--:|
| banditcore: health, estimates, intervals | {ours:.0f} | 1 |
| obp, estimates alone | {theirs["point_ns"]:.0f} | {theirs["point_ns"] / ours:.1f} |
| obp, estimates and intervals of {BOOTSTRAPS} bootstraps | {whole:,.0f} | {whole / ours:.0f} |
"""


def _replay(one: dict[str, Any], base: float) -> str:
    numpy = f"{one['events_per_s'] / one['numpy_events_per_s']:.1f}" if "numpy_events_per_s" in one else "-"
    cells = [one["policy"], str(one["K"]), str(one["d"]), one["log"], one["method"], f"{one['accepted']:.1%}"]
    rate = one["events_per_s"]
    cells += [f"{float(f'{rate:.3g}'):,.0f}", f"{rate / base:.2g}", numpy]
    return f"| {' | '.join(cells)} |"


def _pass(side: str, one: dict[str, float], count: int) -> str:
    figures = (f"{one[name]:.5f} ± {one[name + '_error']:.5f}" for name in ("ips", "snips", "dr"))
    rate = float(f"{count / one['seconds']:.3g}")
    return f"| {side} | {one['seconds']} | {rate:,.0f} | {one['peak_mb']:,} | {' | '.join(figures)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="of the Parquet file")
    parser.add_argument("--scale", type=float, default=1.0, help="times the events that are replayed")
    parser.add_argument("--build", type=Path, default=BUILD, help="folder for the Parquet file, which is kept")
    parser.add_argument("--without-obp", action="store_true", help="which takes a venv of its own")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder to write to")
    options = parser.parse_args(arguments)
    found = measured(options.rows, options.scale, options.build, not options.without_obp)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "offline.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.out / "offline.md").write_text(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
