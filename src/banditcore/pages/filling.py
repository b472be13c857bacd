"""Templates filled with results and their charts, as one page that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from banditcore.pages import svg
from banditcore.pages.chart import MISSING, WIDE, Chart, Figure


@cache
def style_sheet() -> str:
    """The one style sheet."""
    return (files(__package__) / "page.css").read_text(encoding="utf-8")


def environment(package: str, **known: Any) -> Environment:
    """The templates of a package and those that all share, which know `figure` and what is given."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates"), PackageLoader(__package__, "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(figure=_figure, **known)
    return made


def alone() -> dict[str, Any]:
    """What `base.html` needs for a page that is one file: its style sheet, and a policy that allows nothing else."""
    sheet = style_sheet()
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'sha256-{digest}'"
    return {"served": False, "sheet": Markup(sheet), "policy": policy}


def images(charts: Sequence[Chart], drawn: Mapping[str, Sequence[str]]) -> dict[str, Markup]:
    """By name of the chart its drawings, one for each width; the style sheet shows the one that fits."""
    return {chart.name: _images(chart, drawn.get(chart.name, ())) for chart in charts}


def _images(chart: Chart, drawn: Sequence[str]) -> Markup:
    return image(chart.name, chart.title, chart.sentence, dict(zip(chart.widths, drawn, strict=False)))


def image(name: str, title: str, description: str, drawn: Mapping[int, str]) -> Markup:
    """A chart's drawings by their widths, as one image of which the style sheet shows the one that fits."""
    found = []
    for width, drawing in drawn.items():
        css = "chart" if len(drawn) == 1 else "chart wide" if width == WIDE else "chart narrow"
        found.append(svg.named(drawing, f"{name}-{width}", title, description, css))
    return Markup("".join(found))


def _figure(found: Any, test_id: str = "") -> Markup:
    """A number as an element that keeps the full one; other words as they are."""
    mark = Markup(' data-testid="{}"').format(test_id) if test_id else Markup("")
    if isinstance(found, Figure) and found.text != MISSING:
        return Markup('<data value="{}"{}>{}</data>').format(repr(found.value), mark, found.text)
    return Markup("<span{}>{}</span>").format(mark, str(found)) if test_id else escape(str(found))
