"""Bars for shares and means: as stated at full size, and as much wider as fewer runs scatter more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from banditcore.types import Floats
from banditcore_simulations.lab.analysis import Analysis, Check, Table
from banditcore_simulations.lab.checking import mean_and_error
from banditcore_simulations.lab.results import Results
from banditcore_simulations.lab.sweep import Point, Record


def bar(
    what: str,
    found: Floats,
    *,
    most: float = math.inf,
    least: float = -math.inf,
    strict: bool = False,
    runs: float = 1,
    of: int = 0,
    small: float | None = None,
    among: Floats | None = None,
) -> Check:
    """The mean of `found`, a number a seed, is at most `most` and at least `least`; strict: below and above them.

    of: the runs that bars of shares are meant for. A seed has `runs` of them; with fewer in sum the bar is wider by two
    standard errors of a share at the bar, and no wider than `small`. What a wrong alternative must not reach has no
    `of`: a bar that gives way to few runs cannot fail. among: (seeds,) of how many of its runs each number is a mean,
    where not of all; a bar that is of none does not hold.
    """
    fewer = runs * len(found) < of
    found, weights = counted(found, runs if among is None else among)
    if not len(found):
        return Check(what, "of no runs", "some runs", False)
    mean, total = float(np.average(found, weights=weights)), float(weights.sum())
    if fewer:
        most, least = _wider(most, 1.0, total, small), _wider(least, -1.0, total, small)
    holds = least < mean < most if strict else least <= mean <= most
    limits = [("below" if strict else "at most", most), ("above" if strict else "at least", least)]
    said = " and ".join(f"{word} {limit:.3g}" for word, limit in limits if math.isfinite(limit))
    return Check(what, _shown(found, weights), said, bool(holds))


def counted(found: Floats, runs: float | Floats) -> tuple[Floats, Floats]:
    """Numbers of the seeds that have any runs, and how many they have."""
    weights = np.broadcast_to(np.asarray(runs, dtype=np.float64), found.shape)
    return found[weights > 0], weights[weights > 0]


def _wider(limit: float, sign: float, total: float, small: float | None) -> float:
    """A limit from above (sign 1) or below (-1) for so few runs."""
    if not 0.0 < limit < 1.0:
        return limit
    room = 2.0 * math.sqrt(limit * (1.0 - limit) / total)
    return limit + sign * (room if small is None else min(room, abs(small - limit)))


def _shown(found: Floats, weights: Floats) -> str:
    mean, error = mean_and_error(found, weights)
    return f"{mean:.3g}" + ("" if math.isnan(error) else f" ± {error:.1g}")


@dataclass(frozen=True)
class Bar:
    """Of a number that is measured, as in `bar`; without a limit it is only told, in the table."""

    column: str
    what: str
    most: float = math.inf
    least: float = -math.inf
    strict: bool = False
    of: int = 0
    small: float | None = None
    """Of a bar with one limit."""
    among: str = ""
    """Column of the runs of a seed that the number is a mean of, where that is not all of them."""
    each: bool = False
    """Every seed is held to it, in place of their mean; of a bar with two ends the one that is farther off is shown."""


Bars = Mapping[str, Sequence[Bar]]
Kinds = Mapping[str, Callable[..., Record]]


def points(kind: str, cases: Mapping[str, Mapping[str, Any]], **shared: Any) -> list[Point]:
    """Of a kind of trial, each case with parameters of its own."""
    return [{"kind": kind, "case": case, **shared, **parameters} for case, parameters in cases.items()]


def measured(kinds: Kinds, point: Point, seed: int) -> Record:
    """What a kind of trial, kind(seed, **parameters), gives for a point of `points`."""
    return kinds[point["kind"]](seed, **{name: value for name, value in point.items() if name not in ("kind", "case")})


def judged(results: Results, bars: Bars, found: str, more: Sequence[Check] = ()) -> Analysis:
    """Every case held against the bars of its kind, `more` before them; found: what that shows, in plain words."""
    checks: list[Check] = list(more)
    rows: list[tuple[str | float, ...]] = []
    for (kind, case), group in results.by("kind", "case"):
        runs = group.rows[0].get("runs") or 1
        for one in bars[kind]:
            every, among = group.column(one.column), group.column(one.among) if one.among else None
            numbers, weights = counted(every, runs if among is None else among)
            what = f"{kind}{', ' if case else ''}{case}: {one.what}"
            if math.isfinite(one.most) or math.isfinite(one.least):
                limits: dict[str, Any] = {"most": one.most, "least": one.least, "strict": one.strict}
                limits |= {"of": one.of, "small": one.small}
                if one.each:
                    checks.append(bar(what, _worst(numbers, one), **limits))
                else:
                    checks.append(bar(what, every, runs=runs, among=among, **limits))
            mean = np.average(numbers, weights=weights) if len(numbers) else math.nan
            rows.append((kind, case, one.what, float(f"{mean:.4g}"), int(weights.sum())))
    failed = sum(not check.holds for check in checks)
    summary = f"{found} {len(checks) - failed} of {len(checks)} bars hold."
    return Analysis(summary, tables=[Table("Measured", ("trial", "case", "what", "mean", "runs"), rows)], checks=checks)


def _worst(numbers: Floats, one: Bar) -> Floats:
    """The seed that is farthest beyond the bar, or nearest to it."""
    beyond = np.maximum(numbers - one.most, one.least - numbers)
    return numbers[[int(beyond.argmax())]]
