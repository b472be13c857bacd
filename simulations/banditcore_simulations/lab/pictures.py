"""Charts that most experiments need; anything else is written with Altair in the experiment's own `analysis.py`.

Each is a Vega-Lite spec without a size, `lab.drawing` gives it one; what is measured stands above it, lying, so that a
phone can show it. Names in the legend are in the order of results, the best first, with the same colours in all charts
of the same results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from scipy import special, stats

from banditcore.errors import InvalidInput
from banditcore.pages.appearance import COLOURS, SERIES
from banditcore.types import Floats
from banditcore_simulations.lab.results import Results

Chart = Mapping[str, Any]
Rows = list[dict[str, Any]]
PALETTE = [*SERIES[1:7], SERIES[0]]
"""The grey one last; what comes after it begins again, dashed."""
DASHES = ([1, 0], [6, 3], [2, 3])
MOST = len(PALETTE) * len(DASHES)
MOST_STEPS = 25
BAND = (0.1, 0.9)
NUMBERS = (
    "datum.value == 0 ? '0' : abs(datum.value) >= 10000 || abs(datum.value) < 0.001"
    " ? format(datum.value, '~s') : format(datum.value, ',~g')"
)


def curves(
    results: Results,
    y: str,
    *,
    x: str = "steps",
    colour: str = "policy",
    facet: str | None = None,
    y_title: str,
    x_title: str = "visits",
    per_step: bool = False,
) -> Chart:
    """The mean over seeds of a curve, with a band from the 10th to the 90th percentile of seeds.

    per_step: of its increments per visit in place of its sums.
    """
    rows: Rows = []
    for facets, some in _panels(results, facet):
        for (name,), runs in some.by(colour):
            at, found = _aligned(runs, x, y)
            if per_step:
                at, found = _thinned(at, found)
                found = np.diff(found, prepend=0.0, axis=1) / np.diff(at, prepend=0.0)
            low, high = np.nanquantile(found, BAND, axis=0)
            mean = np.nanmean(found, axis=0)
            rows += [
                facets | {"name": str(name), "x": a, "m": b, "lo": c, "hi": d}
                for a, b, c, d in zip(*(each.tolist() for each in (at, mean, low, high)), strict=True)
            ]
    base = alt.Chart(alt.NamedData("rows"))
    looks = _series(_ordered(results, colour, y), colour)
    x_axis = _across(x_title, least=0.0)
    layers = [
        base.mark_area(fillOpacity=0.13).encode(x=x_axis, y=_upright(), y2="hi:Q", color=looks["color"]),
        base.mark_line(strokeWidth=2).encode(x=x_axis, y=_upright("m"), **looks),
    ]
    return _spec(layers, {"rows": rows}, y_title, facet, results)


def dots(
    results: Results,
    y: str,
    *,
    x: str,
    colour: str | None = None,
    facet: str | None = None,
    y_title: str,
    x_title: str,
    log_x: bool = False,
    truth: float | None = None,
) -> Chart:
    """The mean over seeds of a number with its 95 % interval, for each value of `x`; truth: a dashed line.

    Numbers of `x` lie across, joined by a line. Names stand at the left, policies among them in the order of results;
    what is measured lies across then, with x_title below it.
    """
    rows: Rows = []
    keys = (x,) if colour is None else (x, colour)
    for facets, some in _panels(results, facet):
        for key, runs in some.by(*keys):
            mean, low, high = mean_interval(runs.column(y))
            rows.append(facets | {"x": _plain(key[0]), "name": str(key[-1]), "e": mean, "lo": low, "hi": high})
    named = any(isinstance(row["x"], str) for row in rows)
    draw = _named_dots if named else _numbered_dots
    looks = {} if colour is None else _series(_ordered(results, colour, y), colour)
    order = [_plain(value) for value in _ordered(results, x, y)] if x == "policy" else None
    at = sorted({row["x"] for row in rows}) if log_x and not named else None
    layers = draw(looks, x_title=x_title, values=at, order=order, names=_names(results, colour))
    if truth is not None:
        mark = alt.Chart(alt.NamedData("truth")).mark_rule(color=COLOURS["zero"], strokeDash=[5, 4], strokeWidth=1.5)
        layers.insert(0, mark.encode(**{"x" if named else "y": alt.X("e:Q") if named else alt.Y("e:Q")}))
    data = {"rows": rows, "truth": [{"e": truth}]}
    rows_high = len({row["x"] for row in rows}) * max(1, len(_names(results, colour)) if colour != x else 1)
    height = 40 + 22 * rows_high if named else 0
    widest = max(len(row["x"]) for row in rows) if named else 0
    return _spec(layers, data, y_title, facet, results, height=height, labels=widest)


def calibration(results: Results) -> Chart:
    """Claimed propensity against the share of draws, from the `calibration` of runs, with 95 % intervals.

    Runs of one seed share their draws: where there are several the intervals are too narrow, dots are off together.
    """
    rows: Rows = []
    bins = results.column("calibration").sum(axis=0).reshape(-1, 3)
    for count, claimed, drawn in bins[bins[:, 0] > 0].tolist():
        at, share = claimed / count, drawn / count
        low, high = wilson(share, count)
        rows.append({"panel": _CALIBRATION[0], "x": at, "e": share, "lo": low, "hi": high})
        off = {"e": share - at, "lo": low - at, "hi": high - at}
        rows.append({"panel": _CALIBRATION[1], "x": at} | {key: 100.0 * value for key, value in off.items()})
    ideal = [
        {"panel": panel, "x": end, "e": end * (panel == _CALIBRATION[0])} for panel in _CALIBRATION for end in (0, 1)
    ]
    base, line = alt.Chart(alt.NamedData("rows")), alt.Chart(alt.NamedData("ideal"))
    x_axis = _across("claimed probability", least=0.0, most=1.0)
    tone = COLOURS["policy"]
    layers = [
        line.mark_line(color=COLOURS["zero"], strokeDash=[5, 4], strokeWidth=1.5).encode(x=x_axis, y=_upright("e")),
        base.mark_rule(color=tone, strokeWidth=2).encode(x=x_axis, y=_upright("lo", zero=False), y2="hi:Q"),
        base.mark_point(color=tone, filled=True, size=45, opacity=1).encode(x=x_axis, y=_upright("e", zero=False)),
    ]
    return _spec(
        layers, {"rows": rows, "ideal": ideal}, "Drawn as often as claimed?", "panel", None, names=_CALIBRATION
    )


_CALIBRATION = ["Share of draws", "Share less claim, in percentage points"]
_BAND = alt.Legend(title=None, symbolType="square", symbolStrokeWidth=0, symbolOpacity=0.3)


def trajectories(
    results: Results,
    estimate: str,
    low: str,
    high: str,
    truth: str | float,
    *,
    x: str = "steps",
    facet: str | None = None,
    y_title: str,
    x_title: str = "visits",
) -> Chart:
    """An estimate along its way, its interval as a band, and the truth as a dashed line; of each facet the first run.

    All are names of curves; truth: or a number.
    """
    rows: Rows = []
    for facets, some in _panels(results, facet):
        row = some.rows[0]
        at = row[x]
        true = row[truth] if isinstance(truth, str) else [truth] * len(at)
        rows += [
            facets | {"x": a, "e": _finite(b), "lo": _finite(c), "hi": _finite(d), "truth": t}
            for a, b, c, d, t in zip(at, row[estimate], row[low], row[high], true, strict=True)
        ]
    base = alt.Chart(alt.NamedData("rows"))
    x_axis = _across(x_title, least=0.0)
    told = base.transform_filter("datum.lo !== null && datum.hi !== null")
    names = ["estimate", "95 % interval", "truth"]
    tone = COLOURS["policy"]
    tones = alt.Scale(domain=names[::2], range=[tone, COLOURS["off-policy"]])
    dashes = alt.Scale(domain=names[::2], range=[[1, 0], [5, 4]])
    band = alt.Fill(datum=names[1], scale=alt.Scale(domain=names[1:2], range=[tone]), legend=_BAND)

    def line(field: str, name: str) -> Any:
        stroke = alt.Stroke(datum=name, scale=tones, legend=alt.Legend(title=None))
        dash = alt.StrokeDash(datum=name, scale=dashes, legend=alt.Legend(title=None))
        told = base.transform_filter(f"datum.{field} !== null").mark_line(strokeWidth=2)
        return told.encode(x=x_axis, y=_upright(field, zero=False), stroke=stroke, strokeDash=dash)

    layers = [
        told.mark_area(fillOpacity=0.16).encode(x=x_axis, y=_upright("lo", zero=False), y2="hi:Q", fill=band),
        line("truth", names[2]),
        line("e", names[0]),
    ]
    return _spec(layers, {"rows": rows}, y_title, facet, results)


def cost(results: Results, y: str, *, x: str, colour: str, y_title: str, x_title: str) -> Chart:
    """The mean of a positive number against another, both on scales where each step is a factor: a power is a line."""
    rows: Rows = [
        {"x": float(at), "name": str(name), "e": float(runs.column(y).mean())}
        for (at, name), runs in results.by(x, colour)
    ]
    if any(row["x"] <= 0.0 or row["e"] <= 0.0 for row in rows):
        raise InvalidInput(f"{x} and {y} must be positive to stand on a logarithmic axis", field=y)
    base = alt.Chart(alt.NamedData("rows"))
    at = _across(x_title, log=True, values=sorted({row["x"] for row in rows}))
    axis = alt.Axis(title=None, labelExpr=NUMBERS, values=_powers([row["e"] for row in rows]))
    up = alt.Y("e:Q", scale=alt.Scale(type="log", nice=False), axis=axis)
    looks = _series(_ordered(results, colour, y), colour)
    layers = [
        base.mark_line(strokeWidth=2).encode(x=at, y=up, **looks),
        base.mark_point(filled=True, size=50, opacity=1).encode(x=at, y=up, color=looks["color"]),
    ]
    return _spec(layers, {"rows": rows}, y_title, None, results)


# Numbers


def mean_interval(values: Floats, alpha: float = 0.05) -> tuple[float, float, float]:
    """(n,) independent numbers: their mean and its interval by Student's t; no wider than the mean for one of them."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return mean, mean, mean
    half = float(stats.t.ppf(1.0 - alpha / 2.0, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def wilson(share: float, count: float, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of a probability, of which `share` of `count` draws is known (Wilson 1927)."""
    z = float(special.ndtri(1.0 - alpha / 2.0))
    middle = share + z * z / (2.0 * count)
    half = z * float(np.sqrt(share * (1.0 - share) / count + z * z / (4.0 * count * count)))
    return (middle - half) / (1.0 + z * z / count), (middle + half) / (1.0 + z * z / count)


def _aligned(runs: Results, x: str, y: str) -> tuple[Floats, Floats]:
    """(points,) where all curves are known, and (runs, points) what they are there."""
    if any(row[x] != runs.rows[0][x] for row in runs.rows) or any(len(row[y]) != len(row[x]) for row in runs.rows):
        raise InvalidInput(f"curves of {y} must have the same {x} in all seeds to be drawn as one", field=y)
    return np.array(runs.rows[0][x], dtype=np.float64), runs.column(y)


def _thinned(at: Floats, found: Floats) -> tuple[Floats, Floats]:
    """Fewer points: what one visit costs is so much chance that many are a thicket."""
    kept = slice((len(at) - 1) % max(1, len(at) // MOST_STEPS), None, max(1, len(at) // MOST_STEPS))
    return at[kept], found[:, kept]


def _panels(results: Results, facet: str | None) -> Iterable[tuple[dict[str, str], Results]]:
    if facet is None:
        return [({}, results)]
    return [({"panel": str(value)}, some) for (value,), some in results.by(facet)]


def _ordered(results: Results, name: str, y: str) -> list[Any]:
    """Values of a column: numbers by size, names by regret where it is known, else by the last of `y`."""
    values = results.values(name)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return sorted(values)
    if name != "policy":
        return values
    known, sign = ("regret", 1.0) if "regret" in results.rows[0] else (y, -1.0)
    # By rank within each world, or whatever else the runs differ in: a world of large rewards is not to decide alone.
    last = {value: [float(np.ravel(row[known])[-1]) for row in results.where(**{name: value}).rows] for value in values}
    ranks = {value: _rank(value, last, sign) for value in values}
    return sorted(values, key=lambda value: ranks[value])


def _rank(value: Any, last: Mapping[Any, Sequence[float]], sign: float) -> float:
    """Where it stands among others, on average over their runs one by one; by its mean where they have not as many."""
    mine = last[value]
    if any(len(other) != len(mine) for other in last.values()):
        return sign * float(np.mean(mine))
    return float(
        np.mean([sum(sign * other[at] < sign * own for other in last.values()) for at, own in enumerate(mine)])
    )


def _names(results: Results, column: str | None) -> list[str]:
    return [] if column is None else [str(value) for value in results.values(column)]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str | bool) or value is None else float(value)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _powers(values: Sequence[float]) -> list[float]:
    """Marks of a logarithmic axis: powers of ten, of a short one 2 and 5 times them too."""
    low, high = int(np.floor(np.log10(min(values)))), int(np.ceil(np.log10(max(values))))
    steps = (1,) if high - low > 3 else (1, 2, 5)
    return [step * 10.0**power for power in range(low, high + 1) for step in steps]


# Parts of charts


def _across(
    title: str, *, log: bool = False, values: Sequence[float] | None = None, room: int = 0, **ends: float
) -> alt.X:
    marks: dict[str, Any] = {} if values is None else {"values": list(values)}
    axis = alt.Axis(title=title, grid=False, labelExpr=NUMBERS, labelFlush=True, labelOverlap=True, **marks)
    names = {"least": "domainMin", "most": "domainMax"}
    domain: dict[str, Any] = {names[name]: end for name, end in ends.items()}
    scale = alt.Scale(type="log" if log else "linear", nice=False, zero=False, padding=room, **domain)
    return alt.X("x:Q", axis=axis, scale=scale)


def _upright(name: str = "lo", *, zero: bool = True) -> alt.Y:
    axis = alt.Axis(title=None, labelExpr=NUMBERS, tickCount=5)
    return alt.Y(f"{name}:Q", axis=axis, scale=alt.Scale(zero=zero, nice=5))


def _series(ordered: Sequence[Any], column: str) -> dict[str, Any]:
    """Colours by name, and dashes where there are more names than colours."""
    names = [str(name) for name in ordered]
    if len(names) > MOST:
        raise InvalidInput(f"{len(names)} values of {column} in one chart: {MOST} can be told apart", field="colour")
    turns = [divmod(at, len(PALETTE)) for at in range(len(names))]
    numbers = all(isinstance(value, int | float) for value in ordered)
    legend = alt.Legend(title=column if numbers else None)
    scale = alt.Scale(domain=names, range=[PALETTE[at] for _, at in turns])
    looks: dict[str, Any] = {"color": alt.Color("name:N", scale=scale, legend=legend)}
    if len(names) > len(PALETTE):
        dashes = alt.Scale(domain=names, range=[DASHES[turn] for turn, _ in turns])
        looks["strokeDash"] = alt.StrokeDash("name:N", scale=dashes, legend=legend)
    return looks


def _numbered_dots(looks: Mapping[str, Any], *, x_title: str, values: Any, **_: Any) -> list[Any]:
    base = alt.Chart(alt.NamedData("rows"))
    x = _across(x_title, log=values is not None, values=values, room=12)
    colour = {key: value for key, value in looks.items() if key == "color"}
    fixed: dict[str, Any] = {} if looks else {"color": COLOURS["policy"]}
    return [
        base.mark_line(strokeWidth=1.5, strokeOpacity=0.6, **fixed).encode(x=x, y=_upright("e", zero=False), **looks),
        base.mark_rule(strokeWidth=2.5, **fixed).encode(x=x, y=_upright("lo", zero=False), y2="hi:Q", **colour),
        base.mark_point(filled=True, size=60, opacity=1, **fixed).encode(x=x, y=_upright("e", zero=False), **colour),
    ]


def _named_dots(looks: Mapping[str, Any], *, x_title: str, order: Any, names: Any, **_: Any) -> list[Any]:
    base = alt.Chart(alt.NamedData("rows"))
    axis = alt.Axis(title=None, labelColor=COLOURS["ink"])
    y: dict[str, Any] = {"y": alt.Y("x:N", axis=axis, sort=order, scale=alt.Scale(padding=0.3))}
    if looks:
        y["yOffset"] = alt.YOffset("name:N", sort=list(names))
    across = alt.Axis(
        title=x_title or None, labelExpr=NUMBERS, labelFlush=True, labelOverlap=True, tickCount=5, grid=True
    )
    x = alt.X("lo:Q", axis=across, scale=alt.Scale(zero=False, padding=8))
    colour = {key: value for key, value in looks.items() if key == "color"}
    fixed: dict[str, Any] = {} if looks else {"color": COLOURS["policy"]}
    return [
        base.mark_rule(strokeWidth=2.5, **fixed).encode(x=x, x2="hi:Q", **y, **colour),
        base.mark_point(filled=True, size=60, opacity=1, **fixed).encode(x=alt.X("e:Q"), **y, **colour),
    ]


def _spec(
    layers: Sequence[Any],
    data: Mapping[str, Rows],
    title: str,
    facet: str | None,
    results: Results | None,
    *,
    height: int = 0,
    labels: int = 0,
    names: Sequence[str] = (),
) -> Chart:
    chart: Any = alt.layer(*layers)
    if height:
        chart = chart.properties(height=height)
    spec = chart.to_dict(validate=False)
    if facet is not None:
        panels = list(names) if results is None else _names(results, facet)
        spec = {"concat": [_panel(spec, panel) for panel in panels], "$schema": spec["$schema"]}
    return {**spec, "title": {"text": title}, "datasets": dict(data), "usermeta": {"labels": labels}}


def _panel(spec: Mapping[str, Any], panel: str) -> dict[str, Any]:
    """The same of one panel's rows; in place of a facet, whose panels cannot have axes of their own on a phone."""
    chosen = {"filter": {"field": "panel", "equal": panel}}
    layers = []
    for layer in spec["layer"]:
        own = {"data": spec.get("data"), **layer}
        if own["data"]["name"] != "truth":
            own["transform"] = [chosen, *layer.get("transform", [])]
        layers.append(own)
    size = {key: spec[key] for key in ("height",) if key in spec}
    return {"layer": layers, "title": {"text": panel, "fontWeight": "normal"}, **size}
