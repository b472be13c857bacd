"""Sweeps: the same bytes however they were run, and what is done is kept, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet
from simulated import COIN, RESULTS, UNFINISHED, kept, start, until

from banditcore.errors import BanditcoreError, InvalidInput
from banditcore_simulations.lab import Sweep, grid, read_results, run_sweep
from banditcore_simulations.lab.configuration import configuration
from banditcore_simulations.lab.experiments import Measure, experiment_names, find
from banditcore_simulations.lab.running import How, run_tasks
from banditcore_simulations.lab.sweep import played


def halves(point, seed):
    return {"half": (point["number"] + seed) / 2, "name": str(seed)}


def fails_at_seed_2(point, seed):
    if seed == 2:
        raise KeyError("missing")
    return {"done": True}


HALVES = Sweep(grid(number=[1, 2, 3]), halves, seeds=4)


def coin(folder: Path, **how: object) -> bytes:
    """The bytes of the results."""
    experiment = find(str(COIN))
    about = configuration("coin", experiment.sweep(), experiment.folder)
    run_tasks(experiment.sweep(), Measure(experiment.reference, False), about, folder, How(**how))
    return (folder / RESULTS).read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of the coin."""
    return coin(tmp_path_factory.mktemp("whole"))


# What is kept


def test_rows_are_points_times_seeds_in_order(tmp_path):
    results = run_sweep(HALVES, tmp_path)
    assert [(row["number"], row["seed"], row["half"]) for row in results.rows] == [
        (number, seed, (number + seed) / 2) for number in (1, 2, 3) for seed in range(4)
    ]
    assert read_results(tmp_path) == results == run_sweep(HALVES)
    assert results.where(number=2).column("half").tolist() == [1.0, 1.5, 2.0, 2.5]
    assert sorted(path.name for path in tmp_path.iterdir()) == [RESULTS, "run.json"]


def test_a_file_says_what_made_it_and_nothing_of_time_or_place(tmp_path, whole):
    (tmp_path / RESULTS).write_bytes(whole)
    file = parquet.ParquetFile(tmp_path / RESULTS)
    about = json.loads(file.schema_arrow.metadata[b"banditcore"])
    assert (about["experiment"], about["seeds"], len(about["points"])) == ("coin", 10, 4)
    assert about["points"][0] == {"rate": 0.5, "tosses": 100, "coin": "fair", "note": None}
    assert {"banditcore", "numpy", "scipy", "numba", "pyarrow", "python"} == set(about["versions"])
    assert str(COIN.parent).encode() not in whole
    kinds = {column.name: str(column.type) for column in file.schema_arrow}
    assert kinds == {
        "rate": "double",
        "tosses": "int64",
        "coin": "string",
        "note": "null",
        "seed": "int64",
        "off": "double",
        "heads": "int64",
        "fair": "bool",
        "curve": "list<element: double>",
    }


def test_the_defaults_behind_names_are_spelled_out():
    sweep = Sweep(grid(world=["linear:arms=3"], policy=["lin_ucb:alpha=2"], events=[10]), played, seeds=1)
    defaults = configuration("played", sweep)["defaults"]
    assert {"arms": 3, "features": 20, "noise": 1.0}.items() <= defaults["worlds"]["linear:arms=3"].items()
    assert defaults["policies"]["lin_ucb:alpha=2"]["alpha"] == 2 and "floor" in defaults["policies"]["lin_ucb:alpha=2"]


# The same bytes


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_change_no_byte(tmp_path, whole, jobs):
    assert coin(tmp_path, jobs=jobs) == whole


def test_a_cluster_changes_no_byte(tmp_path, whole):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster:
        assert coin(tmp_path, dask=cluster.scheduler_address) == whole


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, whole, jobs):
    folder = tmp_path / "coin"
    process = start(COIN, "--out", tmp_path, "--jobs", jobs, COIN_STOPS="bent-3", COIN_GATE=str(tmp_path / "gate"))
    until(lambda: kept(folder) >= 23, process)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    until_gone(workers)
    assert not (folder / RESULTS).exists()
    with (folder / UNFINISHED).open("ab") as file:
        file.write(b'0badc0de {"index":39,"seco')
    before = kept(folder)
    told = []
    assert coin(folder, resume=True, progress=lambda done, of: told.append((done, of))) == whole
    assert told == [(done, 40) for done in range(before, 41)], "what was done is not done again"
    assert json.loads((folder / "run.json").read_text())["resumed"] == before
    assert sorted(path.name for path in folder.iterdir()) == [RESULTS, "run.json"]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until_gone(pids: list[int]) -> None:
    """Workers end with who started them. One that nobody has collected yet is gone too."""
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_damaged_line_is_done_again(tmp_path, whole, monkeypatch):
    monkeypatch.setenv("COIN_FAILS", "bent-5")
    with pytest.raises(InvalidInput):
        coin(tmp_path)
    file = tmp_path / UNFINISHED
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 26, "the configuration and 25 tasks"
    lines[7] = lines[7].replace(b'"heads":', b'"tails":')
    file.write_bytes(b"".join(lines))
    monkeypatch.delenv("COIN_FAILS")
    assert coin(tmp_path, resume=True) == whole


