"""Lets calls that come at the same time share one pass through the policy, one look at the log and one commit.

A commit is quick, so calls that each left at once would share theirs with two or three others, and waking
threads for it would cost more than deciding. So while calls come thick and fast, a group gathers for
`PAUSE_S` after the last one was answered: under load groups are large and cheap. A call that finds no
load leaves at once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from banditcore.errors import BanditcoreError
from banditcore.futures import Otherwise

Question = TypeVar("Question")
Answer = TypeVar("Answer")

MAX_GROUP = 128
"""Bounds how long one group, which is decided on the loop, keeps other calls waiting."""
PAUSE_S = 0.005
PATIENCE_S = 0.8
"""After which a decision is answered without the log: clients give up after a second."""
WORTH_A_PAUSE = 12
"""Calls in a group from which on the next is worth waiting for."""


class Gathering(Generic[Question, Answer]):
    """Belongs to one event loop. `submit` takes questions and gives an answer or an error each; it must not block."""

    def __init__(
        self,
        submit: Callable[[Sequence[Question]], concurrent.futures.Future[list[Answer | BanditcoreError]]],
    ) -> None:
        self._submit = submit
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._busy = False
        """A group is under way, pausing, or about to leave."""

    async def ask(self, question: Question) -> Answer:
        """The answer, once it is durable."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, waiter))
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
        waiters = [waiter for _, waiter in group]
        answers = self._start([question for question, _ in group])
        patience = loop.call_later(PATIENCE_S, answers.fall_back) if isinstance(answers, Otherwise) else None
        answers.add_done_callback(lambda done: loop.call_soon_threadsafe(self._deliver, waiters, done, patience))

    def _start(self, group: Sequence[Question]) -> concurrent.futures.Future[list[Answer | BanditcoreError]]:
        try:
            return self._submit(group)
        except Exception as error:
            failed: concurrent.futures.Future[list[Answer | BanditcoreError]] = concurrent.futures.Future()
            failed.set_exception(error)
            return failed

    def _deliver(
        self,
        group: Sequence[asyncio.Future[Answer]],
        done: concurrent.futures.Future[list[Answer | BanditcoreError]],
        patience: asyncio.TimerHandle | None,
    ) -> None:
        if patience is not None:
            patience.cancel()
        error = done.exception()
        outcomes = [error] * len(group) if error else done.result()
        for waiter, outcome in zip(group, outcomes, strict=True):
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
