"""Charts: valid specs, drawn the same each time, in colours that the style sheet knows, also when drawing fails."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair as alt
import findings
import pytest
import structlog

from banditcore.pages.appearance import COLOURS
from banditcore.pages.chart import NARROW, WIDE, Chart
from banditcore.pages.filling import style_sheet
from banditcore.pages.svg import named
from banditcore_server.dashboard import charts, figures
from banditcore_server.dashboard.drawing import Drawer
from banditcore_server.dashboard.page import Asked, Glance, decision, experiment, overview, render

HEALTH = findings.health()
GLANCES = [Glance(findings.experiment("shop"), findings.rich(), None)]
PAGES = {
    "experiment": experiment(findings.rich(), HEALTH.experiments[2]),
    "audience": experiment(findings.rich(), None, "country", "DE"),
    "decision": decision(findings.explanation()),
    "overview": overview(GLANCES, HEALTH),
}
CHARTS = [(page, chart) for page, found in PAGES.items() for chart in found.charts]


@pytest.mark.parametrize(("page", "chart"), CHARTS, ids=lambda item: getattr(item, "name", item))
def test_a_chart(page: str, chart: Chart) -> None:
    for width in chart.widths:
        spec = charts.spec(chart.kind, chart.data, width)
        # By the schema of Vega-Lite, which drawing leaves out for speed.
        alt.LayerChart.from_dict(spec, validate=True).to_dict()
        assert all(spec["datasets"].values())
        drawn = charts.draw(chart.kind, chart.data, width)
        assert drawn == charts.draw(chart.kind, chart.data, width)
        root = ElementTree.fromstring(named(drawn, "name", "A <title>", "words & more", "chart"))
        assert float(root.attrib["width"]) == pytest.approx(width, abs=1)
        kinds = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert kinds.count("title") == kinds.count("desc") == 1
        assert "path" in kinds or "line" in kinds
        assert not {"script", "style", "image", "foreignObject", "a"} & set(kinds)
        assert not [
            name for element in root.iter() for name in element.attrib if name in ("style", "href", "font-family")
        ]
        assert len(drawn) < 25_000


def test_the_style_sheet_knows_every_colour() -> None:
    used = set()
    for _, chart in CHARTS:
        for width in chart.widths:
            used |= set(re.findall(r' (?:fill|stroke)="(#\w+)"', charts.draw(chart.kind, chart.data, width)))
    assert len(used) > 8
    sheet = style_sheet()
    for colour in used | set(COLOURS.values()):
        assert f'.chart [fill="{colour}"]' in sheet and f'.chart [stroke="{colour}"]' in sheet


def test_every_number_of_a_chart_is_in_its_table() -> None:
    for _, chart in CHARTS:
        assert all(len(row) == len(chart.head) for row in chart.rows)
    lift = next(chart for chart in PAGES["experiment"].charts if chart.name == "lift-over-time")
    last = findings.rich().history[-1]
    assert [getattr(cell, "value", None) for cell in lift.rows[-1][1:4]] == [last.estimate, last.low, last.high]
    assert len(lift.data["looks"]) <= figures.MOST_POINTS and len(lift.rows) <= figures.MOST_ROWS


def test_the_planned_end() -> None:
    report = findings.rich()
    assert [mark["label"] for mark in chart_of(report, "lift-over-time").data["marks"]] == ["decided", "planned end"]
    done = replace(report, history=tuple(replace(look, information=look.information / 0.87) for look in report.history))
    (_, end) = chart_of(done, "lift-over-time").data["marks"]
    assert end["t"] == pytest.approx(report.history[-1].time_us / 1e3)
    far = replace(report, history=tuple(replace(look, information=look.information / 9) for look in report.history))
    chart = chart_of(far, "lift-over-time")
    assert [mark["label"] for mark in chart.data["marks"]] == ["decided"] and "on about" in chart.sentence


def test_the_lift_by_decision_stands_between_the_two() -> None:
    chart = chart_of(findings.rich(), "figures")
    labels = ["by customer", "by decision", "from the log", "recently"]
    assert [row["label"] for row in chart.data["rows"]] == [str(row[0]) for row in chart.rows] == labels
    assert [getattr(cell, "value", None) for cell in chart.rows[1][1:]] == [0.1163, 0.0387, 0.1998]
    assert figures.BY_DECISION in chart.sentence and "every conversion" in chart.sentence
    goal = findings.rich().goals[0]
    unknown = replace(findings.AGREEING, by_decision=findings.NAN)
    chart = figures.two_figures(replace(goal, off_policy=unknown, recent=None)) or pytest.fail("no chart")
    assert [row["label"] for row in chart.data["rows"]] == ["by customer", "from the log"]
    assert figures.BY_DECISION not in chart.sentence and "every conversion" not in chart.sentence


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("at", [-0.1, 0.0, 0.05, 0.4, 0.6, 0.98, 1.0])
def test_labels_of_marks_stay_between_the_edges(width: int, at: float) -> None:
    data = chart_of(findings.rich(), "lift-over-time").data
    first, last = data["span"]
    marks = [{"t": first + at * (last - first), "label": label} for label in ("decided", "planned end")]
    root = ElementTree.fromstring(charts.draw("lift", data | {"marks": marks}, width))
    texts = list(placed(root, 0.0))
    axis = max(x for text, x, anchor in texts if text.endswith("%") and anchor == "end")
    for label in ("decided", "planned end"):
        ((x, anchor),) = [(x, anchor) for text, x, anchor in texts if text == label]
        room = x - axis if anchor == "end" else width - x
        # A letter is narrower than 8 pixels.
        assert x > axis and room > 8 * len(label), (label, x, anchor, axis)


def placed(element: ElementTree.Element, x: float) -> Iterator[tuple[str, float, str]]:
    """Every text below, where it is anchored, and by which of its ends."""
    moved = re.match(r"translate\(([-\d.]+)", element.get("transform", ""))
    x += float(moved[1]) if moved else 0.0
    if element.tag.endswith("}text"):
        yield "".join(element.itertext()), x, element.get("text-anchor", "start")
    for child in element:
        yield from placed(child, x)


def test_many_variants_share_a_colour_at_the_end() -> None:
    report = findings.rich()
    many = tuple(replace(item, variant=f"{item.variant}-{n}") for item in report.traffic for n in range(4))
    chart = chart_of(replace(report, traffic=many), "traffic")
    assert len(chart.data["names"]) == figures.MOST_SERIES - 1 and chart.data["names"][-1] == figures.OTHERS
    tops = {row["y1"] for row in chart.data["rows"] if row["name"] == figures.OTHERS}
    assert tops == {1.0}, "shares add up to one"


def test_less_can_be_the_aim() -> None:
    report = findings.rich()
    goals = (replace(report.goals[0], direction="decrease"), *report.goals[1:])
    assert chart_of(replace(report, goals=goals), "lift-over-time").data["target"] == -report.target_lift


def chart_of(report: findings.Report, name: str) -> Chart:
    return next(chart for chart in experiment(report, None).charts if chart.name == name)


def test_a_chart_that_cannot_be_drawn_leaves_its_numbers() -> None:
    chart = chart_of(findings.rich(), "goals")

    async def draw() -> None:
        drawer = Drawer()
        with structlog.testing.capture_logs() as logged:
            drawn = await drawer.draw([replace(chart, kind="unheard of", name="other"), chart])
        pid = drawer.pid
        assert drawn["other"] == () and len(drawn["goals"]) == 2
        assert {entry["event"] for entry in logged} == {"a chart was not drawn"} and len(logged) == 2
        html = render(PAGES["experiment"], {}, Asked())
        assert html.count("The chart could not be drawn; its numbers are in the table.") == 6
        # One that it was not asked for yet, after its process was killed.
        os.kill(pid or 0, signal.SIGKILL)
        assert (await drawer.draw([replace(chart, widths=(500,))]))["goals"]
        assert drawer.pid != pid
        with structlog.testing.capture_logs():
            await drawer.close()
            assert await drawer.draw([replace(chart, widths=(510,))]) == {"goals": ()}, "none is started any more"

    asyncio.run(draw())


def test_the_drawing_process_ends_with_the_server(serve: Callable[..., Any]) -> None:
    with serve(findings.Shelf((findings.rich(),))) as pages:
        pid = pages.server.drawer.pid
        assert alive(pid)
    assert not alive(pid)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