def test_an_interrupted_run_says_how_to_go_on(tmp_path, whole):
    process = start(COIN, "--out", tmp_path, "--jobs", "2", COIN_STOPS="bent-3", COIN_GATE=str(tmp_path / "gate"))
    until(lambda: kept(tmp_path / "coin") >= 23, process)
    os.kill(process.pid, signal.SIGINT)
    said, warned = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "") and warned.count("\n") == 1
    assert "interrupted; what is done is kept in" in warned and "go on with --resume" in warned
    assert coin(tmp_path / "coin", resume=True) == whole


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("8k", "no room on disk in {disk}/coin: what is done is kept; make room and go on with --resume"),
        ("12k", "No space left on device; all tasks are kept: go on with --resume"),
    ],
)
def test_a_full_disk_is_one_line_and_what_is_done_is_kept(tmp_path, whole, size, words):
    """With room for some tasks, and with room for all but not for the results."""
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    # In a mount namespace of its own; what is on it goes to where there is room.
    script = f'mount -t tmpfs -o size={size} tmpfs "{disk}"; "$@"; ended=$?; cp -r "{disk}/coin" "{saved}"; exit $ended'
    wrapper = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script, "bash")
    process = start(COIN, "--out", disk, "--jobs", "1", wrapper=wrapper)
    said, warned = process.communicate(timeout=60)
    assert (process.returncode, said) == (2, "") and warned.count("\n") == 1
    assert words.format(disk=disk) in warned
    assert kept(saved) >= 10 and sorted(path.name for path in saved.iterdir()) == [UNFINISHED]
    assert coin(saved, resume=True) == whole


# What is refused


def test_an_unfinished_run_is_gone_on_with_or_thrown_away(tmp_path, monkeypatch):
    sweep = replace(HALVES, measure=fails_at_seed_2)
    with pytest.raises(InvalidInput, match=r"^number=1, seed 2: KeyError: 'missing' \(test_lab_running.py, line \d+\)"):
        run_sweep(sweep, tmp_path)
    with pytest.raises(InvalidInput, match="holds an unfinished run, 2 of 12 tasks done: go on with --resume, or"):
        run_sweep(HALVES, tmp_path)
    with pytest.raises(InvalidInput, match="measure was fails_at_seed_2 and is halves; start over with --fresh"):
        run_sweep(HALVES, tmp_path, resume=True)
    with pytest.raises(InvalidInput, match="give one of them"):
        run_sweep(HALVES, tmp_path, resume=True, fresh=True)
    assert len(run_sweep(HALVES, tmp_path, fresh=True).rows) == 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": 5}, "seeds was 4 and is 5"),
        ({"points": grid(number=[1, 2])}, "there were 3 points and are 2"),
        ({"points": grid(number=[1, 2, 4])}, "point 3 was number=3 and is number=4"),
    ],
)
def test_another_configuration_is_not_gone_on_with(tmp_path, change, words):
    kept = run_sweep(HALVES, tmp_path)
    with pytest.raises(InvalidInput, match=words):
        run_sweep(replace(HALVES, **change), tmp_path, resume=True)
    assert run_sweep(HALVES, tmp_path, resume=True) == kept, "finished: nothing is left to do"


