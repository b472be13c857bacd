"""Cost and knowledge by the share held out."""

from __future__ import annotations

import numpy as np

from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.bars import bar
from banditcore_simulations.lab.results import Results

COLUMNS = {
    "total": "conversions lost against the optimal policy",
    "cost": "of them in the holdout",
    "claims": "finds the lift",
    "when": "part of the visits until then",
    "width": "width of the interval of the log lift",
    "covered": "interval holds the lift at all looks",
}


def analyse(results: Results) -> Analysis:
    """All columns by share, and that more held out costs more and says more."""
    rows = [(float(share), *(_mean(group, name) for name in COLUMNS)) for (share,), group in results.by("held_out")]
    shown = Results([row for row in results.rows if row["width"] is not None])
    events, lift = results.rows[0]["events"], results.column("lift").mean()
    said = "; ".join(f"{row[0]:.0%} held out: {row[1]} lost, lift found in {row[3]} of the runs" for row in rows)
    return Analysis(
        summary=f"{events:,} visits and a lift of {lift:.0%} on average, the learning phase included. {said}.",
        pictures=[
            Picture(
                "cost",
                "Conversions lost against the optimal policy, of all customers, by the share held out: every customer "
                "held out goes without what was learned. 95 % intervals over seeds.",
                pictures.dots(results, "total", x="held_out", x_title="share held out", y_title="conversions lost"),
            ),
            Picture(
                "power",
                "Share of experiments in which reports claim the lift by the end, by the share held out: few customers "
                "held out say little. 95 % intervals over seeds.",
                pictures.dots(results, "claims", x="held_out", x_title="share held out", y_title="lift found"),
            ),
            Picture(
                "width",
                "Width of the interval of the log lift at the end, by the share held out, where enough convert.",
                pictures.dots(shown, "width", x="held_out", x_title="share held out", y_title="width"),
            ),
        ],
        tables=[Table("Holdout", ("share held out", *COLUMNS.values()), rows, "Means over seeds.")],
        checks=checks(results),
    )


def checks(results: Results) -> list[Check]:
    """The smallest against the largest holdout, seed by seed, and the error that is stated, .05 over all looks."""
    shares = results.values("held_out")
    least, most = results.where(held_out=min(shares)), results.where(held_out=max(shares))
    covered = results.column("covered")
    more = (most.column("total") > least.column("total")).astype(float)
    return [
        bar("interval holds the lift at all looks", covered, least=0.95, of=300),
        bar(f"{max(shares):.0%} held out loses more than {min(shares):.0%}, of the same visitors", more, least=0.95),
        bar(
            f"width at {max(shares):.0%} held out over that at 10 %",
            most.column("width") / results.where(held_out=0.1).column("width"),
            most=0.85,
        ),
    ]


def _mean(group: Results, name: str) -> float | str:
    found = group.column(name).mean()
    return round(float(found), 3) if np.isfinite(found) else "none shown"
