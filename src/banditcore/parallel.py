"""Independent pieces of work on several cores or machines; what comes out does not depend on how many."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from banditcore.checks import check_count
from banditcore.errors import BanditcoreError, InvalidInput

T = TypeVar("T")
R = TypeVar("R")
Done = Callable[[int, int], None]
"""Gets how many pieces are done, and of how many."""


def run(
    function: Callable[[T], R],
    tasks: Sequence[T],
    *,
    jobs: int = 1,
    dask: str | None = None,
    progress: Done = lambda done, of: None,
) -> list[R]:
    """`function` of every task, in the order of the tasks; the first error, in that order, is raised.

    jobs: processes on this machine, 1 for none but this; dask: address of a Dask scheduler instead, whose workers have
    this package and see the same files. Function and tasks must be importable and picklable then, so no lambdas, and
    a script that calls this needs `if __name__ == "__main__":` around it.
    """
    check_count(jobs, "jobs", 1)
    if dask is not None:
        return _told(_on_dask(function, tasks, dask), len(tasks), progress)
    if jobs == 1 or len(tasks) < 2:
        return _told(map(function, tasks), len(tasks), progress)
    return _told(_in_processes(function, tasks, min(jobs, len(tasks))), len(tasks), progress)


def _told(results: Iterator[R], of: int, progress: Done) -> list[R]:
    found = []
    for result in results:
        found.append(result)
        progress(len(found), of)
    return found


def _in_processes(function: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Iterator[R]:
    # Spawned, not forked: a fork takes over the threads' locks of whatever library was in the middle of something.
    context = multiprocessing.get_context("spawn")
    _check_sendable(function, tasks)
    up = context.RawValue("b")
    with ProcessPoolExecutor(jobs, context, initializer=_say_up, initargs=(up,)) as pool:
        try:
            yield from pool.map(function, tasks)
        except BrokenProcessPool:
            raise _died(bool(up.value)) from None
        except RuntimeError as error:
            if "bootstrapping" not in str(error):
                raise
            # This is a worker, which runs the script again to import it. Who started it says why it ended.
            raise SystemExit(1) from None
        finally:
            pool.shutdown(cancel_futures=True)


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def _check_sendable(function: Callable[[T], R], tasks: Sequence[T]) -> None:
    """Raises InvalidInput where something cannot go to another process: the pool would find that out on a thread of
    its own, and may never end then."""
    for task in tasks:
        try:
            ForkingPickler(_Nowhere()).dump((function, task))
        except Exception as error:
            raise InvalidInput(f"jobs needs functions that can be imported: {error}", field="jobs") from None


def _say_up(up: Any) -> None:
    # Without a lock, which a worker that dies would take along.
    up.value = 1


def _died(started: bool) -> BanditcoreError:
    if started:
        return BanditcoreError("a worker process died, of memory as a rule: take fewer jobs", reason="WORKER_DIED")
    return InvalidInput(
        'no worker process could start: a script that asks for jobs must be a file, with `if __name__ == "__main__":` '
        "around the call; or take jobs=1",
        field="jobs",
    )


def _on_dask(function: Callable[[T], R], tasks: Sequence[T], address: str) -> Iterator[R]:
    try:
        import distributed
    except ImportError:
        raise InvalidInput('--dask needs the extra: pip install "banditcore[dask]"', field="dask") from None
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot reach a Dask scheduler at {address}: {error}", field="dask") from None
    with client:
        futures: list[Any] = [client.submit(function, task, pure=False) for task in tasks]
        for future in futures:
            yield future.result()
