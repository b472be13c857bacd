"""Results as they come, in a file that only grows, so that a run which was cut off goes on where it was.

A line is a check sum and JSON; the first is the configuration. A line that is torn counts as never written.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from pathlib import Path
from typing import Any

from banditcore.errors import InvalidInput
from banditcore.storage.lock import make_durably

SYNC_EVERY = 1.0
"""Seconds of work that a power failure may take."""


class Journal:
    """The one process that writes to the file; others are refused. Raises InvalidInput, and OSError of a full disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            make_durably(path.parent)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror}", field="out") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise InvalidInput(
                f"another run is writing to {path.parent}: wait for it, or give another --out", field="out"
            ) from None
        self._end, self._synced = 0, time.monotonic()

    def read(self) -> list[Any]:
        """What is there; what is torn at the end goes."""
        found, self._end = [], 0
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._end += len(line)
                if (value := _sound(line)) is not None:
                    found.append(value)
        os.ftruncate(self._descriptor, self._end)
        return found

    def add(self, text: str) -> None:
        """A line more. Raises OSError; what was there before stays sound."""
        line = _line(text)
        written = 0
        while written < len(line):
            written += os.pwrite(self._descriptor, line[written:], self._end + written)
        self._end += len(line)
        if time.monotonic() - self._synced >= SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        """Makes what was added durable."""
        os.fsync(self._descriptor)
        self._synced = time.monotonic()

    def clear(self) -> None:
        """Starts over."""
        os.ftruncate(self._descriptor, 0)
        self._end = 0

    def remove(self) -> None:
        """When its content has a better place."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._descriptor)


def to_json(value: Any) -> str:
    """Floats come back to the last bit, also those that are not finite."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Any:
    return json.loads(text)


def _line(text: str) -> bytes:
    content = text.encode()
    return b"%08x %b\n" % (zlib.crc32(content), content)


def _sound(line: bytes) -> Any:
    """What a line says, or None where it is damaged."""
    content = line[9:-1]
    return from_json(content.decode()) if line[:9] == b"%08x " % zlib.crc32(content) else None