def test_other_code_is_not_gone_on_with(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    for file in COIN.glob("*.py"):
        (folder / file.name).write_bytes(file.read_bytes())
    sweep = find(str(folder)).sweep(small=True)
    about = configuration("own", sweep, folder)
    run_tasks(sweep, sweep.measure, about, tmp_path / "out", How())
    (folder / "world.py").write_text((folder / "world.py").read_text().replace("< rate", "<= rate"))
    with pytest.raises(InvalidInput, match=r"code of experiment was [0-9a-f]{16} and is [0-9a-f]{16}"):
        run_tasks(sweep, sweep.measure, configuration("own", sweep, folder), tmp_path / "out", How(resume=True))


def test_two_runs_do_not_share_a_folder(tmp_path):
    from banditcore_simulations.lab.journal import Journal

    with closing(Journal(tmp_path / UNFINISHED)), pytest.raises(InvalidInput, match="another run is writing to"):
        run_sweep(HALVES, tmp_path)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"world": "linaer", "policy": "lin_ucb"}, "'linaer' is no world; did you mean linear?"),
        ({"world": "linear:arm=3", "policy": "lin_ucb"}, "'arm' is no parameter of world linear; did you mean arms?"),
        ({"world": "linear", "policy": "lin_ucp"}, "There is no policy 'lin_ucp'; did you mean 'lin_ucb'?"),
        ({"world": "linear", "policy": "lin_ucb:alhpa=1"}, "'alhpa' is no parameter of lin_ucb; did you mean alpha?"),
        ({"world": "linear", "policy": "lin_ucb:alpha=-1"}, "alpha must"),
        ({"policy": "lin_ucb"}, "a point needs `world` and `policy`"),
    ],
)
def test_unknown_names_are_found_before_anything_runs(tmp_path, point, words):
    good = {"world": "linear", "policy": "lin_ucb", "events": 10}
    with pytest.raises(InvalidInput) as caught:
        run_sweep(Sweep([good, {**point, "events": 10}], played, seeds=1), tmp_path / "out")
    assert words in caught.value.message and caught.value.message.startswith(next(iter(point)) + "=")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_that_fails_is_named_and_the_others_are_kept(tmp_path, whole, monkeypatch, jobs):
    monkeypatch.setenv("COIN_FAILS", "bent-3")
    words = "^rate=0.7, tosses=100.*, coin=bent, note=None, seed 3: the coin stands on its edge"
    with pytest.raises(InvalidInput, match=words):
        coin(tmp_path, jobs=jobs)
    assert kept(tmp_path) >= 23 - (jobs - 1), "what others are at is not finished"
    monkeypatch.delenv("COIN_FAILS")
    assert coin(tmp_path, resume=True) == whole


def a_column_of_its_parameter(point, seed):
    return {"number": 1}


def a_thing(point, seed):
    return {"thing": object()}


def two_kinds(point, seed):
    return {"mixed": "text" if seed else 1.5}


def too_many(point, seed):
    return {"many": 2**70}


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (a_column_of_its_parameter, "measured 'number' is a parameter already"),
        (a_thing, "measured 'thing' must be a number, text, truth value, None or a flat list of numbers, found object"),
        (two_kinds, "'mixed' is a number and a text: a column has one kind"),
        (too_many, "'many' does not fit a column"),
    ],
)
def test_what_has_no_place_in_a_column_is_refused(measure, words):
    with pytest.raises(InvalidInput) as caught:
        run_sweep(replace(HALVES, measure=measure))
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": []}, "has no points"),
        ({"points": [{"number": [1, 2]}]}, "parameter 'number' must have a number, text, truth value or None"),
        ({"points": [{"seed": 1}]}, "no parameter may be called seed"),
        ({"seeds": 0}, "seeds must be an integer of at least 1, found 0"),
        ({"seeds": 1.5}, "seeds must be an integer of at least 1, found 1.5"),
    ],
)
def test_a_sweep_that_is_none_is_refused(change, words):
    with pytest.raises(InvalidInput, match=words):
        run_sweep(replace(HALVES, **change))


def test_results_that_are_none(tmp_path):
    with pytest.raises(InvalidInput, match="there are no results at"):
        read_results(tmp_path)
    (tmp_path / RESULTS).write_bytes(b"PAR1 is how it begins")
    with pytest.raises(BanditcoreError, match="is no sound Parquet file"):
        read_results(tmp_path)


# Experiments


def test_every_shipped_experiment_is_whole():
    for name in experiment_names():
        experiment = find(name)
        assert experiment.description and configuration(name, experiment.sweep(), experiment.folder)
        assert experiment.sweep(small=True).seeds >= 1


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        (None, "is no experiment: it has no sweep.py"),
        ("x = 1", "needs SWEEP"),
        ("SWEEP = 1", "SWEEP must be a Sweep"),
        ("import no_such_module", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", r"sweep.py fails: ZeroDivisionError: division by zero \(sweep.py, line 1\)"),
        ("x = (", "sweep.py fails: SyntaxError"),
    ],
)
def test_a_folder_that_is_no_experiment(tmp_path, sweep, words):
    if sweep is not None:
        (tmp_path / "sweep.py").write_text(sweep)
    with pytest.raises(InvalidInput, match=words):
        find(str(tmp_path)).sweep()
