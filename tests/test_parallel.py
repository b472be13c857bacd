"""The same results in the same order, by this process, by others, and by a Dask cluster."""

import math
import subprocess
import sys

import pytest

from banditcore.errors import InvalidInput
from banditcore.parallel import run

TASKS = list(range(7))
SQUARES = [0, 1, 4, 9, 16, 25, 36]


def square(number):
    if number == 100:
        raise InvalidInput("a hundred is too much", field="number")
    return number * number


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_come_in_the_order_of_the_tasks(jobs):
    told = []
    assert run(square, TASKS, jobs=jobs, progress=lambda done, of: told.append((done, of))) == SQUARES
    assert told == [(done, 7) for done in range(1, 8)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_keeps_its_field(jobs):
    with pytest.raises(InvalidInput, match="a hundred is too much") as caught:
        run(square, [1, 100, 3], jobs=jobs)
    assert caught.value.field == "number"


def test_what_cannot_go_to_other_processes_is_refused():
    with pytest.raises(InvalidInput, match="functions that can be imported"):
        run(lambda number: number, TASKS, jobs=2)


@pytest.mark.parametrize("jobs", [0, -1, 1.5])
def test_jobs_are_counted(jobs):
    with pytest.raises(InvalidInput, match="jobs must be an integer of at least 1"):
        run(square, TASKS, jobs=jobs)


UNGUARDED = """
import math
from banditcore.parallel import run
print(run(math.factorial, [1, 2, 3], jobs=2))
"""


def test_a_script_without_a_main_guard_is_told_of_it(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    found = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=60)
    assert found.returncode == 1 and found.stderr.count("Traceback") == 1 and found.stdout == ""
    assert (
        "no worker process could start: a script that asks for jobs must be a file, with `if __name__" in found.stderr
    )


def test_a_dask_cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None) as cluster:
        assert run(math.factorial, TASKS, dask=cluster.scheduler_address) == [1, 1, 2, 6, 24, 120, 720]


def test_no_dask_cluster():
    with pytest.raises(InvalidInput, match="cannot reach a Dask scheduler at nowhere"):
        run(square, TASKS, dask="nowhere")
