"""`banditcore replay` on the logs of a real server: its own decisions again, policies that learn, and how it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import banditcore, done, parsed, refused
from pyarrow import parquet
from served import VISITS, Served, changed, policies, served

FEW = ("--repeats", "4")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as found:
        yield found


def test_a_server_decided_what_its_log_says(log: Served) -> None:
    for name, visits in (("shop", 2 * VISITS), ("fair", VISITS)):
        asked = ("replay", log.file(f"{name}.parquet"), *policies("logged"))
        assert f"passed: {visits:,} of {visits:,} decisions made again equal, {visits:,} to the last bit" in (
            done(*asked).words
        )
        found = parsed(done(*asked, "--json"))
        assert (found["passed"], found["identical"], found["first_difference"]) == (True, visits, "")
        assert found["resolutions"] > 0


def test_one_reward_that_was_changed_is_found(log: Served, tmp_path: Path) -> None:
    table = parquet.read_table(log.file("shop.parquet"), columns=["reward", "holdout"]).to_pydict()
    rewards = table["reward"]
    row = table["holdout"].index(False)
    rewards[row] = 1.0 - rewards[row]
    asked = ("replay", changed(log, tmp_path / "flipped.parquet", reward=rewards), *policies("logged"))
    result = banditcore(*asked)
    assert (result.returncode, result.stderr) == (1, "")
    assert f"FAILED: {2 * VISITS - 1:,} of {2 * VISITS:,} decisions" in result.words
    assert f"first: row {row + 1}, " in result.words
    assert banditcore(*asked, "--json").returncode == 1


def test_a_log_nobody_touched_passes_also_in_a_copy(log: Served, tmp_path: Path) -> None:
    """So that what fails above is the reward."""
    done("replay", changed(log, tmp_path / "copy.parquet"), *policies("logged"))


@pytest.mark.parametrize(
    ("name", "method", "used"),
    [
        ("fair", "auto", "match"),
        ("fair", "rejection", "rejection"),
        ("shop", "auto", "rejection"),
        ("shop", "dr_ns", "dr_ns"),
    ],
)
def test_methods(log: Served, name: str, method: str, used: str) -> None:
    asked = ("replay", log.file(f"{name}.parquet"), *policies("lin_ucb:alpha=0.5", "uniform"), "--method", method)
    found = parsed(done(*asked, *FEW, "--json"))
    assert [policy["policy"] for policy in found["policies"]] == ["lin_ucb:alpha=0.5", "uniform"]
    for policy in found["policies"]:
        assert (policy["method"], policy["repeats"]) == (used, 4) and policy["status"] in ("green", "amber")
        assert policy["least"] <= policy["value"] <= policy["most"] and policy["low"] <= policy["high"]
        assert 0 < policy["accepted"] <= policy["rows"] == found["health"]["rows"]
        assert policy["logged"] == pytest.approx(found["health"]["mean_reward"])
    learned, guessed = found["policies"]
    assert learned["value"] > guessed["value"], "what earns .8 is found among three"


def test_what_is_said(log: Served, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = done("replay", log.file("fair.parquet"), *policies("lin_ucb"), *FEW, "--html", page)
    assert "Can this log carry it? Yes." in result.words
    assert "What each policy would have earned while it learned" in result.words
    written = page.read_text(encoding="utf-8")
    assert written.rstrip().endswith("</html>") and "<svg" in written and "<script" not in written
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_jobs_change_nothing(log: Served) -> None:
    asked = ("replay", log.file("shop.parquet"), *policies("lin_ucb", "linear_ts"), *FEW, "--json")
    assert done(*asked, "--jobs", "2").stdout == done(*asked).stdout


def test_a_cluster_changes_nothing(log: Served) -> None:
    from distributed import LocalCluster

    file = log.file("shop.parquet")
    asked = [
        ("evaluate", file, *policies("lin_ucb", f"model:{log.file('model.npz')}"), "--bootstrap", "20", "--json"),
        ("replay", file, *policies("lin_ucb"), *FEW, "--json"),
    ]
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None) as cluster:
        for words in asked:
            assert done(*words, "--dask", cluster.scheduler_address).stdout == done(*words).stdout


def test_a_log_that_refuses_all_ends_with_1(log: Served, tmp_path: Path) -> None:
    few = changed(log, tmp_path / "few.parquet", exposed=[row < 150 for row in range(2 * VISITS)])
    result = banditcore("replay", few, *policies("lin_ucb", "uniform"), *FEW)
    assert (result.returncode, result.stderr) == (1, "")
    assert "Can this log carry it? No." in result.words
    assert "This log cannot say what a learning policy would have earned." in result.words
    assert result.words.count("units of the 200 needed") == 1, "why is said once"
    refusing = banditcore("replay", few, *policies("lin_ucb"), *FEW, "--json")
    assert refusing.returncode == 1 and parsed(refusing)["policies"][0]["status"] == "refused"


def test_bad_input_is_one_line_and_exit_2(log: Served, tmp_path: Path) -> None:
    file = log.file("shop.parquet")
    asked = ("replay", file, *policies("lin_ucb"))
    refused("'lin_ucp'; did you mean 'lin_ucb'?", "replay", file, *policies("lin_ucp"))
    refused("--policy logged stands alone", "replay", file, *policies("logged", "lin_ucb"))
    refused("No such file", "replay", tmp_path / "absent.parquet", *policies("lin_ucb"))
    refused("No such file", "replay", tmp_path / "absent.parquet", *policies("logged"))
    refused("shop.npz is no sound Parquet file", "replay", log.file("shop.npz"), *policies("logged"))
    refused("method must be auto, match, rejection or dr_ns", *asked, "--method", "matching")
    refused("here it is not uniform", *asked, "--method", "match")
    refused("bound must lie in [1,", *asked, "--bound", "0.5")
    refused("repeats must be an integer of at least 2", *asked, "--repeats", "1")
    refused("jobs must be an integer of at least 1, found 0", *asked, "--jobs", "0")
    refused("cannot reach a Dask scheduler at nowhere", *asked, "--dask", "nowhere")
    refused("absent is not a directory", *asked, "--html", tmp_path / "absent" / "page.html")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(file.read_bytes()[:5_000])
    for name in ("lin_ucb", "logged"):
        refused("is no sound Parquet file", "replay", cut, *policies(name))
    assert [each.name for each in tmp_path.iterdir()] == ["cut.parquet"]
