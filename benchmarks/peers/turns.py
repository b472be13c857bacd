"""Measures what several libraries do for the same task, each in a process of its own, in turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.peers.libraries import MODULES, pins_of

REPEATS = 3
Entry = dict[str, Any]
Kinds = Callable[[str], Sequence[type]]
"""Classes that a library's module declares for the task."""


def entries(kinds_of: Kinds, about: Sequence[str]) -> Iterator[Entry]:
    """One of each class, ours first, with these attributes of it."""
    for module in sorted(MODULES, key=lambda name: (bool(pins_of(name)), name)):
        try:
            kinds = kinds_of(module)
        except ImportError:  # the other tables say why
            continue
        for index, kind in enumerate(kinds):
            yield {"module": module, "index": index, **{key: getattr(kind, key) for key in about}}


def measured(found: list[Entry], script: str, threads: dict[str, str]) -> list[Entry]:
    """What `benchmarks.peers.<script>` prints of each entry, with the best of its times."""
    core = str(max(os.sched_getaffinity(0)))
    for repeat in range(REPEATS):
        for entry in found:
            if "failed" not in entry:
                print(f"{repeat + 1}/{REPEATS}  {script}  {entry['library']}: {entry['call']}", flush=True)
                _measure(entry, script, core, threads)
    return found


def _measure(entry: Entry, script: str, core: str, threads: dict[str, str]) -> None:
    command = [sys.executable, "-m", f"benchmarks.peers.{script}", entry["module"], str(entry["index"]), core]
    ran = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True)
    if ran.returncode:
        entry["failed"] = ran.stderr.strip().splitlines()[-1]
        return
    seen = json.loads(ran.stdout.splitlines()[-1])
    seen["event_us"] = min(seen["event_us"], entry.get("event_us", seen["event_us"]))
    entry |= {
        key: value if isinstance(value, str) or value is None else float(f"{value:.4g}") for key, value in seen.items()
    }


def rate(us: float) -> list[str]:
    """Cells: microseconds an event, and events a second."""
    return [f"{us:.2f}" if us < 20 else f"{us:,.0f}", f"{float(f'{1e6 / us:.3g}'):,.0f}"]


def times(us: float, base: float) -> str:
    return f"{us / base:.1f}" if us / base < 20 else f"{us / base:,.0f}"


def notes(found: list[Entry]) -> list[str]:
    """What each does, and why some could not."""
    told = [entry | {"note": f"failed: {entry['failed']}"} if "failed" in entry else entry for entry in found]
    return [f"- **{entry['library']}, {entry['call']}**: {entry['note']}" for entry in told]
