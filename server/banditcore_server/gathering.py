"""Lets Decide calls that come at the same time share one pass through the policy and one commit.

A commit is quick, so calls that each left at once would share theirs with two or three others, and waking
threads for it would cost more than deciding. So while calls come thick and fast, a group gathers for
`PAUSE_S` after the last one was answered: under load groups are large and cheap. A call that finds no
load leaves at once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence

from banditcore.errors import BanditcoreError
from banditcore.types import Ask, Decision

Outcomes = list[Decision | BanditcoreError]
Waiting = tuple[Ask, asyncio.Future[Decision]]

MAX_GROUP = 128
"""Bounds how long one group, which is decided on the loop, keeps other calls waiting."""
PAUSE_S = 0.005
WORTH_A_PAUSE = 12
"""Calls in a group from which on the next is worth waiting for."""


class Gathering:
    """Belongs to one event loop; `submit` must not block."""

    def __init__(self, submit: Callable[[Sequence[Ask]], concurrent.futures.Future[Outcomes]]) -> None:
        self._submit = submit
        self._waiting: list[Waiting] = []
        self._busy = False
        """A group is under way, pausing, or about to leave."""

    async def decide(self, ask: Ask) -> Decision:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Decision] = loop.create_future()
        self._waiting.append((ask, waiter))
        if not self._busy:
            self._busy = True
            # By way of the loop, so that calls which arrived in one packet leave together.
            loop.call_soon(self._send)
        return await waiter

    def _send(self) -> None:
        group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        if not group:
            self._busy = False
            return
        loop = asyncio.get_running_loop()
        self._start(group).add_done_callback(lambda done: loop.call_soon_threadsafe(self._deliver, group, done))

    def _start(self, group: Sequence[Waiting]) -> concurrent.futures.Future[Outcomes]:
        try:
            return self._submit([ask for ask, _ in group])
        except Exception as error:
            failed: concurrent.futures.Future[Outcomes] = concurrent.futures.Future()
            failed.set_exception(error)
            return failed

    def _deliver(self, group: Sequence[Waiting], done: concurrent.futures.Future[Outcomes]) -> None:
        error = done.exception()
        outcomes = [error] * len(group) if error else done.result()
        for (_, waiter), outcome in zip(group, outcomes, strict=True):
            if waiter.done():
                continue
            if isinstance(outcome, BaseException):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)
        if len(group) + len(self._waiting) >= WORTH_A_PAUSE:
            asyncio.get_running_loop().call_later(PAUSE_S, self._send)
        else:
            self._send()
