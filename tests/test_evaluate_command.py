"""`banditcore evaluate` on the log of a real server: every kind of target, every way of showing, and how it fails."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import banditcore, done, parsed, refused
from pyarrow import parquet
from served import VISITS, Served, changed, policies, served

from banditcore.evaluation.showing.digits import digits
from banditcore.exporting import load_model

FUNCTION = """
import numpy as np

def half(rows):
    return np.tile([0.5, 0.5, 0.0], (len(rows), 1))
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as found:
        yield found


def evaluated(file: Path, *arguments: object) -> dict[str, Any]:
    return parsed(done("evaluate", file, "--json", *arguments))


def by_estimator(target: dict[str, Any]) -> dict[str, float]:
    return {item["estimator"]: item["value"] for item in target["estimates"]}


def test_a_log_alone_is_looked_after(log: Served) -> None:
    said = done("evaluate", log.file("shop.parquet")).words
    assert said.startswith("Can this log carry it? Yes.")
    assert "can answer: Replay policies that learn by rejection" in said and "CANNOT answer" in said
    assert "name some by --policy" in said
    found = evaluated(log.file("shop.parquet"))
    assert found["targets"] == [] and found["health"]["status"] == "green"
    assert found["health"]["rows"] + found["health"]["left_out"]["holdout"] == 2 * VISITS


def test_every_kind_of_target(log: Served, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FUNCTION)
    file = changed(log, tmp_path / "log.parquet", half=np.tile([0.5, 0.5, 0.0], (2 * VISITS, 1)).tolist())
    model = f"model:{log.file('model.npz')}"
    names = [
        "always:loud",
        "logged",
        model,
        "lin_ucb:alpha=0.5,floor=0.3",
        "uniform",
        "column:half",
        f"python:{tmp_path / 'mine.py'}:half",
    ]
    found = evaluated(file, *policies(*names))
    assert [target["target"] for target in found["targets"]] == names
    assert all(target["status"] != "refused" for target in found["targets"])
    of = dict(zip(names, found["targets"], strict=True))
    assert found["trained"] == found["health"]["rows"] // 2, "for lin_ucb, which learns"
    same = ("status", "estimates", "gain", "lower", "upper", "weights")
    assert [of["column:half"][key] for key in same] == [of[names[-1]][key] for key in same]
    means = [target["estimates"][0]["value"] - target["gain"]["value"] for target in found["targets"]]
    assert means == pytest.approx([means[0]] * len(means), abs=1e-12), "held against the same rows"
    assert by_estimator(of["logged"])["snips"] == pytest.approx(means[0], abs=1e-12)


def test_a_model_is_judged_on_what_came_after_it(log: Served) -> None:
    """The first round taught it; the second one it has not seen."""
    model, file = f"model:{log.file('model.npz')}", log.file("shop.parquet")
    found = evaluated(file, *policies(model, "always:loud"))
    rows = parquet.read_table(file, columns=["model_position", "holdout"]).to_pydict()
    position = load_model(log.file("model.npz"))[1].position
    new = sum(at >= position for at, held in zip(*rows.values(), strict=True) if not held)
    assert found["left"] == found["health"]["rows"] - new > 0
    for target in found["targets"]:
        assert target["weights"]["rows"] == new and target["status"] != "refused"
        assert any(f"{found['left']:,} rows are left out for all targets" in note for note in target["notes"])
    for asked in (("evaluate", log.file("early.parquet"), *policies(model)),
                  ("evaluate", file, *policies(f"model:{log.data}#shop"))):  # fmt: skip
        refused("export the log again later, for it can be judged on the decisions that come after it", *asked)


def test_a_log_that_cannot_tell_what_a_model_has_learned(log: Served) -> None:
    model = policies(f"model:{log.file('model.npz')}")
    for name in ("shop.npz", "fair.parquet"):
        (target,) = evaluated(log.file(name), *model)["targets"]
        assert target["status"] != "green", name
    (target,) = evaluated(log.file("shop.npz"), *model)["targets"]
    assert target["status"] == "amber" and "cannot tell which of its rows" in target["reasons"][0]
    assert "cannot tell which of its rows" in done("evaluate", log.file("shop.npz"), *model).words


