"""Whether what is shown holds, and what cannot be shown is refused."""

from __future__ import annotations

from banditcore_simulations.lab.analysis import Analysis, Picture
from banditcore_simulations.lab.bars import Bar, Bars, judged
from banditcore_simulations.lab.pictures import dots
from banditcore_simulations.lab.results import Results

LOGS, MANY = 400, 1_000
"""That bars are meant for."""
HELD = Bar("held", "95 % intervals that hold where green", least=0.92, of=LOGS, small=0.84, among="greens")
REFUSED = Bar("refused", "refused", most=0.01, of=LOGS)
ALWAYS = Bar("always", "anytime intervals that hold where shown", least=0.93, of=MANY, small=0.9, among="shown")
BARS: Bars = {
    "customers who keep an arm": [
        HELD,
        Bar("always", "anytime intervals that hold where shown", least=0.95, of=LOGS, small=0.87, among="shown"),
        REFUSED,
        Bar("by row", "95 % intervals that would hold with rows as units, and fails", most=0.8, strict=True),
        Bar("by row, refused", "refused with rows as units", least=0.3, strict=True),
    ],
    "policy that learned": [
        HELD,
        REFUSED,
        Bar("by shares, refused", "refused with the shares of arms as propensities"),
        Bar("by shares", "95 % intervals of SNIPS that would hold by them, and fails", most=0.8, strict=True),
    ],
    "few rewards": [
        Bar("refused", "refused", least=0.9),
        Bar("all", "95 % intervals that would hold if they were shown, and fails", most=0.87, strict=True),
    ],
    # Amber: never with a normal interval, of 1,000.
    "hardly enough rewards": [Bar("green", "green", most=0.0), ALWAYS],
    "enough rewards": [
        Bar("held", "95 % intervals that hold where green", least=0.92, of=MANY, small=0.84, among="greens"),
        ALWAYS,
        Bar("green", "green"),
    ],
}


def analyse(results: Results) -> Analysis:
    """All bars."""
    back, learned = results.where(kind="customers who keep an arm"), results.where(kind="policy that learned")
    few = results.where(kind="few rewards")
    summary = (
        f"Of customers who come back {back.column('held').mean():.0%} of the 95 % intervals shown hold the truth; "
        f"{back.column('by row').mean():.0%} would if each row were a customer. On the log of a policy that learned "
        f"{learned.column('held').mean():.0%} hold, and {learned.column('by shares').mean():.0%} of those that take "
        f"the shares of arms for propensities. {few.column('refused').mean():.0%} of the logs with few rewards are "
        f"refused; of their intervals {few.column('all').mean():.0%} would hold."
    )
    found = judged(results, BARS, summary)
    picture = Picture(
        "coverage",
        "Share of 95 % intervals that hold the truth where they are shown, and where the same log is read wrongly or "
        "its refusal not heeded; dashed 95 %. Means over seeds with 95 % intervals.",
        dots(
            coverage(results),
            "held",
            x="log",
            colour="interval",
            y_title="95 % intervals that hold the truth",
            x_title="share of logs",
            truth=0.95,
        ),
    )
    return Analysis(found.summary, [picture], found.tables, found.checks)


WRONG = {"customers who keep an arm": "by row", "policy that learned": "by shares", "few rewards": "all"}
"""Where a kind's wrong reading is."""


def coverage(results: Results) -> Results:
    """A row a kind, a reading and a seed."""
    rows = []
    for row in results.rows:
        if row["greens"] and row["kind"] != "few rewards":
            rows.append({"log": row["kind"], "interval": "as shown", "held": row["held"]})
        if row["kind"] in WRONG:
            rows.append({"log": row["kind"], "interval": "wrong", "held": row[WRONG[row["kind"]]]})
    return Results(rows)
