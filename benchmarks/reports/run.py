"""Measures everything and writes the page."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from banditcore.client import AsyncClient, Client
from banditcore.types import Value
from banditcore_server.testing import ServerProcess
from benchmarks.kernels.machine import described
from benchmarks.reports.world import FEATURES, NAME, fill

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks"
UNITS = 1_000_000
CLIENTS, CALLS, ROUNDS = 16, 4_000, 8
TASTE: dict[str, Value] = {"device": "phone", "taste": [0.1] * (FEATURES - 5)}


def measured(units: int, rounds: int, calls: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="banditcore-bench-") as folder:
        data = Path(folder) / "data"
        counting_s, decisions = fill(data, units)
        found: dict[str, Any] = {
            "command": "make bench-reports",
            "machine": described(),
            "units": units,
            "decisions": decisions,
            "counted_per_s": round(decisions / counting_s),
        }
        with ServerProcess(data, "--page", "127.0.0.1:0") as server:
            page = _page_address(server)
            found["page_cold_ms"] = round(1e3 * _fetched(page), 1)
            found["page_ms"] = _quartiles([_fetched(page, wait_s=1.1) for _ in range(7)])
            found["page_cached_ms"] = _quartiles([_fetched(page) for _ in range(7)])
            with Client(server.target) as client:
                found["report_ms"] = _quartiles([_timed(lambda: client.report(NAME)) for _ in range(15)])
            found["decide"] = _beside_a_reader(server.target, page, rounds, calls)
    return found


def _beside_a_reader(target: str, page: str, rounds: int, calls: int) -> dict[str, Any]:
    """p50 and p99 of Decide in turns: nobody looks, somebody reads the report every second, or the page."""
    readers = {"nobody": None, "report": lambda: _read_report(target), "page": lambda: _fetched(page)}
    took: dict[str, list[list[float]]] = {name: [] for name in readers}
    for turn in range(rounds + 1):
        for name, look in sorted(readers.items(), key=lambda item: (turn * 7 + len(item[0])) % 3):
            stop = threading.Event()
            thread = threading.Thread(target=_read_every_second, args=(look, stop))
            thread.start()
            seconds = asyncio.run(_load(target, calls))
            stop.set()
            thread.join()
            if turn:
                took[name].append(seconds)
    return {
        name: {
            f"p{percentile}_ms": round(1e3 * float(np.percentile(np.concatenate(turns), percentile)), 2)
            for percentile in (50, 99)
        }
        | {
            f"p{percentile}_ratio": round(
                median(
                    float(np.percentile(own, percentile) / np.percentile(base, percentile))
                    for own, base in zip(turns, took["nobody"], strict=True)
                ),
                3,
            )
            for percentile in (50, 99)
        }
        for name, turns in took.items()
    }


def _read_every_second(look: Any, stop: threading.Event) -> None:
    while look is not None and not stop.is_set():
        look()
        stop.wait(1.0)


def _read_report(target: str) -> None:
    with Client(target) as client:
        client.report(NAME)


async def _load(target: str, calls: int) -> list[float]:
    clients, took, numbers = [AsyncClient(target, timeout_s=10.0) for _ in range(CLIENTS)], [], iter(range(calls))

    async def work(client: AsyncClient) -> None:
        for number in numbers:
            started = time.perf_counter()
            await client.decide(NAME, f"visitor-{number}", TASTE)
            took.append(time.perf_counter() - started)

    try:
        await asyncio.gather(*map(work, clients))
    finally:
        for client in clients:
            await client.close()
    return took


def _page_address(server: ServerProcess) -> str:
    entries = [json.loads(line) for line in server.log.read_text().splitlines()]
    return str(next(entry["page"] for entry in entries if entry["event"] == "serving")) + f"experiments/{NAME}"


def _fetched(url: str, wait_s: float = 0.0) -> float:
    """Seconds until the whole page is there."""
    time.sleep(wait_s)

    def fetch() -> None:
        with urllib.request.urlopen(url) as answer:
            assert b'data-ready="true"' in answer.read()

    return _timed(fetch)


def _timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _quartiles(seconds: Sequence[float]) -> list[float]:
    return [round(1e3 * float(value), 1) for value in np.quantile(seconds, (0.25, 0.5, 0.75))]


def page(found: dict[str, Any]) -> str:
    """docs/benchmarks/reports.md"""
    rows = "\n".join(
        f"| {words} | {at['p50_ms']} | {at['p99_ms']} | {at['p50_ratio']} | {at['p99_ratio']} |"
        for words, at in (
            ("nobody looks", found["decide"]["nobody"]),
            ("the report is read every second", found["decide"]["report"]),
            ("the page is read every second", found["decide"]["page"]),
        )
    )
    return f"""# Reports

Written by `{found["command"]}` on {found["machine"]["cpu"]}, Python {found["machine"]["python"]}: a log of
{found["decisions"]:,} decisions for {found["units"]:,} customers, ten variants, twenty features, three goals, one
audience. Milliseconds; where there are three, quartiles.

| what | ms |
|---|---|
| GetReport over gRPC | {found["report_ms"]} |
| the page, not drawn for a second | {found["page_ms"]} |
| the page, drawn within the last second | {found["page_cached_ms"]} |
| the page, at once after the start, while its drawing process starts | {found["page_cold_ms"]} |

Reports are added up as decisions mature, not when they are read: {found["counted_per_s"]:,} decisions a second are
counted, for all goals together, when there is nothing else to do.

Decide, {CLIENTS} in flight, in turns within one run; ratios are medians over {ROUNDS} rounds:

| meanwhile | p50 ms | p99 ms | p50 ratio | p99 ratio |
|---|---|---|---|---|
{rows}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--out", type=Path, default=DOCS, help="folder to write to")
    options = parser.parse_args(arguments)
    found = measured(options.units, options.rounds, options.calls)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "reports.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.out / "reports.md").write_text(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