def test_what_was_logged_is_worth_the_mean_of_the_log(log: Served) -> None:
    found = evaluated(log.file("shop.parquet"), *policies("logged"), "--model", "none")
    table = parquet.read_table(log.file("shop.parquet"), columns=["holdout", "reward"]).to_pydict()
    mean = np.mean([reward for reward, held in zip(table["reward"], table["holdout"], strict=True) if not held])
    (target,) = found["targets"]
    assert found["trained"] == 0 and found["health"]["mean_reward"] == pytest.approx(mean, rel=1e-12)
    assert {name: by_estimator(target)[name] for name in ("ips", "snips")} == pytest.approx(
        {"ips": mean, "snips": mean}, rel=1e-12
    )


def test_other_formats_of_the_export_say_the_same(log: Served) -> None:
    asked = policies("always:loud", "uniform")
    first = evaluated(log.file("shop.parquet"), *asked)
    for name in ("shop.npz", "shop.dsjson"):
        other = evaluated(log.file(name), *asked)
        for one, two in zip(first["targets"], other["targets"], strict=True):
            assert by_estimator(two) == pytest.approx(by_estimator(one), rel=1e-6)


def shown_as(figure: float, error: float) -> str:
    return digits(error, figure)(figure)


def test_the_headline_adds_up(log: Served) -> None:
    """The log's mean beside the value is that of the same rows, after those that trained; words say what JSON does."""
    asked = (log.file("shop.parquet"), *policies("always:loud", "lin_ucb:alpha=0.1"))
    result, found = done("evaluate", *asked), evaluated(*asked)
    best = found["targets"][0]
    estimate, gain = best["estimates"][0], best["gain"]
    table = parquet.read_table(asked[0], columns=["holdout", "reward"]).to_pydict()
    rewards = [reward for reward, held in zip(table["reward"], table["holdout"], strict=True) if not held]
    mean = np.mean(rewards[found["trained"] :])
    assert best["target"] == "always:loud" and found["trained"] > 0 and found["left"] == 0
    assert gain["value"] == pytest.approx(estimate["value"] - mean, rel=0.0, abs=1e-12)
    value, more = (
        shown_as(each["value"], each["standard_error"] or (each["anytime_high"] - each["anytime_low"]) / 4)
        for each in (estimate, gain)
    )
    instead = shown_as(
        mean, found["health"]["reward_error"] * (len(rewards) / (len(rewards) - found["trained"])) ** 0.5
    )
    assert f"{value} a decision instead of {instead} of the log on the same rows, {more} more" in result.words
    assert "always:loud would have earned more" in result.words or "always:loud the most" in result.words
    assert "Trained on the first" in result.words
    assert result.words.count("The bounds take rewards to lie within 0 and 1") == 1


