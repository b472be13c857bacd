"""Charts as Vega-Lite specs, written with Altair and drawn to SVG by vl-convert, which has Vega inside.

Why not a library that draws in the browser, such as Bokeh: a chart here is 6 to 20 KB of SVG where Bokeh's script alone
is 1.3 MB; without any script the Content-Security-Policy can forbid all of it; an SVG carries its title and description
to a screen reader, takes its colours and fonts from the page's style sheet, light or dark, and prints. Hovering and
zooming are what is lost: every chart has its numbers in a table instead.

Colours are the light ones; page.css replaces each by the variable of the same name. Times are milliseconds, in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode

from banditcore_server.dashboard import svg
from banditcore_server.dashboard.figures import NARROW, WIDE

COLOURS = {
    "ink": "#1d2330",
    "muted": "#596273",
    "grid": "#e5e8ee",
    "zero": "#7b8597",
    "surface": "#fffffe",
    "policy": "#1c63b7",
    "off-policy": "#b4530a",
    "worse": "#a61b26",
    "series-0": "#8b95a5",
    "series-1": "#2f7bd1",
    "series-2": "#e8a317",
    "series-3": "#139a79",
    "series-4": "#c76ba6",
    "series-5": "#6bb8e8",
    "series-6": "#d3582a",
    "series-7": "#cfd5de",
}
SERIES = [COLOURS[f"series-{index}"] for index in range(8)]
"""The control first, "all others" last."""

Data = Mapping[str, Any]
Parts = tuple[Any, dict[str, list[dict[str, Any]]], int]
"""A chart of Altair, whose own types say too little; the rows of each of its data sets; its height."""


def draw(kind: str, data: Data, width: int) -> str:
    """The chart as SVG of that many pixels' width."""
    # Altair would look at every part, which takes longer than the drawing; the tests let it.
    with debug_mode(False):
        return svg.trimmed(vl_convert.vegalite_to_svg(spec(kind, data, width)))


def spec(kind: str, data: Data, width: int) -> dict[str, Any]:
    """The chart as Vega-Lite wants it, with the looks that all of them share."""
    chart, rows, height = KINDS[kind](data, width)
    size = 13 if width == WIDE else 12
    axis = {"labelColor": COLOURS["muted"], "gridColor": COLOURS["grid"], "domain": False, "ticks": False}
    config = {
        "axis": {**axis, "labelFontSize": size, "labelPadding": 8},
        "view": {"stroke": None},
        "text": {"fontSize": size},
    }
    # Put in afterwards: for each of them Altair would copy the whole chart.
    return {
        **chart.to_dict(validate=False),
        "datasets": rows,
        "width": width,
        "height": height,
        "background": "transparent",
        "padding": 2,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": config,
    }


_TONES = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))


def _time(values: Sequence[float], width: int) -> alt.X:
    scale = alt.Scale(type="utc", domain=list(values), nice=False)
    axis = alt.Axis(grid=False, tickCount=7 if width == WIDE else 3, title=None, labelFlush=True)
    return alt.X("t:T", scale=scale, axis=axis)


def _percent(domain: Sequence[float]) -> str:
    return f"+.{1 if domain[1] - domain[0] < 0.05 else 0}%"


_ZERO = "datum.value == 0 ? '0%' : datum.label"
_BARE = "datum.value == 0 ? '0' : datum.label"
"""Zero has no sign."""


def _labels(rows: Sequence[Mapping[str, Any]], width: int) -> alt.Axis:
    """Names at the left. The browser's font is not known here, so there is room for a wide one."""
    most, size = (28, 8.4) if width == WIDE else (14, 7.8)
    room = size * min(most, max(len(row["label"]) for row in rows)) + 8
    short = f"length(datum.label) > {most} ? slice(datum.label, 0, {most - 1}) + '…' : datum.label"
    colour = COLOURS["ink"]
    return alt.Axis(title=None, labelExpr=short, labelLimit=0, minExtent=room, maxExtent=room, labelColor=colour)


