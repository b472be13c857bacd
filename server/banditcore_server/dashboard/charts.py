"""The charts of the page, in the appearance of all pages. Times are milliseconds, in UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt

from banditcore.pages import appearance
from banditcore.pages.appearance import COLOURS, SERIES, TONES, Data, Parts, labels
from banditcore.pages.chart import NARROW, WIDE


def draw(kind: str, data: Data, width: int) -> str:
    """The chart as SVG of that many pixels' width."""
    return appearance.draw(KINDS, kind, data, width)


def spec(kind: str, data: Data, width: int) -> dict[str, Any]:
    """The chart as Vega-Lite wants it."""
    return appearance.spec(KINDS, kind, data, width)


def _time(values: Sequence[float], width: int) -> alt.X:
    scale = alt.Scale(type="utc", domain=list(values), nice=False)
    axis = alt.Axis(grid=False, tickCount=7 if width == WIDE else 3, title=None, labelFlush=True)
    return alt.X("t:T", scale=scale, axis=axis)


def _percent(domain: Sequence[float]) -> str:
    return f"+.{1 if domain[1] - domain[0] < 0.05 else 0}%"


_ZERO = "datum.value == 0 ? '0%' : datum.label"
_BARE = "datum.value == 0 ? '0' : datum.label"
"""Zero has no sign."""


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
    y = alt.Y("label:N", sort=None, axis=labels(rows, width) if data["labels"] else None)
    tone = alt.Color("tone:N", scale=TONES, legend=None)
    fill = alt.Fill("fill:N", scale=TONES, legend=None)
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
    tone = alt.Color("tone:N", scale=TONES, legend=None)
    y = alt.Y("label:N", sort=None, axis=labels(data["rows"], width))
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
