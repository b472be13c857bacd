"""Measures every library in every setting, twice and interleaved, and writes the tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers import replays, simulations
from benchmarks.peers.install import why_not
from benchmarks.peers.libraries import MODULES, peers_of, pins_of
from benchmarks.peers.report import markdown
from benchmarks.peers.world import SETTINGS, World

OUT = Path("docs/benchmarks")
REPEATS = 2
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
TABLES = {"replays": replays.measured, "simulations": simulations.measured}
TIMES = ("prepare_us", "decide_us", "update_us", "batch_us")

Entry = dict[str, Any]


def entries() -> Iterator[Entry]:
    """Everything there is to measure, in the order of the tables: ours first, then plain NumPy, then the others."""
    for module in sorted(MODULES, key=lambda name: (bool(pins_of(name)), name)):
        try:
            peers = peers_of(module)
        except ImportError:
            yield {"module": module, "library": module, "requires": pins_of(module), "missing": why_not(module)}
            continue
        for index, peer in enumerate(peers):
            about = {key: getattr(peer, key) for key in ("library", "policy", "family", "returns", "note")}
            yield {"module": module, "index": index, "requires": pins_of(module), **about, "settings": {}}


def measure(entry: Entry, world: World) -> None:
    """Runs one entry in a process of its own and keeps the better of its times; a failure is kept as such."""
    command = [sys.executable, "-m", "benchmarks.peers.measure", entry["module"]]
    arguments = [str(number) for number in (entry["index"], world.features, world.arms)]
    ran = subprocess.run([*command, *arguments], env=os.environ | ONE_THREAD, capture_output=True, text=True)
    if ran.returncode:
        entry["missing"] = f"failed: {ran.stderr.strip().splitlines()[-1]}"
        return
    found = {key: rounded(value) for key, value in json.loads(ran.stdout.splitlines()[-1]).items()}
    entry["version"] = found.pop("version")
    before = entry["settings"].get(name(world), found)
    found |= {key: min(found[key], before[key]) for key in TIMES if found[key] is not None}
    entry["settings"][name(world)] = found


def rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def name(world: World) -> str:
    return f"d {world.features}, K {world.arms}"


def machine() -> dict[str, Any]:
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return {
        "cpu": model.split(":", 1)[1].strip(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "command": "make bench-peers",
    }


def everything() -> dict[str, Any]:
    found = list(entries())
    for repeat in range(REPEATS):
        for world in SETTINGS:
            for entry in found:
                if "missing" not in entry:
                    print(f"{repeat + 1}/{REPEATS}  {name(world)}  {entry['library']}: {entry['policy']}", flush=True)
                    measure(entry, world)
    return {"machine": machine(), "entries": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=TABLES, help="measure one table; the others stay as they are")
    only = parser.parse_args().only
    result = json.loads((OUT / "peers.json").read_text()) if only else everything()
    for name, measured in TABLES.items():
        if only in (None, name):
            result[name] = {"machine": machine(), "entries": measured(ONE_THREAD)}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "peers.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    (OUT / "peers.md").write_text(markdown(result))
    print((OUT / "peers.md").read_text())


if __name__ == "__main__":
    main()
