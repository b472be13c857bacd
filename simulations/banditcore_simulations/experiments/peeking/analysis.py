"""How often each rule is wrong, what it finds, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from banditcore_simulations.experiments.peeking.sweep import RULES
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.bars import bar
from banditcore_simulations.lab.results import Results

RUNS = 3_000
"""That bars are meant for: .05 and two standard errors is .058."""
MOST = {"planned and open": (0.058, 0.075), "open": (0.04, 0.05), "one look": (0.058, 0.08)}
"""And with fewer runs."""
NAMES = {"planned and open": "rule of reports"}


def analyse(results: Results) -> Analysis:
    """Errors without a lift, power and time with one."""
    without, with_lift = (
        Results([row for row in results.rows if bool(row["lift"]) == is_one]) for is_one in (False, True)
    )
    wrong = {rule: without.column(f"claims, {rule}").mean() for rule in RULES}
    found = {rule: with_lift.column(f"by the horizon, {rule}").mean() for rule in RULES}
    summary = "; ".join(
        f"{NAMES.get(rule, rule)}: wrong in {wrong[rule]:.1%} of the experiments without a lift, finds "
        f"{found[rule]:.0%} of the lifts planned for by the planned horizon"
        for rule in RULES
    )
    return Analysis(
        summary=f"{summary}. Over 400 looks, means of the cases.",
        pictures=[
            Picture(
                "trajectories",
                "One experiment of each case as it is looked at: the estimated lift with the interval of reports "
                "(shaded), which may be looked at at any time, and a plain 95 % interval (dotted), which may not; "
                "the truth is dashed. Where the dotted lines leave the zero line behind without a "
                "lift, who peeks is fooled.",
                trajectories(results),
            ),
            Picture(
                "claims",
                "Share of experiments in which a rule ever claims a lift, without one (should be at most 5 %, dashed) "
                "and with the one planned for. 95 % intervals over seeds.",
                claims(results),
            ),
        ],
        tables=[table(results)],
        checks=checks(without, with_lift),
    )


def parted(results: Results) -> tuple[Results, Results]:
    """Without a lift, with one."""
    without, with_lift = (Results([row for row in results.rows if bool(row["lift"]) == one]) for one in (False, True))
    return without, with_lift


def case(point: Mapping[str, Any]) -> str:
    """In words."""
    return f"conversion {point['rate']:.0%}, holdout {point['held_out']:.0%}, target {point['target']:.0%}"


def checks(without: Results, with_lift: Results) -> list[Check]:
    """Stated at 3,000 runs a case; the false alarm is 1e-3, as the rule spends less than its .05."""
    made = []
    for _, group in without.by("rate", "held_out", "target"):
        name, runs = case(group.rows[0]), group.rows[0]["runs"]
        for rule, (most, small) in MOST.items():
            share = group.column(f"claims, {rule}")
            what = f"A/A, {name}: {NAMES.get(rule, rule)} claims"
            made.append(bar(what, share, most=most, runs=runs, of=RUNS, small=small))
        fooled = 0.25 if group.rows[0]["target"] == 0.1 else 0.2
        made.append(bar(f"A/A, {name}: peeked claims, and fails", group.column("claims, peeked"), least=fooled))
    for _, group in with_lift.by("rate", "held_out", "target"):
        name, runs = case(group.rows[0]), group.rows[0]["runs"]
        power = group.column("by the horizon, planned and open")
        made.append(bar(f"A/B, {name}: lift found by the horizon", power, least=0.7, runs=runs, of=RUNS))
        held = group.column("covered")
        made.append(bar(f"A/B, {name}: interval holds the lift at all looks", held, least=0.942, runs=runs, of=RUNS))
    differing = Results([*without.rows, *with_lift.rows]).column("differing")
    made.append(bar("looks at which the real rule says something else", differing, most=0))
    return made


def table(results: Results) -> Table:
    """A line a case and rule."""
    rows: list[tuple[str | float, ...]] = []
    for _, group in results.by("rate", "held_out", "target"):
        none, some = parted(group)
        for rule in RULES:
            numbers = (
                none.column(f"claims, {rule}"),
                some.column(f"by the horizon, {rule}"),
                some.column(f"claims, {rule}"),
                some.column(f"time, {rule}"),
            )
            rows.append(
                (case(group.rows[0]), NAMES.get(rule, rule), *(round(float(each.mean()), 3) for each in numbers))
            )
    columns = ("case", "rule", "claims without a lift", "finds by the horizon", "finds by 1.5 of it", "mean time")
    caption = (
        "Time until a claim with the lift planned for, in parts of the planned horizon, 1.5 where there is none. What "
        "peeking finds sooner it pays for with its false claims."
    )
    return Table("Rules", columns, rows, caption)


LABELS: Mapping[str, Any] = {"title": None, "header": {"labelOrient": "top", "labelAnchor": "start", "labelLimit": 400}}
"""Of facets: above, so that they can be long."""


def trajectories(results: Results) -> Mapping[str, Any]:
    """Of the first seed."""
    import altair as alt

    names = ("part", "estimate", "low", "high", "naive_low", "naive_high")
    rows = [
        dict(zip(names, values, strict=True)) | {"case": case(row), "truth": row["lift"], "shown": truth_of(row)}
        for row in results.where(seed=0).rows
        for values in zip(*(row[name] for name in names), strict=True)
        if values[1] == values[1] and values[3] < 1.0
    ]
    data: Any = {"values": rows}
    base = alt.Chart(data).encode(x=alt.X("part:Q", title="part of the planned horizon"))
    dotted = [
        base.mark_line(strokeDash=[2, 2], color="#b5482f", strokeWidth=1).encode(y=f"{name}:Q")
        for name in ("naive_low", "naive_high")
    ]
    chart = alt.layer(
        base.mark_area(opacity=0.25).encode(y=alt.Y("low:Q", title="lift", axis=alt.Axis(format="%")), y2="high:Q"),
        *dotted,
        base.mark_line().encode(y="estimate:Q"),
        base.mark_line(strokeDash=[6, 4], color="black").encode(y="truth:Q"),
    ).properties(width=260, height=170)
    return dict(chart.facet(row=alt.Row("case:N", **LABELS), column=alt.Column("shown:N", title=None)).to_dict())


def truth_of(row: Mapping[str, Any]) -> str:
    """In words."""
    return "with the lift planned for" if row["lift"] else "without a lift"


def claims(results: Results) -> Mapping[str, Any]:
    """By rule, case and truth."""
    import altair as alt

    rows = [
        {"rule": NAMES.get(rule, rule), "share": row[f"claims, {rule}"], "case": case(row), "truth": truth_of(row)}
        for row in results.rows
        for rule in RULES
    ]
    base = alt.Chart().encode(y=alt.Y("rule:N", title=None))
    share = alt.X(
        "mean(share):Q", title="share that claims a lift", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
    )
    layers = (
        base.mark_bar(opacity=0.7).encode(x=share),
        base.mark_errorbar(extent="ci").encode(x=alt.X("share:Q", title="")),
        alt.Chart().mark_rule(strokeDash=[6, 4]).encode(x=alt.datum(0.05)),
    )
    data: Any = {"values": rows}
    chart = alt.layer(*layers, data=data).properties(width=260, height=90)
    return dict(chart.facet(row=alt.Row("case:N", **LABELS), column=alt.Column("truth:N", title=None)).to_dict())