def lift_over_time(data: Data, width: int) -> Parts:
    """`looks` of t, e, lo, hi and o, olo, ohi (off-policy); `domain` of lifts, `span` of times; `target`; `marks` of
    t and label (horizon, verdict)."""
    domain = data["domain"]
    x = _time(data["span"], width)
    axis = alt.Axis(title=None, format=_percent(domain), labelExpr=_ZERO, tickCount=6)
    y = alt.Scale(domain=domain, nice=False, zero=False)
    base = alt.Chart(alt.NamedData("looks"))

    def band(low: str, high: str, colour: str, opacity: float) -> Any:
        mark = base.mark_area(clip=True, color=COLOURS[colour], fillOpacity=opacity)
        return mark.encode(x=x, y=alt.Y(f"{low}:Q", scale=y, axis=axis), y2=f"{high}:Q")

    def line(field: str, colour: str, **look: Any) -> Any:
        return base.mark_line(clip=True, color=COLOURS[colour], **look).encode(x=x, y=alt.Y(f"{field}:Q", scale=y))

    def across(value: float, colour: str, **look: Any) -> Any:
        rule = alt.Chart(alt.NamedData("one")).mark_rule(color=COLOURS[colour], **look)
        return rule.encode(y=alt.Y(datum=value, scale=y))

    marks = alt.Chart(alt.NamedData("marks"))

    def beside(side: str, **look: Any) -> Any:
        words = marks.transform_filter(alt.datum.side == side)
        words = words.mark_text(baseline="top", color=COLOURS["muted"], **look)
        return words.encode(x=x, y=alt.Y("row:Q", scale=None), text="label:N")

    layers = [
        band("lo", "hi", "policy", 0.16),
        band("olo", "ohi", "off-policy", 0.05),
        line("olo", "off-policy", strokeWidth=1, opacity=0.75),
        line("ohi", "off-policy", strokeWidth=1, opacity=0.75),
        across(0, "zero", strokeWidth=1.5),
        across(data["target"], "zero", strokeDash=[2, 4]),
        line("o", "off-policy", strokeWidth=2, strokeDash=[6, 4]),
        line("e", "policy", strokeWidth=2.5),
        marks.mark_rule(color=COLOURS["ink"], strokeDash=[1, 3]).encode(x=x),
        beside("left", align="right", dx=-6),
        beside("right", align="left", dx=6),
    ]
    placed = [_placed(mark, index, data["span"]) for index, mark in enumerate(data["marks"])]
    rows = {"looks": data["looks"], "marks": placed, "one": [{}]}
    return alt.layer(*layers), rows, 320 if width == WIDE else 240


def _placed(mark: Mapping[str, Any], index: int, span: Sequence[float]) -> dict[str, Any]:
    """A mark within the chart, with its label on the side that has more room and on a line of its own: it must run into
    neither the axis nor the other label."""
    time = min(max(mark["t"], span[0]), span[1])
    return {**mark, "t": time, "row": 2 + 17 * index, "side": "left" if 2 * time > span[0] + span[1] else "right"}


