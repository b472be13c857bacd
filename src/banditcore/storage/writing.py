"""Group commit: operations queue up, one thread commits what has come together, their futures complete after it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from banditcore.errors import BanditcoreError, StoreUnavailable
from banditcore.storage.base import Transaction
from banditcore.storage.tables import Tables

T = TypeVar("T")

MAX_GROUP = 512
"""Operations in one commit at most: bounds how long the first of them waits."""
REOPEN_EVERY_S = 0.25
ATTEMPTS = 5
"""How often an operation is run that another process's write came in the way of."""


class Contended(Exception):
    """A statement failed because of what somebody else wrote meanwhile, or of what is stored; nothing was committed."""


class Session(Protocol):
    """The connection of a writer: used by one thread, given up at the first trouble."""

    def transaction(self, streams: Collection[int], *, definitions: bool) -> AbstractContextManager[Tables]:
        """A transaction that holds the streams, and the definitions when it is to change them; commits at the end.

        Raises Contended, or StoreUnavailable when the outcome is unknown and the session is of no use any more.
        """

    def open(self) -> None:
        """Connects, also anew; raises BanditcoreError when that cannot be."""

    def after_commit(self) -> None:
        """What is to be done now and then, while nobody waits for it; raises nothing."""

    def close(self) -> None:
        """Lets go of the connection, in whatever state it is."""


Outcome = tuple[Any] | Exception
"""What an operation returned, in a tuple, or raised."""


@dataclass(slots=True)
class Write:
    """An operation on its way."""

    operation: Callable[[Transaction], Any]
    streams: Collection[int]
    future: Future[Any]

    def complete(self, outcome: Outcome) -> None:
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome[0])


class _Driven(Future[T]):
    """Of a writer without a thread: whoever waits for it has everything committed that has queued up."""

    def __init__(self, commit: Callable[[], object]) -> None:
        super().__init__()
        self._commit = commit

    def result(self, timeout: float | None = None) -> T:
        if not self.done():
            self._commit()
        return super().result(timeout)


class _Refused(Exception):
    """An operation raised after it had written: the transaction is spoiled for the others."""

    def __init__(self, write: Write, cause: Exception) -> None:
        self.write, self.cause = write, cause


class Writer:
    """Takes operations from any thread and runs them on a session in groups.

    Without a thread (`threaded=False`) groups are committed by whoever calls `commit_waiting`, or waits for a result.
    """

    def __init__(self, session: Session, *, threaded: bool = True) -> None:
        self._session = session
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._trouble: BanditcoreError | None = None
        self._reopen_at = 0.0
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._work, name="banditcore-writer", daemon=True)
            self._thread.start()

    @property
    def up(self) -> bool:
        """False when it was closed, and from a failed commit until a new connection was made."""
        return self._trouble is None and not self._closed

    def submit(self, operation: Callable[[Transaction], T], streams: Collection[int]) -> Future[T]:
        future: Future[T] = _Driven(self.commit_waiting) if self._thread is None else Future()
        # What was submitted is committed, whoever may lose interest: it cannot be cancelled.
        future.set_running_or_notify_cancel()
        with self._door:
            if self._closed:
                future.set_exception(StoreUnavailable("the store is closed", reason="STORE_CLOSED"))
            elif self._trouble is not None and self._thread is not None:
                future.set_exception(self._trouble)
            else:
                self._queue.put(Write(operation, streams, future))
        return future

    def commit_waiting(self) -> int:
        """Commits what has queued up as one group; returns how many operations that were."""
        group = self._take(wait=False)
        self._commit(group)
        return len(group)

    def close(self) -> None:
        """Commits what was submitted, and takes no more; the session is the caller's to close. Twice is once."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        else:
            self._commit(self._take(wait=False))

    # On the writer's thread

    def _work(self) -> None:
        while True:
            if self._trouble is None:
                group = self._take(wait=True)
                if not group:
                    return
                self._commit(group)
            elif self._closed:
                self._commit(self._take(wait=False))
                return
            else:
                time.sleep(REOPEN_EVERY_S)
                self._reopen()

    def _take(self, *, wait: bool) -> list[Write]:
        group: list[Write] = []
        with suppress(queue.Empty):
            while len(group) < MAX_GROUP:
                write = self._queue.get(block=wait and not group)
                if write is None:
                    # The last one: what came before is committed first, and the next look finds it again.
                    if group or not wait:
                        self._queue.put(None)
                    break
                group.append(write)
        return group

    def _commit(self, group: list[Write]) -> None:
        if self._trouble is not None:
            self._reopen()
        if self._trouble is not None:
            self._fail(group, self._trouble)
            return
        try:
            self._run(group)
        except Exception as caught:
            error = caught if isinstance(caught, BanditcoreError) else StoreUnavailable(f"the store failed: {caught}")
            # Nobody waits for the new connection: those of the group are told, and those behind them.
            self._fail(group, error)
            self._give_up(error)
        else:
            self._session.after_commit()

    def _fail(self, group: list[Write], error: BanditcoreError) -> None:
        for write in group:
            if not write.future.done():
                write.future.set_exception(error)

    def _run(self, group: list[Write]) -> None:
        """Completes every future of the group; raises when the outcome of a commit is unknown."""
        while group:
            try:
                outcomes = self._attempt(group)
            except _Refused as refused:
                refused.write.complete(refused.cause)
                group = [write for write in group if write is not refused.write]
            except Contended as contended:
                if len(group) > 1:
                    for write in group:
                        self._run([write])
                else:
                    self._alone(group[0], contended)
                return
            else:
                for write, outcome in zip(group, outcomes, strict=True):
                    write.complete(outcome)
                return

    def _alone(self, write: Write, contended: Contended) -> None:
        for attempt in range(ATTEMPTS):
            try:
                (outcome,) = self._attempt([write])
                return write.complete(outcome)
            except _Refused as refused:
                return write.complete(refused.cause)
            except Contended as again:
                contended = again
                time.sleep(0.001 * 2**attempt)
        write.complete(StoreUnavailable(f"the store refused the write: {contended}"))

    def _attempt(self, group: list[Write]) -> list[Outcome]:
        """What each operation came to; all of it committed."""
        streams = {stream for write in group for stream in write.streams}
        definitions = any(not write.streams for write in group)
        with self._session.transaction(streams, definitions=definitions) as tables:
            return [_outcome(write, tables) for write in group]

    def _give_up(self, error: BanditcoreError) -> None:
        # After a failed commit the outcome is unknown and the connection's cache is not to be trusted: never sync
        # again and carry on. What the store holds decides, and a fresh connection reads it.
        with self._door:
            self._trouble = error
        if self._thread is not None:
            # From here on the door turns away who comes; who came before must not wait for the store's return.
            while waiting := self._take(wait=False):
                self._fail(waiting, error)
        self._session.close()
        self._reopen()

    def _reopen(self) -> None:
        try:
            self._session.open()
        except BanditcoreError as error:
            self._trouble = error
        else:
            self._trouble = None


def _outcome(write: Write, tables: Tables) -> Outcome:
    tables.wrote = False
    try:
        return (write.operation(tables),)
    except tables.failures:
        raise
    except Exception as error:
        if tables.wrote:
            raise _Refused(write, error) from error
        return error
