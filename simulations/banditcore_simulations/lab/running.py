"""Runs a sweep: tasks to processes, results to a file, and what was done already is not done again."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from banditcore import parallel
from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.formats.replacing import replacing
from banditcore_simulations.lab.configuration import SEED, Configuration, configuration, differing, in_words
from banditcore_simulations.lab.experiments import in_words as error_in_words
from banditcore_simulations.lab.journal import Journal, to_json
from banditcore_simulations.lab.results import Results
from banditcore_simulations.lab.sweep import Point, Record, Sweep
from banditcore_simulations.lab.tables import FILE, read_configuration, read_results, row, write_results

UNFINISHED = "unfinished.jsonl"
RUN = "run.json"
CHUNK = 8
"""Tasks that go to a process together, at most."""
SHARE = 32
"""Chunks for each process, at least: so that all end at about the same time."""
Measured = Callable[[Point, int], Record]


@dataclass(frozen=True)
class How:
    """What the results do not depend on."""

    jobs: int = 1
    dask: str | None = None
    resume: bool = False
    """Go on with what an earlier run left."""
    fresh: bool = False
    """Throw that away."""
    progress: parallel.Done = lambda done, of: None


@dataclass(frozen=True, slots=True)
class Task:
    index: int
    point: Point
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a task: what was measured as JSON, or in words why nothing was."""

    line: str = ""
    failure: str = ""
    field: str = ""


def run_sweep(
    sweep: Sweep,
    out: Path | str | None = None,
    *,
    name: str = "sweep",
    jobs: int = 1,
    dask: str | None = None,
    resume: bool = False,
    fresh: bool = False,
    progress: parallel.Done = lambda done, of: None,
) -> Results:
    """Every point for every seed; the same whatever `jobs` and however often it was cut off.

    out: folder for `results.parquet` and `run.json`, and for what is done meanwhile, from which `resume` goes on and
    which `fresh` throws away; None: nothing is kept. jobs, dask and progress as in `banditcore.parallel.run`. Raises
    InvalidInput that names the point and the seed.
    """
    how = How(jobs, dask, resume, fresh, progress)
    about = configuration(name, sweep)
    if out is not None:
        return run_tasks(sweep, sweep.measure, about, Path(out), how)
    with TemporaryDirectory() as folder:
        return run_tasks(sweep, sweep.measure, about, Path(folder), how)


def run_tasks(sweep: Sweep, measure: Measured, about: Configuration, folder: Path, how: How) -> Results:
    """measure: the sweep's, in a form that other processes understand. Otherwise as `run_sweep`."""
    if how.resume and how.fresh:
        raise InvalidInput("resume goes on and fresh starts over: give one of them", field="resume")
    if how.resume and (folder / FILE).exists() and not (folder / UNFINISHED).exists():
        _check_same(read_configuration(folder / FILE), about, folder)
        return read_results(folder)
    points = sweep.points
    tasks = [Task(i * sweep.seeds + seed, point, seed) for i, point in enumerate(points) for seed in range(sweep.seeds)]
    with closing(Journal(folder / UNFINISHED)) as journal:
        try:
            done = _begun(journal, about, len(tasks), how)
            started = time.time()
            _do([task for task in tasks if task.index not in done], len(tasks), measure, journal, how)
            return _finish(journal, about, folder, started, len(done), how)
        except OSError as error:
            raise _no_room(error, folder) from None


def _begun(journal: Journal, about: Configuration, tasks: int, how: How) -> set[int]:
    """Indices of the tasks that an earlier run has done, in a journal of this configuration."""
    found = [] if how.fresh else journal.read()
    if found and not how.resume:
        raise InvalidInput(
            f"{journal.path.parent} holds an unfinished run, {len(_by_index(found)):,} of {_tasks(found[0]):,} tasks "
            "done: go on with --resume, or start over with --fresh",
            field="resume",
        )
    if found:
        _check_same(found[0], about, journal.path.parent)
    else:
        journal.clear()
        journal.add(to_json(about))
        journal.sync()
    return set(_by_index(found))


