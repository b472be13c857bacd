"""When the write-ahead log of an SQLite file is copied back into it, and whether all of it was.

SQLite's own autocheckpoint tells nobody how far it came. A reader that stays, such as a long audit, keeps it from
finishing: the log then grows without a bound, and without a word.
"""

from __future__ import annotations

import time
from contextlib import suppress

import apsw

PAGES = 1_000
"""New pages in the log after which the next checkpoint is tried; what SQLite does by itself."""
LARGE_BYTES = 64 * 2**20
"""From this size on the log is cut to nothing when no reader is in the way."""


class Checkpoints:
    """Takes the checkpoints of one connection over from SQLite. Belongs to the thread that writes with it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._pages = 0
        """In the log after the last commit; few again once SQLite starts the log from its beginning."""
        self._tried = 0
        """Pages in the log when a checkpoint was last tried."""
        self._large = LARGE_BYTES // int(connection.pragma("page_size"))
        self._busy_ms = int(connection.pragma("busy_timeout"))
        self._complete = time.monotonic()
        connection.wal_autocheckpoint(0)
        connection.set_wal_hook(self._committed)

    def _committed(self, connection: apsw.Connection, database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def after_commit(self) -> None:
        """Checkpoints when it is time to; raises nothing, since what was committed is safe in the log anyway."""
        if self._pages < self._tried:
            self._tried = 0
        if self._pages < self._tried + PAGES:
            return
        self._tried = self._pages
        # A full disk or a reader in the way: the age says so, and after as many pages it is tried again.
        with suppress(apsw.Error):
            self._checkpoint()

    def _checkpoint(self) -> None:
        in_log, copied = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if copied < in_log:
            return
        self._complete = time.monotonic()
        if in_log >= self._large:
            self._truncate()

    def _truncate(self) -> None:
        # Without waiting: whoever reads now would hold up every write.
        self._connection.set_busy_timeout(0)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self._connection.set_busy_timeout(self._busy_ms)

    def age_s(self) -> float:
        """Seconds since a checkpoint last left nothing behind, or since the opening; from any thread."""
        return time.monotonic() - self._complete
