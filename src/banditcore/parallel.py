"""Independent pieces of work on several cores or machines; what comes out does not depend on how many."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from banditcore.checks import check_count
from banditcore.errors import BanditcoreError, InvalidInput

T = TypeVar("T")
R = TypeVar("R")
Numbered = Generator[tuple[int, R], None, None]
"""Index of a task, and what came of it."""
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
    found: list[R] = []
    for _, result in results(function, tasks, jobs=jobs, dask=dask, in_order=True):
        found.append(result)
        progress(len(found), len(tasks))
    return found


def results(
    function: Callable[[T], R], tasks: Sequence[T], *, jobs: int = 1, dask: str | None = None, in_order: bool = False
) -> Numbered[R]:
    """Index of a task and `function` of it, as they are done or in the order of the tasks; otherwise as `run`.

    Who stops asking, or is interrupted, ends what is still running: close the iterator, as `contextlib.closing` does.
    """
    check_count(jobs, "jobs", 1)
    if dask is not None:
        return _on_dask(function, tasks, dask, in_order)
    if jobs == 1 or len(tasks) < 2:
        return ((index, function(task)) for index, task in enumerate(tasks))
    return _in_processes(function, tasks, min(jobs, len(tasks)), in_order)


def _in_processes(function: Callable[[T], R], tasks: Sequence[T], jobs: int, in_order: bool) -> Numbered[R]:
    # Spawned, not forked: a fork takes over the threads' locks of whatever library was in the middle of something.
    context = multiprocessing.get_context("spawn")
    _check_sendable(function, tasks)
    up, others = context.RawValue("b"), set(multiprocessing.active_children())
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(up,)) as pool:
        finished = False
        try:
            yield from _done([pool.submit(function, task) for task in tasks], in_order)
            finished = True
        except BrokenProcessPool:
            raise _died(bool(up.value)) from None
        except RuntimeError as error:
            if "bootstrapping" not in str(error):
                raise
            # This is a worker, which runs the script again to import it. Who started it says why it ended.
            raise SystemExit(1) from None
        finally:
            if not finished:
                pool.shutdown(wait=False, cancel_futures=True)
                _end(set(multiprocessing.active_children()) - others)


def _done(futures: list[Future[R]], in_order: bool) -> Numbered[R]:
    numbers = {future: number for number, future in enumerate(futures)}
    order = iter(futures) if in_order else as_completed(futures)
    futures = []
    for future in order:
        yield numbers.pop(future), future.result()


def _end(processes: Iterable[BaseProcess]) -> None:
    """Nobody waits any more for what they are doing, which may take long."""
    for process in processes:
        process.terminate()
        process.join()


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


def _begin(up: Any) -> None:
    """What a worker does first."""
    # Without a lock, which a worker that dies would take along.
    up.value = 1
    # Ctrl-C reaches all processes of a terminal; the one that started this ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent.join()
    os._exit(1)


def _died(started: bool) -> BanditcoreError:
    if started:
        return BanditcoreError("a worker process died, of memory as a rule: take fewer jobs", reason="WORKER_DIED")
    return InvalidInput(
        'no worker process could start: a script that asks for jobs must be a file, with `if __name__ == "__main__":` '
        "around the call; or take jobs=1",
        field="jobs",
    )


def _on_dask(function: Callable[[T], R], tasks: Sequence[T], address: str, in_order: bool) -> Numbered[R]:
    try:
        import distributed
        from distributed.comm.core import CommClosedError
    except ImportError:
        raise InvalidInput('--dask needs the extra: pip install "banditcore[dask]"', field="dask") from None
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot reach a Dask scheduler at {address}: {error}", field="dask") from None
    with client:
        futures: list[Any] = [client.submit(function, task, pure=False) for task in tasks]
        numbers = {future.key: number for number, future in enumerate(futures)}
        finished: Any = distributed.as_completed
        try:
            for future in futures if in_order else finished(futures):
                yield numbers[future.key], future.result()
        except (distributed.KilledWorker, CancelledError, CommClosedError) as error:
            raise BanditcoreError(f"the Dask cluster lost what it worked on: {error}", reason="WORKER_DIED") from None