def test_a_bootstrap_a_page_and_tables(log: Served, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = (*policies("uniform", "always:loud"), "--bootstrap", "100", "--seed", "3")
    result = done("evaluate", log.file("shop.parquet"), *asked, "--html", page)
    found = evaluated(log.file("shop.parquet"), *asked)
    low, high = (found["targets"][0][f"bootstrap_{end}"] for end in ("low", "high"))
    estimate = found["targets"][0]["estimates"][0]
    assert low == pytest.approx(estimate["low"], abs=estimate["standard_error"])
    assert high == pytest.approx(estimate["high"], abs=estimate["standard_error"])
    shown = re.search(r"Bootstrap by unit, 95%: uniform (\S+) \.\. (\S+)\.", result.words) or pytest.fail(result.stdout)
    assert [float(end) for end in shown.groups()] == pytest.approx([low, high], abs=0.001)
    written = page.read_text(encoding="utf-8")
    assert written.startswith("<!doctype html>") and written.rstrip().endswith("</html>") and "<svg" in written
    assert "<script" not in written and not re.findall(r'(?:href|src)="(?!#|data:,")', written)
    assert f"bootstrap {shown[1]} to {shown[2]}" in written
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_jobs_change_nothing(log: Served) -> None:
    asked = ("evaluate", log.file("shop.parquet"), *policies("lin_ucb:alpha=0.5", "always:loud"), "--json")
    more = ("--bootstrap", "20")
    assert done(*asked, *more, "--jobs", "2").stdout == done(*asked, *more).stdout


def test_a_log_that_refuses_all_ends_with_1(log: Served, tmp_path: Path) -> None:
    few = changed(log, tmp_path / "few.parquet", exposed=[row < 150 for row in range(2 * VISITS)])
    result = banditcore("evaluate", few, *policies("always:loud", "uniform"))
    assert (result.returncode, result.stderr) == (1, "")
    assert "Can this log carry it? No." in result.words
    assert "This log cannot say what these targets would have earned." in result.words
    assert result.words.count("units of the 200 needed") == 1, "why is said once"
    assert banditcore("evaluate", few).returncode == 1
    refusing = banditcore("evaluate", few, *policies("always:loud"), "--json")
    assert refusing.returncode == 1 and parsed(refusing)["targets"][0]["status"] == "refused"


def test_bad_rows_are_errors_or_counted(log: Served, tmp_path: Path) -> None:
    table = parquet.read_table(log.file("shop.parquet"))
    chances = table["propensity"].to_pylist()
    row = table["holdout"].to_pylist().index(False)
    chances[row] = 0.0
    file = changed(log, tmp_path / "zero.parquet", propensity=chances)
    asked = ("evaluate", file, *policies("uniform"))
    refused(f"zero.parquet, row {row + 1}: propensity must lie in (0, 1], found 0", *asked)
    found = parsed(done(*asked, "--lenient", "--json"))
    left = found["health"]["left_out"]
    assert sum(left.values()) == left["holdout"] + 1 and found["health"]["rows"] == 2 * VISITS - sum(left.values())


def test_bad_input_is_one_line_and_exit_2(log: Served, tmp_path: Path) -> None:
    file = log.file("shop.parquet")
    asked = ("evaluate", file, *policies("uniform"))
    refused("'lin_ucp' is no policy; did you mean lin_ucb?", "evaluate", file, *policies("lin_ucp"))
    refused("'alfa' is no parameter of lin_ucb; did you mean alpha?", "evaluate", file, *policies("lin_ucb:alfa=1"))
    refused("'lout' is no variant of the log; did you mean loud?", "evaluate", file, *policies("always:lout"))
    refused("'always:' needs something after the colon", "evaluate", file, *policies("always:"))
    refused("'half' is no column of the log; there is none", "evaluate", file, *policies("column:half"))
    refused("cannot import", "evaluate", file, *policies("python:absent.py:half"))
    refused("cannot read", "evaluate", file, *policies(f"model:{tmp_path / 'absent.npz'}"))
    refused("'shup' is not in this store", "evaluate", file, *policies(f"model:{log.data}#shup"))
    refused("No such file", "evaluate", tmp_path / "absent.parquet", *policies("uniform"))
    refused("parquet has no option 'colums': did you mean columns?", *asked, "--option", "colums=age")
    refused("--option columns: write KEY=VALUE", *asked, "--option", "columns")
    refused("format 'parket' is unknown: did you mean parquet?", *asked, "--format", "parket")
    refused("train must lie in [0, 0.95], found 1", *asked, "--train", "1")
    refused("--reward-range must rise, found '1,0'", *asked, "--reward-range", "1,0")
    refused("--reward-range must be two numbers such as 0,1", *asked, "--reward-range", "1")
    refused("does not hold the rewards, from 0 to 1", *asked, "--reward-range", "0,0.5")
    refused("jobs must be an integer of at least 1, found 0", *asked, "--jobs", "0")
    refused("seed must be an integer of at least 0, found -1", *asked, "--seed", "-1")
    refused("alpha must lie in", *asked, "--alpha", "2")
    refused("cannot reach a Dask scheduler at nowhere", *asked, "--dask", "nowhere")
    refused("absent is not a directory", *asked, "--html", tmp_path / "absent" / "page.html")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(file.read_bytes()[:5_000])
    refused("is no sound Parquet file", "evaluate", cut, *policies("uniform"), "--html", tmp_path / "page.html")
    assert [each.name for each in tmp_path.iterdir()] == ["cut.parquet"]
