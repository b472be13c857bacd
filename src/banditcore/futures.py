"""Futures that are known already, made from others, or have something to fall back on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

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


def otherwise(write: Future[T], fallback: Callable[[], T]) -> Future[T]:
    """What was written, or `fallback()` when the store is away; a store that was closed on purpose is not."""
    future: Future[T] = Future()

    def settle(done: Future[T]) -> None:
        try:
            future.set_result(done.result() if _there(done.exception()) else fallback())
        except Exception as error:
            future.set_exception(error)

    write.add_done_callback(settle)
    return future


def _there(error: BaseException | None) -> bool:
    return not isinstance(error, StoreUnavailable | StoreCorrupt) or error.reason == "STORE_CLOSED"
