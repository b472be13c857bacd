"""One library's replay: a process of its own, on one core."""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib.metadata import version
from time import perf_counter

from benchmarks.peers.libraries import replays_of
from benchmarks.peers.replayer import Stream


def main(module: str, index: str, core: str) -> None:
    os.sched_setaffinity(0, {int(core)})
    kind = replays_of(module)[int(index)]
    stream = Stream(kind.events)
    replayer = kind(stream)
    gc.collect()
    gc.freeze()
    start = perf_counter()
    found = replayer.run()
    seconds = perf_counter() - start
    told = {
        "event_us": seconds / (stream.events * replayer.passes) * 1e6,
        "accepted": found.accepted / stream.events,
        "mean": found.mean if found.mean == found.mean else None,
        "version": version(kind.library),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
