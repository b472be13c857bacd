"""Measures the replay of every library that has one, in turns, and makes the table."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import turns
from benchmarks.peers.libraries import replays_of
from benchmarks.peers.replayer import Stream
from benchmarks.peers.turns import REPEATS, Entry

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


def measured(threads: dict[str, str]) -> list[Entry]:
    found = list(turns.entries(replays_of, ("library", "call", "note", "events")))
    return turns.measured(found, "measure_replay", threads)


def markdown(measured: dict[str, Any]) -> str:
    """The table and its notes."""
    stream, found = Stream(1), measured["entries"]
    base = next(entry["event_us"] for entry in found if entry["library"] == "banditcore")
    sizes = {"features": stream.features, "arms": stream.arms, "repeats": REPEATS, "share": 1.0 / stream.arms}
    intro = INTRO.format(**sizes, **measured["machine"])
    lines = [_line(entry, base) for entry in found if "failed" not in entry]
    return intro + "\n".join(lines) + "\n\n" + "\n".join(turns.notes(found)) + "\n"


def _line(entry: Entry, base: float) -> str:
    us, mean = entry["event_us"], entry["mean"]
    cells = [
        f"{entry['library']} {entry['version']}",
        entry["call"],
        f"{entry['events']:,}",
        *turns.rate(us),
        turns.times(us, base),
        f"{entry['accepted']:.1%}",
        "-" if mean is None else f"{mean:.2f}",
    ]
    return f"| {' | '.join(cells)} |"
