"""A real server as a process of its own, for tests and benchmarks."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

START_LIMIT_S = 30.0


class ServerProcess:
    """`banditcore serve` on a port of the system's choosing; ready when the constructor returns.

    `data` is the store's directory, or a URL. What the server logs is in `log`, by default beside the directory.
    `wrapper` is a command that ends in running what follows it, such as `unshare --mount`.
    """

    def __init__(
        self,
        data: Path | str,
        *options: str,
        listen: str = "127.0.0.1:0",
        wrapper: Sequence[str] = (),
        log: Path | None = None,
    ) -> None:
        self.location = str(data)
        self.data = Path(data)
        self.log = log or self.data.with_name(f"{self.data.name}.log")
        started = time.monotonic()
        with self.log.open("a") as written:
            self.process = subprocess.Popen(
                [
                    *wrapper,
                    sys.executable,
                    "-m",
                    "banditcore_server",
                    "--data",
                    str(data),
                    "--listen",
                    listen,
                    *options,
                ],
                stdout=subprocess.PIPE,
                stderr=written,
                text=True,
            )
        self.target = self._await_ready()
        self.start_s = time.monotonic() - started
        """Seconds from the start of the process to SERVING."""

    def _await_ready(self) -> str:
        timer = threading.Timer(START_LIMIT_S, self.process.kill)
        timer.start()
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        found = re.search(r"serves on (\S+)", line)
        if found is None:
            raise RuntimeError(f"the server did not start (exit {self.process.wait()}): {self.log.read_text()}")
        return found[1]

    def stop(self, limit_s: float = 20.0) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit_s)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        if self.process.stdout is not None:
            self.process.stdout.close()
