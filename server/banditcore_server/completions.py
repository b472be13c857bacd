"""Carries results from the store's writer thread to the event loop, one wake-up a group commit."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from typing import Any, TypeVar

T = TypeVar("T")


class Completions:
    """Awaits `concurrent.futures` futures on one event loop.

    `asyncio.wrap_future` wakes the loop through a pipe once per future. A group commit completes dozens at
    once, so here the first of them wakes the loop and the others ride along.
    """

    def __init__(self) -> None:
        self._done: deque[tuple[asyncio.Future[Any], concurrent.futures.Future[Any]]] = deque()
        self._woken = False

    async def wait(self, future: concurrent.futures.Future[T]) -> T:
        """The future's result. A caller that is cancelled leaves the work to finish on its own."""
        if future.done():
            return future.result()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()

        def hand_over(finished: concurrent.futures.Future[T]) -> None:
            self._done.append((waiter, finished))
            # Appended before the flag is read, and `_deliver` clears the flag before it reads the queue:
            # whichever comes first, the entry is delivered.
            if not self._woken:
                self._woken = True
                loop.call_soon_threadsafe(self._deliver)

        future.add_done_callback(hand_over)
        return await waiter

    def _deliver(self) -> None:
        self._woken = False
        while self._done:
            waiter, finished = self._done.popleft()
            if waiter.done():
                continue
            if error := finished.exception():
                waiter.set_exception(error)
            else:
                waiter.set_result(finished.result())
