"""What results mean in words, numbers as exact as they are known, and charts that say the same as their tables."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import altair as alt
import evaluations as made
import pytest
from markupsafe import escape

from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.limits import most_errors
from banditcore.evaluation.showing import answers, charts, figures
from banditcore.evaluation.showing.digits import Digits, digits, error_of, of_estimate, span
from banditcore.evaluation.showing.page import page, write_page
from banditcore.pages import appearance
from banditcore.pages.chart import Chart
from banditcore.pages.filling import style_sheet
from banditcore.pages.svg import named

NAN = math.nan
PAGES = [(name, found, None) for name, found in made.EVALUATIONS.items() if name not in ("shop", "hostile", "forty")]
PAGES += [(f"replay-{name}", None, found) for name, found in made.REPLAYS.items() if name != "shop"]
"""Without those that a browser opens in another file, and one that takes long to draw."""


CHARTS = [
    figures.values(made.SHOP),
    figures.samples(made.SHOP),
    figures.histogram(made.TARGETS[0], 0),
    figures.arms(made.HEALTH),
    figures.courses(made.REPLAYS["twelve"]),
]


@pytest.mark.parametrize(
    ("error", "value", "text"),
    [
        (0.0021, 0.13123, "0.1312"),
        (0.021, 0.13123, "0.131"),
        (3.0, 1234.567, "1,234.6"),
        (120.0, 98_765.4, "98,765"),
        (0.0021, -0.00001, "0.0000"),
        (5e9, 3.4e12, "3.4000e+12"),
        (4e-9, 2.4e-7, "2.400e-07"),
        (NAN, 0.25, "0.25"),
        (NAN, 71.3, "71.3"),
        (NAN, 812.0, "812"),
        (NAN, 0.0, "0"),
        (0.0, 1.0, "1"),
        (10.0, 1e-9, "0"),
        (1.0, NAN, "-"),
        (1.0, math.inf, "inf"),
    ],
)
def test_a_number_has_two_digits_of_its_error(error: float, value: float, text: str) -> None:
    assert digits(error, value)(value) == text


def test_an_interval_stands_in_the_digits_of_its_estimate() -> None:
    found = made.TARGETS[0].estimates[0]
    assert of_estimate(found).between(*span(found)) == "0.1271 .. 0.1353"
    assert Digits(2).between(-0.5, 0.25, signed=True) == "-0.50 .. +0.25"
    assert Digits(2).between(NAN, 1.0) == "-"
    anytime = made.TARGETS[4].estimates[0]
    assert span(anytime) == (anytime.anytime_low, anytime.anytime_high), "an amber one has no other"
    assert error_of(replace(found, standard_error=NAN)) == pytest.approx(0.0021, rel=0.03)


def test_the_answer_is_where_the_interval_of_the_gain_is() -> None:
    assert [answers.answer(target) for target in made.TARGETS] == ["more", "more", "open", "less", "open", "refused"]
    sure = made.amber("sure", 0.1904)
    assert answers.answer(sure) == "more"
    assert answers.answer(replace(sure, gain=None)) == "open"


def test_a_refused_target_has_no_estimate_whatever_it_carries() -> None:
    """Estimates that a refused one still carries must reach no table and no chart."""
    carrying = replace(made.target("x", 0.7777), status="refused", reasons=("poor",))
    found = replace(made.SHOP, targets=(carrying,))
    assert answers.main(carrying) is None
    assert figures.gains(found) is None
    (row,) = (figures.values(found) or pytest.fail("its bounds are drawn")).data["rows"]
    assert row["e"] is None
    written = page(replace(found, health=made.NOTHING.health), None)
    assert "0.7777" not in written and "0.6673" not in written


def test_the_headline_names_the_best_and_says_what_is_not_known() -> None:
    found = answers.headline(made.SHOP)
    assert found.tone == "good"
    assert found.title == "2 of 6 targets would have earned more, lin_ucb:alpha=0.5 the most."
    assert "0.1312 a decision instead of 0.1104 of the log on the same rows, 0.0208 more (+18.8%)" in found.text
    assert "sure at 95%: between 0.0167 and 0.0249 more" in found.text
    assert "Whether it is better than always:free shipping is not shown" in found.text
    assert "Refused, so nothing is known of them: always:gift card." in found.text
    assert "The best of 5 looks better than it is" in answers.many(made.SHOP)
    assert answers.many(made.ONE) == ""


@pytest.mark.parametrize(
    ("picked", "tone", "title"),
    [
        ((1,), "good", "always:free shipping would have earned more than what was logged."),
        ((2, 4), "waiting", "The log does not tell whether any target would have earned more."),
        ((2, 3), "waiting", "No target is shown to earn more than what was logged."),
        ((3,), "alarm", "Every target that can be judged would have earned less than what was logged."),
        ((5,), "alarm", "This log cannot say what these targets would have earned."),
        ((), "alarm", "Nothing was asked."),
    ],
)
def test_headlines(picked: tuple[int, ...], tone: str, title: str) -> None:
    found = answers.headline(replace(made.SHOP, targets=tuple(made.TARGETS[at] for at in picked)))
    assert (found.tone, found.title) == (tone, title)


def test_an_amber_winner_is_no_sure_one() -> None:
    found = answers.headline(replace(made.SHOP, targets=(made.amber("new", 0.19),)))
    assert found.tone == "warning" and "To be read with care: Its effective sample is 188" in found.text


def test_a_log_in_doubt_has_no_sure_winner() -> None:
    doubtful = replace(made.HEALTH, status="amber", reasons=("the mean reward drifts",))
    assert answers.headline(replace(made.SHOP, health=doubtful)).tone == "warning"
    assert answers.replay_headline(replace(made.REPLAY, health=doubtful)).tone == "warning"
    poor = replace(made.HEALTH, status="refused", reasons=("propensities are wrong",))
    shown = (
        answers.headline(replace(made.SHOP, health=poor)),
        answers.replay_headline(replace(made.REPLAY, health=poor)),
    )
    for found in shown:
        assert found.tone == "alarm" and found.text == "Propensities are wrong."


def test_values_stand_beside_the_mean_of_their_own_rows() -> None:
    """The second half of the log earned 0.15, so that a target of 0.16 has gained 0.01 and not 0.05."""
    later = replace(made.SHOP, targets=(made.target("new", 0.16, 0.001, mean=0.15), made.TARGETS[5]))
    text = answers.headline(later).text
    assert "0.1600 a decision instead of 0.1500 of the log on the same rows, 0.0100 more (+6.7%)" in text
    chart = figures.values(later) or pytest.fail("no chart")
    assert chart.data["reference"] == pytest.approx(0.15)
    assert ("zero", "what the log earned, on the same rows") in chart.legend
    written = re.sub(r"<[^>]+>", " ", page(later, None))
    assert re.search(r"The log earned, on the same rows\s+0\.1500", written)
    whole = replace(later, trained=0)
    assert figures.values(whole).data["reference"] == made.HEALTH.mean_reward  # type: ignore[union-attr]
    assert "0.1600 a decision instead of 0.1104, " in answers.headline(whole).text


def test_where_all_are_refused_there_is_only_the_mean_of_the_whole_log() -> None:
    found = replace(made.SHOP, targets=made.TARGETS[5:])
    assert answers.logged(found) == (made.HEALTH.mean_reward, made.HEALTH.reward_error, "")


def test_a_page_says_once_what_holds_for_all_and_has_the_bootstrap() -> None:
    noted = tuple(
        replace(target, notes=("of March",), reasons=("poor overlap",), bootstrap_low=0.1269, bootstrap_high=0.1356)
        for target in (made.TARGETS[0], made.amber("a", 0.12), made.refused("b"))
    )
    written = page(replace(made.SHOP, targets=noted), None)
    assert written.count("Of March.") == 1 and written.count("<li>Poor overlap.</li>") == 1
    assert written.count("bootstrap 0.1269 to 0.1356") == 2, "never of one that is refused"


def test_no_per_cent_of_a_mean_that_may_be_zero() -> None:
    gain = made.TARGETS[0].gain or pytest.fail("it has a gain")
    assert answers.relative(gain, 0.1104, 0.0022) == "+18.8%"
    assert answers.relative(replace(gain, value=2.0), 0.1104, 0.0022) == "19.1-fold"
    for mean in (0.005, 0.0, -1.0, NAN):
        assert answers.relative(gain, mean, 0.0022) == ""


def test_a_replay_is_held_against_an_uncertain_mean() -> None:
    told = [answers.replay_answer(policy, made.HEALTH) for policy in made.REPLAY.policies]
    assert told == ["more", "more", "less", "refused"]
    unsure = replace(made.HEALTH, reward_error=0.0095)
    assert answers.replay_answer(made.REPLAY.policies[0], unsure) == "open"
    for value, said in ((0.145, "more"), (0.143, "open"), (0.057, "open"), (0.055, "less")):  # sqrt(.03^2 + .032^2)
        policy = replace(made.REPLAY.policies[0], value=value, low=value - 0.03, high=value + 0.03, logged=0.1)
        assert answers.replay_answer(policy, replace(made.HEALTH, reward_error=0.016)) == said
    found = answers.replay_headline(made.REPLAY)
    assert found.title == "While it learned, lin_ucb:alpha=0.5 would have earned more than what was logged."
    assert "differs from that by about 0.0045" in found.text
    biased = replace(made.REPLAY, policies=(replace(made.REPLAY.policies[0], over=31),))
    assert answers.replay_headline(biased).tone == "warning"
    assert "so the figure is biased" in answers.replay_headline(biased).text


def test_the_worst_variant_is_the_most_surprising_that_can_be_told() -> None:
    assert "is new arrivals: mean of 1[shown] / p 1.126" in answers.worst_arm(made.HEALTH)
    assert answers.worst_arm(made.NOTHING.health) == ""


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart(chart: Chart) -> None:
    # By the schema of Vega-Lite, which drawing leaves out for speed.
    spec = appearance.spec(charts.KINDS, chart.kind, chart.data, chart.widths[0])
    alt.LayerChart.from_dict(spec, validate=True).to_dict()
    for width, drawn in zip(chart.widths, charts.draw(chart), strict=True):
        root = ElementTree.fromstring(named(drawn, "name", chart.title, "words & more", "chart"))
        assert float(root.attrib["width"]) == pytest.approx(width, abs=1)
        kinds = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert "path" in kinds or "line" in kinds
        assert not {"script", "style", "image", "foreignObject", "a"} & set(kinds)
    assert chart.rows and all(len(row) == len(chart.head) for row in chart.rows)
    swatches = {css for css, _ in chart.legend} - {"known-plain"}
    assert all(f".swatch.{css}" in style_sheet() for css in swatches)


@pytest.mark.parametrize("letter", ["\0", "\x1b", "\x7f", "\x85", "\ud800", "\ufffe", "\n", "\u202e", "\U0001f600", ""])
def test_a_name_may_be_anything(letter: str) -> None:
    """Some of these would end the process, not raise."""
    chart = figures.gains(replace(made.ONE, targets=(replace(made.TARGETS[0], target=letter),)))
    (drawn, _) = charts.draw(chart or pytest.fail("no chart"))
    ElementTree.fromstring(drawn)


def test_bounds_of_the_refused_do_not_flatten_the_rest() -> None:
    chart = figures.values(made.SHOP) or pytest.fail("no chart")
    low, high = chart.data["domain"]
    assert low > 0.06 and high < 0.15
    last = chart.data["rows"][-1]
    assert (last["label"], last["below"], last["above"]) == ("always:gift card", True, True)
    assert (last["lo"], last["hi"]) == (low, high)
    assert [getattr(cell, "value", None) for cell in chart.rows[-1][3:]] == [0.031, 0.412], "its table has them whole"


def test_the_best_stands_first_and_two_of_one_name_stay_two() -> None:
    chart = figures.gains(made.FORTY) or pytest.fail("no chart")
    assert len(chart.data["rows"]) == 40
    values = [row["e"] for row in chart.data["rows"]]
    assert values == sorted(values, reverse=True)
    assert figures.unique(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]


def test_a_weight_histogram_covers_every_row() -> None:
    chart = figures.histogram(made.TARGETS[0], 0) or pytest.fail("no chart")
    shares = sum(row["value"] for row in chart.data["rows"])
    assert shares + made.TARGETS[0].weights.zero_share == pytest.approx(1.0)
    assert chart.rows[0][0] == "<1/16" and chart.rows[-1][0] == "64+"
    assert "1" in chart.data["ticks"]
    assert "19.2% of the rows have weight 0" in chart.sentence


def test_a_variant_whose_propensities_are_wrong_is_red_and_outside() -> None:
    wrong = made.arm("wrong", 900, 0.1, 9.0)
    chart = figures.arms(replace(made.HEALTH, arms=(*made.ARMS, wrong))) or pytest.fail("no chart")
    first = chart.data["rows"][0]
    assert (first["label"], first["tone"]) == ("wrong", "worse") and first["e"] > first["hi"]
    assert first["hi"] == pytest.approx(1.0 + most_errors(6) * 0.02)
    assert all(row["tone"] == "policy" and row["lo"] <= row["e"] <= row["hi"] for row in chart.data["rows"][1:-1])
    assert chart.data["rows"][-1]["fill"] == "surface", "too few rows to tell"


@pytest.mark.parametrize(("name", "evaluation", "replay"), PAGES, ids=[name for name, *_ in PAGES])
def test_a_page_is_whole_and_harmless(name: str, evaluation: Any, replay: Any) -> None:
    written = page(evaluation, replay)
    assert written.startswith("<!doctype html>") and written.rstrip().endswith("</html>")
    assert "<script" not in written and not re.search(r"\bnan\b", written.lower())
    # Addresses of namespaces are names; nothing is fetched.
    assert not re.findall(r'(?:href|src)="(?!#|data:,")', written)
    for target in evaluation.targets if evaluation else ():
        assert str(escape(target.target)) in written
        for reason in target.reasons:
            assert str(escape(answers.sentence(reason))) in written
    for drawn in re.findall(r"<svg.*?</svg>", written, re.DOTALL):
        used = set(re.findall(r' (?:fill|stroke)="(#\w+)"', drawn))
        assert used and all(f'.chart [fill="{colour}"]' in style_sheet() for colour in used)


def test_settings_that_differ_are_both_said() -> None:
    replay = replace(made.REPLAYS["none"], settings={"seed": "8", "model": "ridge, by arm", "runs": "20"})
    written = re.sub(r"<[^>]+>", " ", page(made.EVALUATIONS["none"], replay))
    said = re.sub(r"\s+", " ", written[written.index("Settings and versions") :])
    assert "seed 7" in said and "seed (replay) 8" in said and "runs 20" in said
    assert said.count("ridge, by arm") == 1


def test_a_page_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing to show"):
        page(None, None)


@pytest.mark.parametrize("missing", ["altair", "vl_convert", "jinja2"])
def test_without_what_draws_one_line_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("banditcore.pages.", "banditcore.evaluation.showing."))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InvalidInput, match=r'pip install "banditcore\[offline\]"'):
        page(made.ONE, None)


def test_a_page_is_written_to_a_file(tmp_path: Any) -> None:
    write_page(tmp_path / "a.html", made.EVALUATIONS["none"], None)
    assert "Nothing was asked" in (tmp_path / "a.html").read_text(encoding="utf-8")
    with pytest.raises(InvalidInput, match="nowhere is not a directory"):
        write_page(tmp_path / "nowhere" / "a.html", made.ONE, None)
