"""Futures that are known already, made from others, or have something to fall back on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Self, TypeVar

from banditcore.errors import StoreCorrupt, StoreUnavailable

T = TypeVar("T")
U = TypeVar("U")


def completed(result: T) -> Future[T]:
    """A future that has its result."""
    future: Future[T] = Future()
    future.set_result(result)
    return future


def then(future: Future[T], function: Callable[[T], U]) -> Future[U]:
    """What the function makes of the future's result."""
    made: Future[U] = Future()

    def settle(done: Future[T]) -> None:
        try:
            made.set_result(function(done.result()))
        except Exception as error:
            made.set_exception(error)

    future.add_done_callback(settle)
    return made


def one_by_one(
    submit: Callable[[T], Future[list[U]]], parts: Sequence[T], made: Callable[[list[U]], list[U]]
) -> Future[list[U]]:
    """What the function makes of the results of all parts, each submitted when the one before it is done."""
    outcome: Future[list[U]] = Future()
    results: list[U] = []
    left = iter(parts)

    def go_on(done: Future[list[U]] | None = None) -> None:
        try:
            results.extend(done.result() if done is not None else ())
            for part in left:
                submit(part).add_done_callback(go_on)
                return
            outcome.set_result(made(results))
        except Exception as error:
            outcome.set_exception(error)

    go_on()
    return outcome


class Otherwise(Future[T]):
    """What a write comes to, or `fallback()` when the store is away; a store that was closed on purpose is not.

    Whoever cannot wait any longer settles it with `fall_back`. A write that finds it `done` is not wanted any more.
    """

    def __init__(self, fallback: Callable[[], T]) -> None:
        super().__init__()
        self._fallback = fallback

    def follow(self, write: Future[T]) -> Self:
        """Gets its result from the write."""
        write.add_done_callback(lambda done: self._settle(done.result if _there(done.exception()) else self._fallback))
        return self

    def fall_back(self) -> None:
        """Does without the write, whatever becomes of it."""
        self._settle(self._fallback)

    def _settle(self, result: Callable[[], T]) -> None:
        if self.done():
            return
        # Two threads may come here at once; the first one counts.
        with suppress(InvalidStateError):
            try:
                self.set_result(result())
            except InvalidStateError:
                raise
            except Exception as error:
                self.set_exception(error)


def _there(error: BaseException | None) -> bool:
    return not isinstance(error, StoreUnavailable | StoreCorrupt) or error.reason == "STORE_CLOSED"
