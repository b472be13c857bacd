"""Figures and sentences as people read them."""

from __future__ import annotations

import math
from dataclasses import replace

import findings
import pytest

from banditcore_server.dashboard import words

PRIMARY = findings.rich().goals[0]
NAN = math.nan


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (0.05614, 0, "0.0561"),
        (-0.000092, 0.00052, "\N{MINUS SIGN}0.000092"),
        (3.4123, 0, "3.41"),
        (1_234.5, 0, "1,234"),
        (0.0, 0, "0"),
        (NAN, 0, "\N{EN DASH}"),
        (2.0, 1_000, "2"),
    ],
)
def test_numbers(value: float, beside: float, text: str) -> None:
    assert str(words.number(value, beside)) == text


def test_shares_and_lifts() -> None:
    assert (str(words.percent(0.1234)), str(words.percent(-0.05))) == ("+12.3%", "\N{MINUS SIGN}5.0%")
    assert (str(words.share(0.1)), str(words.percent(NAN))) == ("10.0%", "\N{EN DASH}")
    assert words.ends(-0.01, 0.2) == "\N{MINUS SIGN}1.0% to +20.0%"


@pytest.mark.parametrize(
    ("outcome", "low", "high", "says"),
    [
        (
            "better",
            0.04,
            0.21,
            "pays off. On purchase, customers who got it are 12.1% above those who were left out (be",
        ),
        ("worse", 0.04, 0.21, "does harm."),
        ("undecided", -0.04, 0.21, "No difference is established yet. On purchase, customers who got the policy are"),
        ("undecided", -0.04, 0.21, "and anything between 4.0% below and 21.0% above is possible."),
    ],
)
def test_headlines(outcome: str, low: float, high: float, says: str) -> None:
    assert PRIMARY.lift is not None
    goal = replace(PRIMARY, outcome=outcome, verdict=None, lift=replace(PRIMARY.lift, low=low, high=high))
    assert says in words.headline(goal)


def test_a_headline_of_less() -> None:
    assert PRIMARY.lift is not None
    goal = replace(PRIMARY, verdict=None, lift=replace(PRIMARY.lift, estimate=-0.1, low=-0.15, high=-0.05))
    assert "10.0% below those who were left out (between 5.0% and 15.0% below)" in words.headline(goal)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("better", "the policy pays off, with customers who got it 11.8% above those who were left out on purchase"),
        ("worse", "the policy does harm, with customers who got it 11.8% above those who were left out on purchase"),
        ("undecided", "no difference was established, with customers who got the policy 11.8% above those who"),
    ],
)
def test_a_verdict_has_its_own_figures_and_those_of_now_stand_beside_it(outcome: str, says: str) -> None:
    """Since then the interval has come to include 0."""
    assert PRIMARY.lift is not None and PRIMARY.verdict is not None
    now = replace(PRIMARY.lift, estimate=0.031, low=-0.021, high=0.09)
    goal = replace(PRIMARY, lift=now, outcome=outcome, verdict=replace(PRIMARY.verdict, outcome=outcome))
    decided, stands = words.headline(goal).split(" As it stands now, ")
    assert decided.startswith(f"Decided on 2026-11-11: {says}")
    assert decided.endswith("(between 2.1% and 22.4% above).")
    assert stands == "they are 3.1% above (between 2.1% below and 9.0% above)."
    assert words.answered(goal) == f"decided on 2026-11-11: {outcome}"


def test_without_a_verdict_nothing_pays_off_whose_interval_includes_0() -> None:
    assert PRIMARY.lift is not None
    goal = replace(PRIMARY, verdict=None, lift=replace(PRIMARY.lift, low=-0.021))
    assert words.headline(goal).startswith("No difference is established yet.")
    assert words.answered(goal) == "better"


