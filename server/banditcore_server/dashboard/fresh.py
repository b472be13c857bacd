"""What was made a moment ago is good enough: many viewers cost what one does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
KEEP_S = 1.0
MOST = 1_000


class Fresh:
    """Keeps what was made for a second, errors included, and makes nothing twice at a time. For one event loop."""

    def __init__(self, keep_s: float = KEEP_S) -> None:
        self._keep_s = keep_s
        self._kept: dict[Hashable, tuple[float, asyncio.Future[Any]]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` comes to, or came to within the last second. Raises what it raises."""
        self._forget()
        if key not in self._kept:
            # Its age counts from when it is done; until then everybody waits for the same.
            task: asyncio.Future[Any] = asyncio.ensure_future(make())
            self._kept[key] = (float("inf"), task)
            task.add_done_callback(lambda done: self._done(key, done))
        # Shielded: a viewer who leaves must not take the page from the others.
        found: T = await asyncio.shield(self._kept[key][1])
        return found

    def _done(self, key: Hashable, task: asyncio.Future[Any]) -> None:
        # Asked for here, so that an error nobody waited for is not complained about.
        if not task.cancelled():
            task.exception()
        self._kept[key] = (time.monotonic() + self._keep_s, task)

    def _forget(self) -> None:
        now = time.monotonic()
        for key in [key for key, (end, _) in self._kept.items() if end <= now]:
            del self._kept[key]
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
