"""Gives up on a database that has gone quiet.

A server that is stopped, or behind a network that swallows packets, answers nothing and fails nothing: whoever waits
for it waits for good. One thread looks how long each connection has been waiting, and cuts those off that are beyond
their limit; for the one who waits that is an error like any other.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

CHECK_EVERY_S = 0.25


class Watch:
    """Watches over psycopg connections of any thread."""

    def __init__(self) -> None:
        self._deadlines: dict[Any, float] = {}
        self._most_s = math.inf
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="banditcore-watch", daemon=True)
        self._thread.start()

    @contextmanager
    def over(self, connection: Any, limit_s: float) -> Iterator[Callable[[], None]]:
        """Cuts the connection off `limit_s` seconds after the start or the last call of what it yields."""

        def touch() -> None:
            self._deadlines[connection] = time.monotonic() + min(limit_s, self._most_s)

        touch()
        try:
            yield touch
        finally:
            self._deadlines.pop(connection, None)

    def hurry(self, limit_s: float) -> None:
        """Grants no connection more than that from now on."""
        self._most_s = limit_s
        latest = time.monotonic() + limit_s
        for connection, deadline in self._deadlines.copy().items():
            if connection in self._deadlines:
                self._deadlines[connection] = min(deadline, latest)

    def _work(self) -> None:
        while not self._stop.wait(CHECK_EVERY_S):
            now = time.monotonic()
            # `copy` is one step for the interpreter: whoever begins or ends to wait meanwhile is not in its way.
            for connection, deadline in self._deadlines.copy().items():
                if now > deadline:
                    _cut(connection)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def _cut(connection: Any) -> None:
    """Shuts the socket down from under whoever waits on it; closing is left to them."""
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