def test_when_to_trust() -> None:
    assert PRIMARY.lift is not None
    assert words.trust(PRIMARY).startswith(
        "The answer of 2026-11-11 was given with 71% of the planned data and stands. The interval holds however often"
    )
    assert PRIMARY.verdict is not None
    unplanned = replace(PRIMARY, verdict=replace(PRIMARY.verdict, information=NAN))
    assert words.trust(unplanned).startswith("The answer of 2026-11-11 stands. The interval")
    open_ = replace(PRIMARY, verdict=None)
    assert words.trust(open_).startswith("87% of the planned data are in: do not read")
    assert "at most 5% of such experiments" in words.trust(open_)
    assert words.trust(replace(open_, lift=replace(PRIMARY.lift, information=1.2))).startswith(
        "All of the planned data"
    )
    assert words.trust(replace(open_, role="secondary")).startswith("The interval holds")
    waiting = replace(PRIMARY, status="collecting", lift=None, note="12 of 25 conversions")
    assert words.trust(waiting).startswith("12 of 25 conversions. No figure is shown before")
    assert words.headline(waiting) == "Too early to say."
    blanked = replace(waiting, status="blanked", note="the groups have the wrong sizes")
    assert "come back by themselves" in words.trust(blanked)
    assert (words.tone(waiting), words.tone(blanked), words.tone(PRIMARY)) == ("waiting", "alarm", "good")


def test_checks_together() -> None:
    report = findings.rich()
    assert words.checks_line(report) == ("warning", "1 check warns")
    assert words.checks_line(replace(report, checks=())) == ("waiting", "No checks yet")
    assert words.checks_line(findings.blanked())[1] == "A check failed: no lift is shown"
    failed = tuple(replace(check, level="alarm") for check in report.checks[:2])
    assert words.checks_line(replace(report, checks=failed)) == ("alarm", "2 checks failed")
    assert words.check_title(replace(report.checks[0], name="some_new_check")) == "Some new check"


def test_the_second_figure() -> None:
    assert "64 effective decisions" in words.off_policy(findings.REFUSED)
    amber = replace(findings.AGREEING, status="amber", reason="few effective decisions")
    assert words.off_policy(amber).startswith("To be read with care: few effective decisions. Both figures agree")
    twice = replace(amber, reason="the control was shown in 640 rows only: read it with care", explanation="")
    assert words.off_policy(twice) == "To be read with care: the control was shown in 640 rows only."


def test_whether_the_figures_agree() -> None:
    found = findings.AGREEING
    assert words.agreement(found) == ("good", "they agree")
    assert words.agreement(replace(found, agrees=False)) == ("alarm", "they disagree")
    assert words.agreement(replace(found, agrees=None)) == ("waiting", "too wide to tell")
    assert words.agreement(replace(found, agrees=None, by_decision=NAN)) == ("waiting", "one figure only")
    assert words.agreement(findings.REFUSED) == ("waiting", "one figure only")


def test_times() -> None:
    assert words.moment(findings.NOW_US) == "2026-11-20 14:13 UTC"
    assert words.day(findings.NOW_US) == "20 Nov 2026"
    assert [words.lasting(seconds) for seconds in (0.25, 90, 200, 10_000, 400_000)] == [
        "0.25 s", "90 s", "3 minutes", "3 hours", "5 days",
    ]  # fmt: skip


def test_who_decided() -> None:
    found = findings.explanation()
    assert "outside the holdout of 0.1: the policy decides" in words.who(found)
    held = replace(found, holdout_bucket=0.05, decision=replace(found.decision, group=type(found.decision.group)(2)))
    assert "inside the holdout of 0.1: it gets the control" in words.who(held)


def test_how_current_the_model_is() -> None:
    shop = findings.health().experiments[2]
    assert words.lag(None) == "unknown"
    assert words.lag(replace(shop, lag_events=0, lag_s=0.0)) == "learned everything up to now"
    assert words.lag(replace(shop, lag_s=0.2)) == "learned everything up to 0.2 s ago, 41 outcomes since"
    assert words.lag(replace(shop, lag_events=123, lag_s=4.0)) == "123 outcomes behind, the oldest 4 s old"
    assert words.lag(replace(shop, lag_events=1, lag_s=300.0)) == "1 outcome behind, the oldest 5 minutes old"
    assert words.age(None) == "unknown"
    assert words.age(replace(shop, lag_events=0, lag_s=0.0)) == "learned up to now"
    assert words.age(replace(shop, lag_s=0.2)) == "learned up to 0.2 s ago"


def test_what_resuming_means() -> None:
    report = findings.rich()
    assert words.resuming(report) == ""
    assert words.resuming(replace(report, status="frozen")).endswith(
        "Resuming serves the policy again; this guardrail will not freeze it a second time."
    )
    paused = replace(report, status="paused")
    assert "resuming leads to frozen first" in words.resuming(paused)
    assert words.resuming(replace(paused, alarms=())) == ""
