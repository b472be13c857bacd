"""The data directory: made durably, and used by one process, whose advisory lock the kernel drops when it dies."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

from banditcore.errors import StoreLocked, StoreUnavailable


def make_durably(directory: Path) -> None:
    """Makes the directory and its parents where they are missing. Raises OSError.

    SQLite syncs the directory its files are in, but not the names above it, which could take all of it with them.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for made in missing:
        descriptor = os.open(made.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class DirectoryLock:
    """Holds `DIRECTORY/lock`, which names the holder's pid and start for people."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = -1

    def acquire(self) -> None:
        """Raises StoreLocked, naming the holder, when another process has it."""
        try:
            descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnavailable(f"cannot write in {self._directory}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise StoreLocked(
                f"{self._directory} is in use by {holder}: stop it, or choose another data directory"
            ) from None
        os.ftruncate(descriptor, 0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(descriptor, f"process {os.getpid()} since {started}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets go; the file stays, since removing it would let two holders meet."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
