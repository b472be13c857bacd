"""`banditcore simulate` on an experiment of a folder: what it prints, writes and refuses."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from command_line import banditcore, done, parsed, refused
from simulated import COIN, RESULTS

from banditcore_simulations.lab import read_results
from banditcore_simulations.lab.experiments import experiment_names

ONE = ("--jobs", "1", "--small")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the coin that may be changed."""
    return Path(shutil.copytree(COIN, tmp_path / "own", ignore=shutil.ignore_patterns("__pycache__")))


def test_what_is_said_and_written(tmp_path: Path) -> None:
    result = done("simulate", COIN, "--out", tmp_path, "--jobs", "1")
    assert "coin: How far the share of heads is from the rate of a coin." in result.words
    for words in ("Coins are off by at most 0.0", "Mean over tosses and seeds.", "What must hold", "the largest error"):
        assert words in result.words
    assert f"40 tasks; the results are in {tmp_path}" in result.words
    assert len(read_results(tmp_path / "coin").rows) == 40
    assert {RESULTS, "run.json"} <= {path.name for path in (tmp_path / "coin").iterdir()}


def test_json_and_the_small_size_beside_the_full_one(tmp_path: Path) -> None:
    (found,) = parsed(done("simulate", COIN, "--out", tmp_path, *ONE, "--json"))
    assert (found["experiment"], found["folder"]) == ("coin", str(tmp_path / "coin-small"))
    assert found["checks"][0]["holds"] and found["tables"][0]["columns"] == ["coin", "off"] and found["pictures"] == []
    assert len(read_results(tmp_path / "coin-small").rows) == 4


def test_seeds_are_chosen(tmp_path: Path) -> None:
    done("simulate", COIN, "--out", tmp_path, *ONE, "--seeds", "3")
    assert read_results(tmp_path / "coin-small").values("seed") == [0, 1, 2]


def test_resume_of_what_is_finished_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("simulate", COIN, "--out", tmp_path, *ONE)
    monkeypatch.setenv("COIN_FAILS", "fair-0")
    done("simulate", COIN, "--out", tmp_path, *ONE, "--resume")
    refused("rate=0.5, tosses=100, coin=fair, note=None, seed 0: the coin", "simulate", COIN, "--out", tmp_path, *ONE)


def test_a_check_that_fails_ends_with_1(tmp_path: Path, own: Path) -> None:
    analysis = own / "analysis.py"
    analysis.write_text(analysis.read_text().replace("<= 0.2", "< 0.0"))
    result = banditcore("simulate", own, "--out", tmp_path, *ONE)
    assert (result.returncode, result.stderr) == (1, "") and "NO" in result.words


def test_policies_worlds_and_events_are_chosen(tmp_path: Path, own: Path) -> None:
    (own / "sweep.py").write_text(
        '"""Played."""\n'
        "from banditcore_simulations.lab.sweep import Sweep, grid, played\n"
        'SWEEP = Sweep(grid(world=["linear"], policy=["lin_ucb", "linear_ts"], events=[10_000]), played, seeds=2)\n'
        "SMALL = Sweep(SWEEP.points, lambda point, seed: {'off': 0.0, 'coin': 'none'}, seeds=1)\n"
    )
    asked = ("simulate", own, "--out", tmp_path, *ONE)
    chosen = ("--world", "linear:arms=3", "--policy", "uniform", "--policy", "lin_ucb:alpha=2", "--events", "50")
    done(*asked, *chosen)
    results = read_results(tmp_path / "own-small")
    assert (results.values("world"), results.values("events")) == (["linear:arms=3"], [50])
    assert results.values("policy") == ["uniform", "lin_ucb:alpha=2"] and len(results.rows) == 2
    refused("this experiment has no policy to choose", "simulate", COIN, "--out", tmp_path, "--policy", "uniform")
    refused("'linaer' is no world; did you mean linear?", *asked[:4], "--world", "linaer")
    refused("events must be an integer of at least 1", *asked, "--events", "0")


def test_the_list() -> None:
    said = done("simulate", "--list").words
    assert all(name in said for name in experiment_names())
    assert [each["experiment"] for each in parsed(done("simulate", "--list", "--json"))] == experiment_names()


def test_bad_input_is_one_line_and_exit_2(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("simulate", COIN, "--out", tmp_path / "out")
    refused("name experiments, or --all of them", "simulate")
    refused("name experiments, or --all of them", *asked, "--all")
    refused("'no-such' is no experiment", "simulate", "no-such")
    refused("is no experiment: it has no sweep.py", "simulate", tmp_path)
    refused("jobs must be an integer of at least 1, found 0", *asked, "--jobs", "0")
    refused("seeds must be an integer of at least 1, found 0", *asked, "--seeds", "0")
    refused("resume goes on and fresh starts over", *asked, "--resume", "--fresh")
    refused("cannot reach a Dask scheduler at nowhere", *asked, "--dask", "nowhere", "--fresh")
    file = tmp_path / "file"
    file.touch()
    refused(f"cannot write {file}/coin", "simulate", COIN, "--out", file)
    (own / "analysis.py").write_text("def analyse(results):\n    return results.rows[0]['absent']\n")
    mine = ("simulate", own, "--out", tmp_path, *ONE)
    refused("the analysis of own fails: KeyError: 'absent' (analysis.py, line 2)", *mine)
    (own / "analysis.py").unlink()
    refused("has no analysis.py", *mine, "--fresh")
    monkeypatch.setitem(sys.modules, "numba", None)
    refused('simulations need numba: pip install "banditcore[offline]"', *asked)
