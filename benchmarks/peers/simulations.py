"""Measures the simulators of all libraries that have one, in turns, and makes the table."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import turns
from benchmarks.peers.libraries import simulations_of
from benchmarks.peers.simulation import CONTEXTUAL, PLAIN, THOMPSON
from benchmarks.peers.turns import REPEATS, Entry

INTRO = """## A policy in a simulated world

The same task for all, by the library's own simulator: it makes the visits and rewards, decides, learns, and keeps what
it keeps. In a process of its own on one core, {repeats} times in turn with the others; the best time counts, without
imports and compilation. Slow ones play fewer visits and the time per visit is taken from them.
Measured on {cpu}, Python {python}, NumPy {numpy}.

- **x**: times what banditcore takes per visit. **earned**: of what the best arm earns on average, where the library
  says; it grows with the visits, so compare it between equal numbers only.
"""
HEADER = "| library | call | visits | µs a visit | visits/s | x | earned |\n|---|---|--:|--:|--:|--:|--:|"


def measured(threads: dict[str, str]) -> list[Entry]:
    found = list(turns.entries(simulations_of, ("library", "task", "call", "note", "events")))
    return turns.measured(found, "measure_simulation", threads)


def markdown(measured: dict[str, Any]) -> str:
    """A table a task, and notes."""
    found = measured["entries"]
    parts = [INTRO.format(repeats=REPEATS, **measured["machine"])]
    for task in (CONTEXTUAL, PLAIN, THOMPSON):
        entries = [entry for entry in found if entry["task"] == task and "failed" not in entry]
        base = next(entry["event_us"] for entry in entries if entry["library"] == "banditcore")
        parts.append(f"### {task}\n\n{HEADER}\n" + "\n".join(_line(entry, base) for entry in entries) + "\n")
    return "\n".join([*parts, "\n".join(turns.notes(found)) + "\n"])


def _line(entry: Entry, base: float) -> str:
    us, earned = entry["event_us"], entry["earned"]
    cells = [
        f"{entry['library']} {entry['version']}",
        entry["call"],
        f"{entry['events']:,}",
        *turns.rate(us),
        turns.times(us, base),
        "-" if earned is None else f"{earned:.1%}",
    ]
    return f"| {' | '.join(cells)} |"
