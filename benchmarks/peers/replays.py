"""Measures the replay of every library that has one, in turns, and makes the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.peers.libraries import MODULES, pins_of, replays_of
from benchmarks.peers.replayer import Stream

REPEATS = 3
Entry = dict[str, Any]

INTRO = """## Replay of a log

One log for all, d {features}, K {arms}, played uniformly: what would LinUCB have earned, had it decided and learned?
Every library does it by its own means of evaluation, in a process of its own on one core, {repeats} times in turn with
the others; the best time counts. Slow ones get the first rows only and the time per event is taken from them, which
flatters those whose cost grows with the log. Inputs are put beforehand into the form that the library likes best.
Measured on {cpu}, Python {python}, NumPy {numpy}.

- **x**: times what banditcore takes per event. **accepted**: share of the rows that it learned from; match replay of
  a uniform log with {arms} arms accepts {share:.0%}. **mean**: of their rewards, which grows with the rows learned, so
  compare it between equal numbers of events only.

| library | call | events | µs an event | events/s | x | accepted | mean |
|---|---|--:|--:|--:|--:|--:|--:|
"""


def entries() -> Iterator[Entry]:
    for module in sorted(MODULES, key=lambda name: (bool(pins_of(name)), name)):
        try:
            replays = replays_of(module)
        except ImportError:  # the other tables say why
            continue
        for index, kind in enumerate(replays):
            about = {key: getattr(kind, key) for key in ("library", "call", "note", "events")}
            yield {"module": module, "index": index, **about}


def measured(threads: dict[str, str]) -> list[Entry]:
    found = list(entries())
    core = str(max(os.sched_getaffinity(0)))
    for repeat in range(REPEATS):
        for entry in found:
            if "failed" not in entry:
                print(f"{repeat + 1}/{REPEATS}  replay  {entry['library']}: {entry['call']}", flush=True)
                _measure(entry, core, threads)
    return found


def _measure(entry: Entry, core: str, threads: dict[str, str]) -> None:
    command = [sys.executable, "-m", "benchmarks.peers.measure_replay", entry["module"], str(entry["index"]), core]
    ran = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True)
    if ran.returncode:
        entry["failed"] = ran.stderr.strip().splitlines()[-1]
        return
    seen = json.loads(ran.stdout.splitlines()[-1])
    seen["event_us"] = min(seen["event_us"], entry.get("event_us", seen["event_us"]))
    entry |= {
        key: value if isinstance(value, str) or value is None else float(f"{value:.4g}") for key, value in seen.items()
    }


def markdown(measured: dict[str, Any]) -> str:
    """The table and its notes."""
    stream, found = Stream(1), measured["entries"]
    base = next(entry["event_us"] for entry in found if entry["library"] == "banditcore")
    sizes = {"features": stream.features, "arms": stream.arms, "repeats": REPEATS, "share": 1.0 / stream.arms}
    intro = INTRO.format(**sizes, **measured["machine"])
    lines = [_line(entry, base) for entry in found if "failed" not in entry]
    notes = [f"- **{entry['library']}, {entry['call']}**: {entry['note']}" for entry in found if "failed" not in entry]
    failed = [
        f"- **{entry['library']}, {entry['call']}** failed: {entry['failed']}" for entry in found if "failed" in entry
    ]
    return intro + "\n".join(lines) + "\n\n" + "\n".join([*notes, *failed]) + "\n"


def _line(entry: Entry, base: float) -> str:
    us, mean = entry["event_us"], entry["mean"]
    cells = [
        f"{entry['library']} {entry['version']}",
        entry["call"],
        f"{entry['events']:,}",
        f"{us:.2f}" if us < 20 else f"{us:,.0f}",
        f"{float(f'{1e6 / us:.3g}'):,.0f}",
        f"{us / base:.1f}" if us / base < 20 else f"{us / base:,.0f}",
        f"{entry['accepted']:.1%}",
        "-" if mean is None else f"{mean:.2f}",
    ]
    return f"| {' | '.join(cells)} |"
