"""`banditcore report` and `list` in words: what stands first, what is never shown, and that nothing breaks it."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from reports import NAN, PURCHASE, RETURNS, REVENUE, SHOP, reports
from rich.cells import cell_len

from banditcore.commands.experiments import _show as show_experiments
from banditcore.commands.output import print_json, print_table, say
from banditcore.commands.report import page_writer, show, write_page
from banditcore.commands.report_goals import show_goal
from banditcore.config import parse_experiment
from banditcore.errors import InvalidInput
from banditcore.findings import Check, GoalReport, Report, Verdict
from banditcore.types import Experiment

any_report = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # making a whole report smaller takes minutes
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


def printed(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    show(report)
    return capsys.readouterr().out


def words(text: str) -> str:
    """The text on one line, so that it does not matter where it was broken."""
    return " ".join(text.split())


def only(goal: GoalReport) -> Report:
    return dataclasses.replace(SHOP, goals=(goal,))


def test_what_must_be_known_first_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(SHOP, capsys)
    order = [
        "WARNING join_rate: Only 71 %",
        "ALARM of 2023-11-03 08:26 UTC, harm, returns",
        "Checks that passed: sample_ratio and merges.",
        "shop version 3, running: 301,234 decisions",
        "purchase (learned): primary goal, binary, more is better",
        "revenue: secondary goal, value",
        "returns: guardrail goal, ratio, less is better",
        "Variants of the policy",
        "The holdout has moved: 20.0% from 2023-07-22",
        "Ship to everybody: no.",
        "Planning: With 4,000 units a day",
        "Caveat: Units that share",
    ]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "17 of them could not be counted yet" in words(text)


def test_a_goal_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    text = words(printed(only(PURCHASE), capsys))
    for part in (
        "As of now the policy is better than the control, by the planned rule.",
        "│ POLICY │ 90,210 │ 81,189 │ 4,510 │ 0.0571 │",
        "│ so far │ +12.2% │ +4.2% .. +20.2% │ +0.0062 │ +0.0031 .. +0.0093 │",
        "│ last 28 days │ +14.2% │",
        "│ over the holdout, by decision │ +11.8% │ +4.0% .. +19.0% │",
        "│ by the propensity log │ +11.0% │ +2.0% .. +21.0% │",
        "a lift by customer and one by decision are different figures; only the two by decision must agree.",
        "The figure of the last 28 days counts every conversion in them, per customer of the group, also for goals "
        "that otherwise count a customer's conversion once.",
        "The 95% interval is valid at every look; e-value 31.4.",
        "62.0% of the information planned for a lift of +10.0%",
        "The covariate leaves 81.0% of the variance.",
        "to be read with care: the effective sample size is 4 % of the decisions.",
        "The two lifts by decision agree: Logging and holdout tell the same story.",
        "│ country = DE │ 36,000 │ 3,960 │ +20.0% │ +12.0% .. +28.0% │ yes │",
        "│ country = FR │ 810 │ 90 │ collecting │",
        "│ free-shipping │ 210,000 │ 70.0% │ 0.0322 │ 0.0301 .. 0.0342 │ 96.0% │ 0.033 │",
        "No value for countdown: 12 decisions are too few.",
    ):
        assert part in text, part


def test_a_capped_goal_shows_the_raw_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    text = words(printed(only(REVENUE), capsys))
    assert "capped mean ┃ raw mean" in text and "│ 6.02 │ 6.31 │" in text
    assert "│ without the cap │ +6.9% │" in text
    assert "undecided whether the policy is better or worse than the control, by e-BH" in text


def test_a_frozen_answer(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = Verdict("worse", 1_698_000_000_000_000, -0.11, -0.2, -0.02, 1.0)
    text = words(printed(only(dataclasses.replace(PURCHASE, verdict=verdict)), capsys))
    assert (
        "Decided on 2023-10-22 18:40 UTC with 100.0% of the planned information: the policy is worse than the control, "
        "at a lift of -11.0% (-20.0% .. -2.0%). That answer does not change any more. "
        "As it stands now the lift is +12.2% (+4.2% .. +20.2%)." in text
    )
    gone = dataclasses.replace(PURCHASE, verdict=verdict, status="collecting", lift=None)
    assert "As it stands now" not in printed(only(gone), capsys)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "Guardrail holds: evidence of harm 1.7, the alarm comes at 200. Not safe to ship yet"),
        ({"e_value": NAN}, "there is too little data to see harm"),
        ({"alarmed": True, "e_value": 250.0}, "HARM: the evidence reached 200"),
        ({"safe_to_ship": True}, "Safe to ship: harm of more than 2.0% is excluded."),
    ],
)
def test_guardrails(change: dict[str, float], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert RETURNS.guardrail is not None
    guardrail = dataclasses.replace(RETURNS.guardrail, **change)
    text = words(printed(only(dataclasses.replace(RETURNS, guardrail=guardrail)), capsys))
    assert expected in text
    assert "Collecting: there is too little data for an interval. HOLDOUT needs 21 more orders" in text


@pytest.mark.parametrize(
    ("agrees", "said"), [(False, "The two lifts by decision DO NOT AGREE"), (None, "Logging and holdout")]
)
def test_two_figures_that_do_not_agree(agrees: bool | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert PURCHASE.off_policy is not None
    off_policy = dataclasses.replace(PURCHASE.off_policy, agrees=agrees)
    text = words(printed(only(dataclasses.replace(PURCHASE, off_policy=off_policy)), capsys))
    assert said in text
    assert ("The two lifts" in text) == (agrees is not None)


def test_without_the_figure_by_decision_nothing_is_said_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert PURCHASE.off_policy is not None
    unknown = dataclasses.replace(
        PURCHASE.off_policy, by_decision=NAN, by_decision_low=NAN, by_decision_high=NAN, agrees=None
    )
    text = words(printed(only(dataclasses.replace(PURCHASE, off_policy=unknown)), capsys))
    assert "│ by the propensity log │" in text and "over the holdout, by decision" not in text
    assert "must agree" not in text


def test_what_is_read_with_care_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert PURCHASE.off_policy is not None
    reason = "the decisions for the control are worth 640 rows only: read it with care"
    off_policy = dataclasses.replace(PURCHASE.off_policy, reason=reason)
    text = words(printed(only(dataclasses.replace(PURCHASE, off_policy=off_policy)), capsys))
    assert "is to be read with care: the decisions for the control are worth 640 rows only." in text
    assert text.count("with care") == 1


def test_the_last_days_are_explained_where_they_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "every conversion" not in printed(only(REVENUE), capsys)


def test_a_blanked_goal_shows_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    # All its numbers are there, so that leaving them out is the printing's own doing.
    blanked = dataclasses.replace(PURCHASE, status="blanked", note="the groups do not have the sizes they should have")
    check = Check("sample_ratio", "alarm", 512.0, "The groups do not have the sizes they should have.", blanks=True)
    show_goal(blanked, SHOP)
    assert not re.search(r"\d", capsys.readouterr().out)
    text = words(printed(dataclasses.replace(only(blanked), checks=(check,)), capsys))
    assert text.startswith("ALARM sample_ratio: The groups do not have the sizes they should have. No lift is shown")
    assert "BLANKED: the groups" in text
    assert "if always shown" not in text and "raw mean" not in text and "0.0322" not in text


def test_a_report_of_a_frozen_experiment_says_so_first(capsys: pytest.CaptureFixture[str]) -> None:
    text = words(printed(dataclasses.replace(SHOP, status="frozen"), capsys))
    assert text.startswith("shop is FROZEN: it serves the control to everybody, because a guardrail alarmed.")
    assert "`banditcore resume shop` resumes it. Resuming serves the policy again; this guardrail will not" in text
    assert "will not freeze it a second time." in text


def test_paused_after_an_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    paused = dataclasses.replace(SHOP, status="paused")
    assert words(printed(paused, capsys)).startswith("Paused after a guardrail alarmed: resuming leads to frozen first")
    assert "resuming leads" not in words(printed(dataclasses.replace(paused, alarms=()), capsys))
    ratio = dataclasses.replace(SHOP.alarms[0], kind="sample_ratio")
    assert "resuming leads" not in words(printed(dataclasses.replace(paused, alarms=(ratio,)), capsys))


def test_without_a_plan_it_says_what_would_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = words(printed(dataclasses.replace(SHOP, power=None), capsys))
    assert "Planning: to learn what the holdout can show" in text and "units_per_day, duration" in text


@any_report
@given(reports())
def test_every_report_can_be_printed(capsys: pytest.CaptureFixture[str], report: Report) -> None:
    text = printed(report, capsys)
    for line in text.split("\n"):
        # Sentences are broken by letters and tables by columns, of which a letter takes none, one or two.
        assert min(len(line), cell_len(line)) <= 100 and line.isprintable(), repr(line)


@any_report
@given(reports())
def test_no_report_shows_numbers_of_a_blanked_goal(capsys: pytest.CaptureFixture[str], report: Report) -> None:
    for goal in report.goals:
        capsys.readouterr()
        show_goal(dataclasses.replace(goal, goal="purchase", note="", status="blanked"), report)
        assert not re.search(r"\d", capsys.readouterr().out)


@any_report
@given(reports())
def test_every_report_is_json(capsys: pytest.CaptureFixture[str], report: Report) -> None:
    capsys.readouterr()
    print_json(report)
    found = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"JSON knows no {word}"))
    assert set(found) == {field.name for field in dataclasses.fields(Report)}
    assert len(found["history"]) == len(report.history) and len(found["traffic"]) == len(report.traffic)


def test_keys_are_neither_markup_nor_orders_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("[red]", ("[bold]",), [("[/x] :smile:",), ("\x1b[31mred",)], caption="[i]")
    say("a\x1b[2Jb")
    text = capsys.readouterr().out
    assert "[/x] :smile:" in text and "[red]" in text and "[bold]" in text and "[i]" in text
    assert "\x1b" not in text and r"a\x1b[2Jb" in text


# ---- list


def test_a_frozen_experiment_cannot_be_overlooked(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"control": "a", "holdout": 0.1, "variants": ["a", "b"], "policy": "uniform", "goals": [{"name": "hit"}]}
    kept = Experiment(parse_experiment("calm", data), 1, "running", (), 1, 0, (), 0, 0, 0)
    stopped = dataclasses.replace(kept, spec=parse_experiment("harmed", data), status="frozen")
    show_experiments([kept, stopped], False)
    text = words(capsys.readouterr().out)
    assert "│ FROZEN │" in text and "│ running │" in text
    assert "harmed is FROZEN: it serves the control to everybody" in text
    assert "calm is FROZEN" not in text
    show_experiments([kept, stopped], True)
    assert [item["status"] for item in json.loads(capsys.readouterr().out)] == ["running", "frozen"]


# ---- the page


def install(folder: Path, target: str) -> None:
    """A distribution that registers `target` as what writes pages."""
    info = folder / "page_of_ours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: page-of-ours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[banditcore.report_writers]\nhtml = {target}\n")
    (folder / "page_of_ours.py").write_text(
        "def standalone(report, health=None):\n    return f'<p>{report.experiment} \\N{SNOWMAN} {health}</p>'\n"
    )


def test_a_page_is_written_by_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "page_of_ours:standalone")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "shop.html"
    file.write_text("an older one")
    write_page(page_writer(), SHOP, file)
    assert file.read_text(encoding="utf-8") == "<p>shop \N{SNOWMAN} None</p>"
    with pytest.raises(InvalidInput, match=r"cannot write .*nowhere.*: No such file or directory") as caught:
        write_page(page_writer(), SHOP, tmp_path / "nowhere" / "shop.html")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("target", ["dashboard_that_is_not_installed:standalone", ""])
def test_without_the_dashboard_one_line_says_what_to_install(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if target:
        install(tmp_path, target)
        monkeypatch.syspath_prepend(tmp_path)
    else:
        monkeypatch.setattr("sys.path", [])
    with pytest.raises(
        InvalidInput, match=r"--html needs the dashboard .*pip install 'banditcore\[dashboard\]'"
    ) as caught:
        page_writer()
    assert "\n" not in caught.value.message and caught.value.field == "html"