def ranges(data: Data, width: int) -> Parts:
    """`rows` of label, e, lo, hi (clipped to `domain`), tone (a colour) and sure; `zero` where no effect is, or null;
    `percent` (of a lift) or plain numbers; `labels` or none."""
    rows, domain = data["rows"], data["domain"]
    share = alt.Axis(
        title=None,
        grid=True,
        format=_percent(domain) if data["percent"] else "~g",
        labelExpr=_ZERO if data["percent"] else "datum.label",
        tickCount=6 if width == WIDE else 3,
        labelFlush=True,
    )
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    x = alt.X("e:Q", scale=scale)
    y = alt.Y("label:N", sort=None, axis=_labels(rows, width) if data["labels"] else None)
    tone = alt.Color("tone:N", scale=_TONES, legend=None)
    fill = alt.Fill("fill:N", scale=_TONES, legend=None)
    base = alt.Chart(alt.NamedData("rows"))
    ends = {"x": alt.X("lo:Q", scale=scale, axis=share), "x2": "hi:Q"}
    layers = [
        base.mark_rule(strokeWidth=3, strokeCap="round", clip=True).encode(**ends, y=y, color=tone),
        base.mark_point(size=80, strokeWidth=2.5, opacity=1).encode(x=x, y=y, stroke=tone, fill=fill),
    ]
    if data["zero"] is not None:
        line = alt.Chart(alt.NamedData("one")).mark_rule(color=COLOURS["zero"], strokeWidth=1.5)
        layers.insert(0, line.encode(x=alt.X(datum=data["zero"])))
    filled = [{**row, "fill": row["tone"] if row["sure"] else "surface"} for row in rows]
    height = 34 * len(rows) + 34 if data["labels"] else 52
    return alt.layer(*layers), {"rows": filled, "one": [{}]}, height


def shares_over_time(data: Data, width: int) -> Parts:
    """`rows` of t, name, y0, y1 (cumulative shares); `names` in order, with the `series` of each; `span` of times."""
    base = alt.Chart(alt.NamedData("rows")).mark_area(
        interpolate="step-after", stroke=COLOURS["surface"], strokeWidth=0.8, line=False
    )
    chart = base.encode(
        x=_time(data["span"], width),
        y=alt.Y("y0:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title=None, format=".0%", tickCount=5)),
        y2="y1:Q",
        color=alt.Color(
            "name:N",
            legend=None,
            scale=alt.Scale(domain=data["names"], range=[SERIES[index] for index in data["series"]]),
        ),
    )
    return alt.layer(chart), {"rows": data["rows"]}, 260 if width == WIDE else 200


def bars(data: Data, width: int) -> Parts:
    """`rows` of label, value and tone; `percent` or plain numbers."""
    axis = alt.Axis(
        title=None, format=".0%" if data["percent"] else "+~g", labelExpr=_BARE, tickCount=6 if width == WIDE else 3
    )
    tone = alt.Color("tone:N", scale=_TONES, legend=None)
    y = alt.Y("label:N", sort=None, axis=_labels(data["rows"], width))
    base = alt.Chart(alt.NamedData("rows"))
    chart = base.mark_bar(cornerRadiusEnd=3, height=16).encode(x=alt.X("value:Q", axis=axis), y=y, color=tone)
    line = alt.Chart(alt.NamedData("one")).mark_rule(color=COLOURS["zero"], strokeWidth=1.5)
    chart = alt.layer(chart, line.encode(x=alt.X(datum=0)))
    return chart, {"rows": data["rows"], "one": [{}]}, 30 * len(data["rows"]) + 34


KINDS: dict[str, Callable[[Data, int], Parts]] = {
    "lift": lift_over_time,
    "ranges": ranges,
    "shares": shares_over_time,
    "bars": bars,
}


def warm_up() -> None:
    """Draws one of each kind: the first of a process take half a second longer."""
    times = {"span": [0.0, 2.0], "domain": [0.0, 1.0], "target": 0.1, "marks": [{"t": 1.0, "label": "now"}]}
    looks = [{"t": t, **dict.fromkeys(("e", "lo", "hi", "o", "olo", "ohi"), 0.5)} for t in (0.0, 1.0)]
    row = {"label": "", "e": 0.5, "lo": 0.4, "hi": 0.6, "tone": "policy", "sure": True, "value": 0.5}
    area = [{"t": t, "name": "a", "y0": 0.0, "y1": 1.0} for t in (0.0, 1.0)]
    flat = {"domain": [0.0, 1.0], "zero": 0.0, "percent": True, "labels": True, "rows": [row]}
    for width in (WIDE, NARROW):
        draw("lift", {**times, "looks": looks}, width)
        draw("ranges", flat, width)
        draw("bars", flat, width)
        draw("shares", {**times, "rows": area, "names": ["a"], "series": [0]}, width)
