"""Measures everything and writes the page. `--quick` leaves the log of ten million out."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from banditcore.storage.opening import open_store
from benchmarks.stores.copying import beside_copy
from benchmarks.stores.curve import curve
from benchmarks.stores.lag import lags
from benchmarks.stores.machine import described, load, sync_ms
from benchmarks.stores.places import Databases, Directories, Place
from benchmarks.stores.rates import rates
from benchmarks.stores.report import page
from tests.support.postgres import Database

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks"


class Scale(NamedTuple):
    """How much is measured."""

    batches: int
    rounds: int
    turns: int
    lag_rate: int
    lag_s: float
    sizes: tuple[int, ...]
    shared_sizes: tuple[int, ...]
    """Of logs in PostgreSQL."""
    curve_rounds: int
    calls: int
    starts: int


FULL = Scale(20, 7, 24, 5_000, 8.0, (10**4, 10**5, 10**6, 10**7), (10**4, 10**5, 10**6), 10, 1_000, 3)
QUICK = FULL._replace(sizes=FULL.sizes[:-1], curve_rounds=6)
TOY = Scale(1, 1, 1, 500, 0.5, (200, 400), (200,), 1, 20, 1)


def measured(scale: Scale) -> dict[str, Any]:
    """Everything, SQLite before PostgreSQL. Takes minutes and some gigabytes at full size."""
    started, before = perf_counter(), load()
    with tempfile.TemporaryDirectory(prefix="banditcore-bench-") as folder, Database() as server:
        root = Path(folder)
        places: list[tuple[Place, int, tuple[int, ...]]] = [
            (Directories(root), 1, scale.sizes),
            (Databases(server, root), 2, scale.shared_sizes),
        ]
        found: dict[str, Any] = {
            "command": "make bench-stores",
            "machine": described(server.url),
            "sync_ms": sync_ms(root),
            "lag_rate": scale.lag_rate,
        }
        for place, servers, sizes in places:
            found[place.name] = {
                "rates": _rates(place, scale),
                "lag": lags(place, servers, scale.lag_rate, scale.lag_s),
            }
            _say(started, f"{place.name}: rates and lag")
            found[place.name]["curve"] = curve(place, sizes, scale.curve_rounds, scale.calls, scale.starts)
            _say(started, f"{place.name}: curve")
        found["copy"] = beside_copy(server.new(), scale.turns)
    return found | {"load": [before, load()], "seconds": round(perf_counter() - started)}


def _rates(place: Place, scale: Scale) -> dict[str, float]:
    location = place.new()
    found = rates(open_store(location), scale.batches, scale.rounds)
    place.remove(location)
    return found


def _say(started: float, what: str) -> None:
    print(f"{perf_counter() - started:.0f} s: {what}", flush=True)


def write(found: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stores.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "stores.md").write_text(page(found))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no log of ten million decisions")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder to write to")
    options = parser.parse_args(arguments)
    write(measured(QUICK if options.quick else FULL), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
