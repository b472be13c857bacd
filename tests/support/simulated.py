"""`banditcore simulate` as a process that can be killed, and an experiment of a folder to run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

COIN = Path(__file__).parent.parent / "simulations" / "experiments" / "coin"
UNFINISHED = "unfinished.jsonl"
RESULTS = "results.parquet"


def start(*words: object, wrapper: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
    """The command in a process of its own, which Ctrl-C reaches also where the tests themselves ignore it, as what a
    shell starts in the background does."""
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    script += "from banditcore.cli import main; main()"
    return subprocess.Popen(
        [*wrapper, sys.executable, "-c", script, "simulate", *map(str, words)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits while the process lives."""
    deadline = time.monotonic() + 60
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kept(folder: Path) -> int:
    """Tasks that an unfinished run has kept."""
    file = folder / UNFINISHED
    return max(file.read_bytes().count(b"\n") - 1, 0) if file.exists() else 0