def _check_same(then: Configuration, now: Configuration, folder: Path) -> None:
    if different := differing(then, now):
        raise InvalidInput(
            f"cannot go on with {folder}, which was begun otherwise: {different}; start over with --fresh, or give "
            "another --out",
            field="resume",
        )


def _tasks(about: Configuration) -> int:
    return len(about["points"]) * int(about["seeds"])


def _by_index(lines: Sequence[Any]) -> dict[int, Any]:
    """Lines after the first, by their task."""
    return {line["index"]: line for line in lines[1:]}


def _do(left: Sequence[Task], of: int, measure: Measured, journal: Journal, how: How) -> None:
    done = of - len(left)
    how.progress(done, of)
    try:
        results = parallel.results(partial(measured, measure), _chunks(left, how), jobs=how.jobs, dask=how.dask)
        with closing(results):
            for _, outcomes in results:
                for outcome in outcomes:
                    if outcome.failure:
                        raise InvalidInput(
                            f"{outcome.failure} ({done:,} of {of:,} tasks are done and kept)", field=outcome.field
                        )
                    journal.add(outcome.line)
                    done += 1
                how.progress(done, of)
    finally:
        journal.sync()


def _chunks(tasks: Sequence[Task], how: How) -> list[Sequence[Task]]:
    """To send many small tasks one by one costs each a millisecond; what is in a chunk is kept together."""
    alone = how.jobs == 1 and how.dask is None
    size = 1 if alone else min(CHUNK, math.ceil(len(tasks) / (SHARE * max(how.jobs, 2))))
    return [tasks[start : start + size] for start in range(0, len(tasks), size or 1)]


def measured(measure: Measured, tasks: Sequence[Task]) -> list[Outcome]:
    """In whatever process, until one fails."""
    outcomes = []
    for task in tasks:
        outcomes.append(_measured(measure, task))
        if outcomes[-1].failure:
            break
    return outcomes


def _measured(measure: Measured, task: Task) -> Outcome:
    """An error in words, since an exception of somebody's own may not travel."""
    begun = time.perf_counter()
    try:
        found = row(task.point, task.seed, measure(task.point, task.seed))
        line = to_json({"index": task.index, "seconds": time.perf_counter() - begun, "row": found})
    except Exception as error:
        where = f"{in_words(task.point)}, {SEED} {task.seed}: "
        return Outcome(failure=where + error_in_words(error), field=getattr(error, "field", ""))
    return Outcome(line)


def _finish(journal: Journal, about: Configuration, folder: Path, started: float, resumed: int, how: How) -> Results:
    lines = [line for _, line in sorted(_by_index(journal.read()).items())]
    course = _course(about, [line["seconds"] for line in lines], started, resumed, how)
    try:
        write_results(folder / FILE, [line["row"] for line in lines], about)
        with replacing(folder / RUN) as partial_file:
            partial_file.write_text(to_json(course) + "\n", encoding="utf-8")
    except InvalidInput as error:
        raise InvalidInput(f"{error.message}; all tasks are kept: go on with --resume", field=error.field) from error
    journal.remove()
    return read_results(folder)


def _course(about: Configuration, seconds: Sequence[float], started: float, resumed: int, how: How) -> dict[str, Any]:
    """How it went, which is another story each time."""
    seeds = about["seeds"]
    return {
        "experiment": about["experiment"],
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": time.time() - started,
        "tasks": len(seconds),
        "resumed": resumed,
        "jobs": how.jobs,
        "dask": how.dask,
        "seconds_of_tasks": sum(seconds),
        "points": [
            {"point": point, "seconds": sum(seconds[i * seeds : (i + 1) * seeds])}
            for i, point in enumerate(about["points"])
        ],
    }


def _no_room(error: OSError, folder: Path) -> BanditcoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return BanditcoreError(
            f"no room on disk in {folder}: what is done is kept; make room and go on with --resume", reason="DISK_FULL"
        )
    return BanditcoreError(f"cannot write in {folder}: {error.strerror or error}")
