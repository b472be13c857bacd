"""A process that stops half way through its work, to be killed there."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STAY = """
def stay(done, of):
    if done > of / 2:
        print(done, of, flush=True)
        time.sleep(600)
"""
"""A progress callback for the script; wants `time`."""


@contextmanager
def halfway(script: str, *arguments: str) -> Iterator[None]:
    """Runs the script until it prints a line, then the block, then kills it with SIGKILL."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline()
            yield
            assert process.poll() is None, "it was not to end by itself"
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
