"""`report`: the lift of one experiment, for a terminal or as JSON."""

from __future__ import annotations

from typing import Annotated

import typer

from banditcore.client import Client
from banditcore.commands.output import LOCAL, Json, Server, print_json, print_table
from banditcore.types import GoalReport, Lift, Report


def report(
    name: Annotated[str, typer.Argument(help="Name of the experiment.")],
    server: Server = LOCAL,
    as_json: Json = False,
) -> None:
    """Show the lift of POLICY over HOLDOUT, valid however often you look, and the traffic per variant."""
    with Client(server) as client:
        found = client.report(name)
    if as_json:
        print_json(found)
    else:
        show(found)


def show(found: Report) -> None:
    """Prints a report as two tables."""
    print_table(
        f"{found.experiment} version {found.version}, {found.status}: {found.decisions} decisions",
        ("goal", "group", "units", "matured", "mean", "relative lift", "interval", "e-value"),
        [row for goal in found.goals for row in _rows(goal)],
        caption=_caption(found),
    )
    print_table(
        "Traffic of the policy",
        ("variant", "decisions", "share", "raw mean"),
        [
            (
                f"{item.variant}{' (control)' if item.control else ''}{'' if item.active else ' (removed)'}",
                str(item.decisions),
                f"{item.share:.1%}",
                _number(item.raw_mean),
            )
            for item in found.variants
        ],
        caption="Raw means are what the policy chose to see of each variant: biased by its choices, no effect of it.",
    )


def _rows(goal: GoalReport) -> list[tuple[str, ...]]:
    name = f"{goal.goal}{' (learned)' if goal.learned else ''}"
    if goal.lift is None:
        lift = (goal.status, "", "")
    else:
        lift = (f"{goal.lift.estimate:+.1%}", interval(goal.lift), f"{goal.lift.e_value:.3g}")
    return [
        (name, "POLICY", str(goal.policy.units), str(goal.policy.matured_units), _number(goal.policy.mean), *lift),
        (
            "",
            "HOLDOUT",
            str(goal.holdout.units),
            str(goal.holdout.matured_units),
            _number(goal.holdout.mean),
            "",
            "",
            "",
        ),
    ]


def interval(lift: Lift) -> str:
    """Both ends of the interval as relative lift."""
    return f"{lift.low:+.1%} .. {lift.high:+.1%}"


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.4g}"


def _caption(found: Report) -> str:
    alphas = {goal.lift.alpha for goal in found.goals if goal.lift}
    level = f"{1 - alphas.pop():.0%} confidence sequence: valid at every look. " if alphas else ""
    missing = "".join(f"{goal.goal} is collecting: {goal.note}. " for goal in found.goals if goal.note)
    return (
        f"{missing}{level}Units count once their window has closed. Holdout {found.holdout_share:g} of all units; "
        f"model at position {found.model_position}."
    )
