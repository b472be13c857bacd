"""One library's simulation: a process of its own, on one core."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
from importlib.metadata import version
from time import perf_counter

from benchmarks.peers.libraries import simulations_of


def main(module: str, index: str, core: str) -> None:
    os.sched_setaffinity(0, {int(core)})
    simulation = simulations_of(module)[int(index)]()
    with contextlib.redirect_stdout(io.StringIO()):
        simulation.prepare()
        gc.collect()
        gc.freeze()
        start = perf_counter()
        earned = simulation.run()
        seconds = perf_counter() - start
    told = {
        "event_us": seconds / simulation.events * 1e6,
        "earned": earned,
        "version": version(simulation.distribution or simulation.library),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
