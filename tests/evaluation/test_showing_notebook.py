"""Results in a notebook: a table, a data frame where pandas is, a chart; and as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import fields, replace
from typing import Any

import evaluations as made
import pytest

from banditcore import evaluated
from banditcore.commands.output import plain, print_json
from banditcore.errors import InvalidInput
from banditcore.evaluation.showing.notebook import Evaluation, Replay


def shown(found: evaluated.Evaluation) -> Evaluation:
    return Evaluation(**{field.name: getattr(found, field.name) for field in fields(found)})


def shown_replay(found: evaluated.Replay) -> Replay:
    return Replay(**{field.name: getattr(found, field.name) for field in fields(found)})


@pytest.mark.parametrize("name", made.EVALUATIONS)
def test_an_evaluation_as_a_table(name: str) -> None:
    found = shown(made.EVALUATIONS[name])
    table = found._repr_html_()
    assert table.count("<tr>") == 1 + len(found.targets)
    assert "<script" not in table and "nan" not in table.lower()


def test_the_table_says_all() -> None:
    table = shown(made.SHOP)._repr_html_()
    for part in (
        "lin_ucb:alpha=0.5",
        "earns more",
        "0.1312",
        "0.1271 .. 0.1353",
        "+0.0208",
        "refused",
        "carries 12.4 %",
    ):
        assert part in table
    assert "&lt;script&gt;" in shown(made.HOSTILES)._repr_html_()
    table = shown_replay(made.REPLAY)._repr_html_()
    for part in ("lin_ucb:alpha=0.5", "0.1294", "0.0045", "4,000 of 20,000", "accepted 61 rows"):
        assert part in table


def test_a_bootstrap_is_shown() -> None:
    found = shown(replace(made.SHOP, targets=(replace(made.TARGETS[0], bootstrap_low=0.1269, bootstrap_high=0.1356),)))
    assert "Bootstrap by unit, 95%: lin_ucb:alpha=0.5 0.1269 .. 0.1356." in found._repr_html_()
    assert "Bootstrap" not in shown(made.SHOP)._repr_html_()
    frame = found.to_pandas()
    assert (frame.bootstrap_low[0], frame.bootstrap_high[0]) == (0.1269, 0.1356)
    assert frame.bootstrap_low[1:].isna().all(), "it is that of the first estimate"


def test_a_row_a_target_and_estimator() -> None:
    import pandas

    frame = shown(made.SHOP).to_pandas()
    assert len(frame) == 4 * 5 + 1 + 1
    first = frame.iloc[0]
    assert (first.target, first.estimator, first.answer, first.value) == ("lin_ucb:alpha=0.5", "dr", "more", 0.1312)
    assert first.gain == pytest.approx(0.0208) and first.gain_low == pytest.approx(0.0208 - 1.96 * 0.0021)
    assert pandas.isna(frame.iloc[1].gain), "the gain is that of the first estimate"
    last = frame.iloc[-1]
    assert pandas.isna(last.value) and pandas.isna(last.estimator) and last.upper == 0.412
    assert "12.4 %" in last.reasons
    assert list(frame.dtypes[["value", "low", "rows"]].astype(str)) == ["float64", "float64", "int64"]
    replayed = shown_replay(made.REPLAY).to_pandas()
    assert list(replayed.policy) == [policy.policy for policy in made.REPLAY.policies]
    assert list(replayed.answer) == ["more", "more", "less", "refused"]
    assert len(shown(made.EVALUATIONS["none"]).to_pandas()) == 0


@pytest.mark.parametrize("name", made.EVALUATIONS)
def test_a_chart_of_gains(name: str) -> None:
    spec = shown(made.EVALUATIONS[name]).plot().to_dict(validate=True)
    json.dumps(spec, allow_nan=False)


def test_a_chart_has_what_is_known() -> None:
    lines = shown(made.SHOP).plot().to_dict()["layer"][1]["data"]["values"]
    assert [row["target"] for row in lines] == [target.target for target in made.TARGETS[:5]]
    course = shown_replay(made.REPLAY).plot().to_dict(validate=True)
    assert {row["policy"] for row in course["layer"][1]["data"]["values"]} == {
        "lin_ucb:alpha=0.5",
        "beta_ts",
        "uniform",
    }


@pytest.mark.parametrize(("missing", "asked"), [("pandas", "to_pandas"), ("altair", "plot")])
def test_what_is_missing_is_named_with_the_remedy(missing: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    for found in (shown(made.SHOP), shown_replay(made.REPLAY)):
        with pytest.raises(InvalidInput, match=r"pip install"):
            getattr(found, asked)()


def test_a_page_from_a_notebook(tmp_path: Any) -> None:
    shown(made.ONE).to_html(tmp_path / "one.html")
    shown_replay(made.REPLAYS["refused"]).to_html(str(tmp_path / "replay.html"))
    assert "would have earned more" in (tmp_path / "one.html").read_text(encoding="utf-8")
    assert "cannot say what a learning policy" in (tmp_path / "replay.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", made.EVALUATIONS)
def test_json_reads_back_with_null_for_what_is_not_known(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(made.EVALUATIONS[name])
    print_json(found)
    read = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert read == json.loads(json.dumps(plain(found), allow_nan=False))
    assert set(read) == {field.name for field in fields(found)}
    assert read["health"]["left_out"] == dict(found.health.left_out)
    for target, kept in zip(found.targets, read["targets"], strict=True):
        assert kept["target"] == target.target and (kept["gain"] is None) == (target.gain is None)
        assert [item["value"] for item in kept["estimates"]] == [item.value for item in target.estimates]
        assert not target.weights.edges or kept["weights"]["edges"][-1] is None
