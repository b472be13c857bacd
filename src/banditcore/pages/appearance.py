"""The looks of charts, as Vega-Lite specs written with Altair and drawn to SVG by vl-convert, which has Vega inside.

Why not a library that draws in the browser, such as Bokeh: a chart here is 6 to 20 KB of SVG where Bokeh's script alone
is 1.3 MB; without any script the Content-Security-Policy can forbid all of it; an SVG carries its title and description
to a screen reader, takes its colours and fonts from the page's style sheet, light or dark, and prints. Hovering and
zooming are what is lost: every chart has its numbers in a table instead.

Colours are the light ones; page.css replaces each by the variable of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode

from banditcore.pages import svg
from banditcore.pages.chart import WIDE

COLOURS = {
    "ink": "#1d2330",
    "muted": "#596273",
    "grid": "#e5e8ee",
    "zero": "#7b8597",
    "surface": "#fffffe",
    "policy": "#1c63b7",
    "off-policy": "#b4530a",
    "good": "#14693f",
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
TONES = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
"""From the name of a colour in the data."""

_FORBIDDEN = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Data = Mapping[str, Any]
Parts = tuple[Any, dict[str, list[dict[str, Any]]], int]
"""A chart of Altair, whose own types say too little; the rows of each of its data sets; its height."""
Kinds = Mapping[str, Callable[[Data, int], Parts]]


def draw(kinds: Kinds, kind: str, data: Data, width: int) -> str:
    """The chart as SVG of that many pixels' width."""
    # Altair would look at every part, which takes longer than the drawing; the tests let it.
    with debug_mode(False):
        return drawn(spec(kinds, kind, data, width))


def drawn(spec: Mapping[str, Any]) -> str:
    """A spec of Vega-Lite as SVG."""
    return svg.trimmed(vl_convert.vegalite_to_svg(drawable(spec)))


def drawable(value: Any) -> Any:
    """Without letters that XML forbids, such as an escape in somebody's name: the drawing would end the process."""
    if isinstance(value, str):
        return _FORBIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    if isinstance(value, dict):
        return {key: drawable(item) for key, item in value.items()}
    return [drawable(item) for item in value] if isinstance(value, list) else value


def spec(kinds: Kinds, kind: str, data: Data, width: int) -> dict[str, Any]:
    """The chart as Vega-Lite wants it, with the looks that all of them share."""
    chart, rows, height = kinds[kind](data, width)
    # Put in afterwards: for each of them Altair would copy the whole chart.
    return {
        **chart.to_dict(validate=False),
        "datasets": rows,
        "width": width,
        "height": height,
        "background": "transparent",
        "padding": 2,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": config(width),
    }


def config(width: int) -> dict[str, Any]:
    """Letters and lines of every chart."""
    size = 13 if width == WIDE else 12
    axis = {"labelColor": COLOURS["muted"], "gridColor": COLOURS["grid"], "domain": False, "ticks": False}
    return {
        "axis": {**axis, "labelFontSize": size, "labelPadding": 8},
        "view": {"stroke": None},
        "text": {"fontSize": size},
    }


def labels(rows: Sequence[Mapping[str, Any]], width: int, tail: int = 0) -> alt.Axis:
    """Names at the left, of long ones the start and the last `tail` letters.

    The browser's font is not known here, so there is room for a wide one.
    """
    most, size = (28, 8.4) if width == WIDE else (14, 7.8)
    room = size * min(most, max(len(row["label"]) for row in rows)) + 8
    end = f" + slice(datum.label, -{tail})" if tail else ""
    short = f"length(datum.label) > {most} ? slice(datum.label, 0, {most - 1 - tail}) + '…'{end} : datum.label"
    colour = COLOURS["ink"]
    return alt.Axis(title=None, labelExpr=short, labelLimit=0, minExtent=room, maxExtent=room, labelColor=colour)
