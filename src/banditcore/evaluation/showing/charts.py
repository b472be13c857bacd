"""The charts of an evaluation, in the appearance of all pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import altair as alt

from banditcore.pages import appearance
from banditcore.pages.appearance import COLOURS, SERIES, TONES, Data, Parts, labels
from banditcore.pages.chart import WIDE, Chart

_TONE = alt.Color("tone:N", scale=TONES, legend=None)
_STROKE = alt.Stroke("tone:N", scale=TONES, legend=None)
_BOX = 15
_APART = 0.14
"""Of the height, between two labels of an axis."""


def draw(chart: Chart) -> tuple[str, ...]:
    """As SVG, one for each of its widths."""
    return tuple(appearance.draw(KINDS, chart.kind, chart.data, width) for width in chart.widths)


def _numbers(domain: Sequence[float], width: int, *, signed: bool = False, **more: Any) -> alt.Axis:
    """An axis of numbers of any size."""
    largest = max(abs(end) for end in domain)
    plain = ",~g" if 1e-4 <= largest < 1e5 else "~e" if largest < 1e-4 else "~s"
    ticks = 6 if width == WIDE else 3
    form = f"+{plain}" if signed else plain
    return alt.Axis(title=None, labelExpr=_plain(form), tickCount=ticks, labelFlush=True, **more)


def _plain(form: str) -> str:
    """Each tick by itself, with one unit where it needs one; zero has no sign."""
    return f"datum.value == 0 ? '0' : format(datum.value, '{form}')"


def _across(rows: Sequence[Data], width: int) -> alt.Y:
    """Names, which mostly differ in their last parameter."""
    scale = alt.Scale(domain=[row["label"] for row in rows])
    return alt.Y("label:N", scale=scale, sort=None, axis=labels(rows, width, tail=10 if width == WIDE else 5))


def _upright(value: float, **look: Any) -> Any:
    line = alt.Chart(alt.NamedData("one")).mark_rule(color=COLOURS["zero"], **look)
    return line.encode(x=alt.X(datum=value))


def intervals(data: Data, width: int) -> Parts:
    """`rows` of label, e (or null), lo, hi, status, tone, fill, below and above (whether it goes on there); `domain`;
    `reference` or null; `signed`."""
    rows, domain = data["rows"], data["domain"]
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    axis = _numbers(domain, width, signed=data["signed"], grid=True)
    y = _across(rows, width)
    base = alt.Chart(alt.NamedData("rows"))
    ends = {"x": alt.X("lo:Q", scale=scale, axis=axis), "x2": "hi:Q", "y": y, "color": _TONE}

    def lines(status: str, **look: Any) -> Any:
        return base.transform_filter(alt.datum.status == status).mark_rule(**look).encode(**ends)

    def arrows(side: str, end: str, shape: str) -> Any:
        mark = base.transform_filter(f"datum.{side}").mark_point(shape=shape, size=50, filled=True, opacity=1)
        return mark.encode(x=alt.X(f"{end}:Q", scale=scale), y=y, color=_TONE)

    def points(status: str, shape: str) -> Any:
        told = base.transform_filter(f"datum.e !== null && datum.status === '{status}'")
        fill = alt.Fill("fill:N", scale=TONES, legend=None)
        mark = told.mark_point(shape=shape, size=90, strokeWidth=2.5, opacity=1)
        return mark.encode(x=alt.X("e:Q", scale=scale), y=y, stroke=_STROKE, fill=fill)

    words = base.transform_filter(alt.datum.status == "refused").mark_text(
        dx=14, dy=-9, align="left", color=COLOURS["muted"], text="refused: no estimate"
    )
    layers = [
        *([] if data["reference"] is None else [_upright(data["reference"], strokeWidth=1.5)]),
        lines("refused", strokeWidth=2, strokeDash=[2, 4]),
        words.encode(x=alt.X(datum=domain[0], scale=scale), y=y),
        lines("green", strokeWidth=3, strokeCap="round"),
        lines("amber", strokeWidth=3, strokeDash=[7, 3]),
        arrows("below", "lo", "triangle-left"),
        arrows("above", "hi", "triangle-right"),
        points("green", "circle"),
        points("amber", "diamond"),
    ]
    return alt.layer(*layers), {"rows": rows, "one": [{}]}, 36 * len(rows) + 34


def samples(data: Data, width: int) -> Parts:
    """`rows` of label, value and tone; `most` rows of the log; `marks` to compare with."""
    rows = data["rows"]
    powers = [10**power for power in range(16) if 10**power <= data["most"]]
    scale = alt.Scale(type="log", domain=[1, max(data["most"], 10)], nice=False)
    wanted = powers if width == WIDE or len(powers) < 5 else powers[::2]
    axis = alt.Axis(title=None, grid=True, values=wanted, format="~s", labelFlush=True)
    base = alt.Chart(alt.NamedData("rows"))
    y, x = _across(rows, width), alt.X("value:Q", scale=scale, axis=axis)
    marks = [_upright(mark, strokeDash=[4, 3], strokeWidth=1.5) for mark in data["marks"] if mark < data["most"]]
    layers = [*marks, base.mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=_TONE)]
    return alt.layer(*layers), {"rows": rows, "one": [{}]}, 26 * len(rows) + 34


def histogram(data: Data, width: int) -> Parts:
    """`rows` of label and value, a share; `ticks`, the labels that are written; `tone`."""
    most = max(row["value"] for row in data["rows"])
    marks = [0.0]
    for mark in (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
        if mark <= 1.02 * most and sqrt(mark / most) - sqrt(marks[-1] / most) > _APART:
            marks.append(mark)
    # By its root, so that the few rows of great weight, which decide whether it can be trusted, can be seen at all.
    y = alt.Scale(type="sqrt", domain=[0, most])
    axis = alt.Axis(title=None, labelExpr=_plain("~%"), values=marks)
    axis_x = alt.Axis(title=None, labelAngle=0, values=data["ticks"], grid=False)
    x = alt.X("label:N", sort=None, axis=axis_x)
    bar = alt.Chart(alt.NamedData("rows")).mark_bar(color=COLOURS[data["tone"]])
    chart = bar.encode(x=x, y=alt.Y("value:Q", scale=y, axis=axis))
    return alt.layer(chart), {"rows": data["rows"]}, 150


def arms(data: Data, width: int) -> Parts:
    """`rows` of label, e, lo, hi, tone and fill; `domain`."""
    rows = data["rows"]
    scale = alt.Scale(domain=data["domain"], nice=False, zero=False)
    base, y = alt.Chart(alt.NamedData("rows")), _across(rows, width)
    axis = _numbers(data["domain"], width, grid=True)
    band = base.mark_bar(height=_BOX, color=COLOURS["grid"], cornerRadius=3)
    point = base.mark_point(size=80, strokeWidth=2.5, opacity=1)
    fill = alt.Fill("fill:N", scale=TONES, legend=None)
    layers = [
        band.encode(x=alt.X("lo:Q", scale=scale, axis=axis), x2="hi:Q", y=y),
        _upright(1, strokeWidth=1.5),
        point.encode(
            x=alt.X("e:Q", scale=scale), y=y, stroke=alt.Stroke("tone:N", scale=TONES, legend=None), fill=fill
        ),
    ]
    return alt.layer(*layers), {"rows": rows, "one": [{}]}, 28 * len(rows) + 34


def courses(data: Data, width: int) -> Parts:
    """`rows` of s (decisions), name, m, lo and hi; `names` in order, with the `series` of each, and those `banded`;
    `last` s; `domain`; `reference` or null."""
    base = alt.Chart(alt.NamedData("rows"))
    steps = alt.Axis(
        title=None, grid=False, labelExpr=_plain("~s"), tickCount=7 if width == WIDE else 3, labelFlush=True
    )
    x = alt.X("s:Q", scale=alt.Scale(domain=[0, data["last"]], nice=False), axis=steps)
    y = alt.Scale(domain=data["domain"], nice=False, zero=False)
    tones = [SERIES[index] for index in data["series"]]
    colour = alt.Color("name:N", legend=None, scale=alt.Scale(domain=data["names"], range=tones))
    axis = _numbers(data["domain"], WIDE)
    layers = [
        base.transform_filter(alt.FieldOneOfPredicate("name", data["banded"]))
        .mark_area(clip=True, fillOpacity=0.13)
        .encode(x=x, y=alt.Y("lo:Q", scale=y, axis=axis), y2="hi:Q", color=colour),
        base.mark_line(clip=True, strokeWidth=2.5).encode(x=x, y=alt.Y("m:Q", scale=y), color=colour),
    ]
    if data["reference"] is not None:
        line = alt.Chart(alt.NamedData("one")).mark_rule(color=COLOURS["zero"], strokeWidth=1.5)
        layers.insert(0, line.encode(y=alt.Y(datum=data["reference"], scale=y)))
    return alt.layer(*layers), {"rows": data["rows"], "one": [{}]}, 300 if width == WIDE else 230


KINDS: dict[str, Callable[[Data, int], Parts]] = {
    "intervals": intervals,
    "samples": samples,
    "histogram": histogram,
    "arms": arms,
    "courses": courses,
}
