"""The command line against a real server: what it prints, and how it fails."""

import json
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from banditcore_server.testing import ServerProcess

COMMAND = Path(sysconfig.get_path("scripts")) / "banditcore"
SHOP = Path(__file__).parent.parent / "examples" / "shop.toml"
UNPLANNED = """
[experiments.unplanned]
control = "a"
holdout = 0.1
variants = ["a", "b"]
policy = "uniform"
goals = [{ name = "buy" }]
"""
PLANNED = """
[experiments.planned]
control = "a"
holdout = 0.1
variants = ["a", "b"]
policy = "uniform"
goals = [{ name = "buy", baseline = 0.1 }]
units_per_day = 100_000
duration = "30d"
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("cli") / "data", "--apply", str(SHOP)) as server:
        yield server


def banditcore(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(COMMAND), *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def run(server: ServerProcess) -> Run:
    return lambda *arguments: banditcore(*arguments, "--server", server.target)


def printed(result: "subprocess.CompletedProcess[str]") -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_decision_by_hand(run: Run) -> None:
    decision = json.loads(printed(run("decide", "shop", "cli-1", "--attributes", '{"age": 31}', "--json")))
    assert decision["group"] in ("POLICY", "HOLDOUT")
    assert "p = " in printed(run("decide", "shop", "cli-2"))
    assert "recorded" in printed(run("reward", decision["id"], "purchase", "1"))
    assert "known already" in printed(run("reward", decision["id"], "purchase", "1"))
    table = printed(run("explain", decision["id"]))
    assert "recomputed equal" in table and "plain" in table
    found = json.loads(printed(run("explain", decision["id"], "--json")))
    assert found["recomputed"] is True
    assert found["arms"][0]["contributions"][0]["feature"] == "age"


def test_reports_and_lists(run: Run) -> None:
    run("decide", "shop", "cli-3")
    report = json.loads(printed(run("report", "shop", "--json")))
    assert report["goals"][0]["status"] == "collecting"
    assert report["goals"][0]["policy"]["mean"] is None, "JSON knows no NaN"
    table = printed(run("report", "shop"))
    assert "purchase (learned)" in table and "plain (control)" in table and "raw mean" in table
    assert json.loads(printed(run("list", "--json")))[0]["spec"]["name"] == "shop"
    assert "running" in printed(run("list"))


def test_an_experiment_goes_through_its_life(run: Run, tmp_path: Path) -> None:
    definition = tmp_path / "other.toml"
    definition.write_text(SHOP.read_text().replace("experiments.shop", "experiments.other"))
    assert "other" in printed(run("apply", str(definition)))
    assert "paused" in printed(run("pause", "other"))
    refused = run("decide", "other", "ann")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "banditcore: experiment other is paused: resume it first\n"
    assert "running" in printed(run("resume", "other"))
    assert "archived" in printed(run("archive", "other"))


def test_applying_says_what_the_holdout_can_show(run: Run, tmp_path: Path) -> None:
    definition = tmp_path / "planned.toml"
    definition.write_text(UNPLANNED)
    words = " ".join(printed(run("apply", str(definition))).split())
    assert "unplanned: To learn what the holdout of 0.1 can show, add units_per_day, duration and baseline of" in words
    definition.write_text(PLANNED)
    (found,) = json.loads(printed(run("apply", str(definition), "--json")))
    assert found["planning"] == found["power"]["message"] and 0 < found["power"]["smallest_lift"] < 1
    assert f"planned: {found['planning']}" in " ".join(printed(run("apply", str(definition))).split())


def test_there_is_no_page_of_what_is_not_there(run: Run, tmp_path: Path) -> None:
    result = run("report", "nowhere", "--html", str(tmp_path / "report.html"))
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("decide", "nowhere", "ann"), "'nowhere' does not exist; there is"),
        (("decide", "shop", "ann", "--attributes", "{age: 1}"), "not valid JSON"),
        (("decide", "shop", "ann", "--attributes", '{"age": "old"}'), "attributes.age must be a number"),
        (("reward", "00", "purchase", "1"), "not a decision of this server"),
        (("report", "nowhere"), "does not exist"),
        (("apply", "absent.toml"), "cannot read absent.toml"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_no_server_there() -> None:
    result = banditcore("list", "--server", "127.0.0.1:1")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "127.0.0.1:1" in result.stderr


def test_an_audit_beside_the_running_server_and_of_a_spoiled_log(run: Run, server: ServerProcess) -> None:
    printed(run("decide", "shop", "audit"))
    assert "passed" in printed(banditcore("audit", "--data", str(server.data)))
    result = json.loads(printed(banditcore("audit", "--data", str(server.data), "--json")))
    assert result["passed"] and result["decisions"] == result["equal"] > 0


def test_an_audit_of_a_spoiled_log_fails(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--apply", str(SHOP)) as server:
        banditcore("decide", "shop", "ann", "--server", server.target)
    connection = apsw.Connection(str(tmp_path / "data" / "banditcore.db"))
    connection.execute("UPDATE decision SET grp = 3 - grp")
    connection.close()
    result = banditcore("audit", "--data", str(tmp_path / "data"))
    assert result.returncode == 1
    assert "FAILED" in result.stdout and "was logged" in result.stdout


def test_an_audit_of_nothing() -> None:
    result = banditcore("audit", "--data", "/nonexistent")
    assert result.returncode == 2 and "holds no banditcore.db" in result.stderr
