"""Vega-Lite specs as pictures: given a size, the looks of our pages, and drawn by vl-convert, which has Vega inside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import vl_convert

from banditcore.pages import appearance
from banditcore.pages.appearance import COLOURS
from banditcore.pages.chart import WIDE

_AXIS = 58
"""Pixels beside a panel for the numbers of its axis."""
_LETTER = 7.6
_LABEL = {"wide": 210, "narrow": 110}
"""Pixels of a name at the left at most."""
_GAP = 18
_TALL = {"wide": (340, 190), "narrow": (240, 170)}
"""Of a chart alone, and of a panel of several."""


def fitted(chart: Mapping[str, Any], width: int) -> dict[str, Any]:
    """The spec with a size, as wide as that; charts side by side come to stand below one another on a phone."""
    size = "wide" if width == WIDE else "narrow"
    alone, among = _TALL[size]
    beside = max(_AXIS, min(_LABEL[size], _LETTER * chart.get("usermeta", {}).get("labels", 0)) + 12)
    spec = {**chart, "background": "transparent", "padding": 2, "config": _config(width)}
    if "concat" in spec:
        panels = spec["concat"]
        columns = _columns(len(panels)) if width == WIDE else 1
        inner = math.floor((width - 8) / columns - beside - _GAP * (columns - 1) / columns)
        sized = [{"height": among, **panel, "width": inner} for panel in panels]
        return {**spec, "concat": sized, "columns": columns, "spacing": _GAP, "align": "each"}
    if "layer" in spec or "mark" in spec:
        return {"height": alone, **spec, "width": width, "autosize": {"type": "fit", "contains": "padding"}}
    return spec


def svg(chart: Mapping[str, Any], width: int) -> str:
    """For a page: its colours become those of the style sheet."""
    return appearance.drawn(fitted(chart, width))


def png(chart: Mapping[str, Any]) -> bytes:
    """On white, two dots a pixel."""
    spec = {**fitted(chart, WIDE), "background": "#ffffff", "padding": 14}
    return bytes(vl_convert.vegalite_to_png(appearance.drawable(spec), scale=2.0))


def _columns(panels: int) -> int:
    return panels if panels < 4 else 2 if panels == 4 else 3


def _config(width: int) -> dict[str, Any]:
    config = appearance.config(width)
    size, wide = config["text"]["fontSize"], width == WIDE
    words = {"labelColor": COLOURS["ink"], "labelFontSize": size, "titleColor": COLOURS["muted"]}
    axis = {"titleColor": COLOURS["muted"], "titleFontSize": size, "titleFontWeight": "normal", "titlePadding": 8}
    legend = {
        "orient": "top",
        "columns": 4 if wide else 2,
        "columnPadding": 18,
        "symbolType": "stroke",
        "symbolStrokeWidth": 3,
        "labelLimit": 200 if wide else 120,
        "titleFontWeight": "normal",
        "titleFontSize": size,
    }
    title = {"anchor": "start", "color": COLOURS["ink"], "fontSize": size, "fontWeight": 600, "offset": 10}
    return {
        **config,
        "axis": config["axis"] | axis,
        "axisX": {"tickCount": 7 if wide else 3},
        "axisY": {"minExtent": 40, "labelLimit": _LABEL["wide" if wide else "narrow"]},
        "legend": words | legend,
        "title": title,
    }
