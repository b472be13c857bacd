"""`report`: what one experiment has shown, for a terminal, as JSON or as a page."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from banditcore.client import Client
from banditcore.commands.output import LOCAL, WIDTH, Json, Server, print_json, print_table, say
from banditcore.commands.report_goals import show_goal
from banditcore.commands.words import (
    RESUMING_PAUSED,
    between,
    day,
    frozen,
    number,
    relative,
    sentence,
    share,
    together,
    when,
)
from banditcore.errors import InvalidInput
from banditcore.findings import Report, VariantReport

Writer = Callable[..., str]


def report(
    name: Annotated[str, typer.Argument(help="Name of the experiment.")],
    server: Server = LOCAL,
    as_json: Json = False,
    html: Annotated[
        Path | None, typer.Option(help="Write the report as one page of HTML to this file.", metavar="FILE")
    ] = None,
) -> None:
    """Show what an experiment has shown: checks first, then the lift of each goal, valid however often you look."""
    writer = page_writer() if html else None
    with Client(server) as client:
        found = client.report(name)
    if html and writer:
        write_page(writer, found, html)
    if as_json:
        print_json(found)
    elif html:
        say(f"Wrote the report on {name} to {html}.")
    else:
        show(found)


def page_writer() -> Writer:
    """What writes a report as a page; it is in a package above this one. Raises InvalidInput when it is not there."""
    found = next(iter(entry_points(group="banditcore.report_writers", name="html")), None)
    try:
        if found is None:
            raise ImportError("no report writer is installed")
        writer: Writer = found.load()
    except ImportError as error:
        raise InvalidInput(
            f"--html needs the dashboard ({error}): pip install 'banditcore[dashboard]'", field="html"
        ) from None
    return writer


def write_page(writer: Writer, found: Report, file: Path) -> None:
    """Writes the page over what is there. Raises InvalidInput when the file cannot be written."""
    page = writer(found, health=None)
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write {file}: {error.strerror or error}", field="html") from None


def show(found: Report) -> None:
    """Prints a report: what must be known before any number, the goals, and what explains them."""
    _show_checks(found)
    _show_head(found)
    for goal in found.goals:
        print()
        show_goal(goal, found)
    print()
    _show_variants(found)
    _show_rest(found)


def _show_checks(found: Report) -> None:
    if found.status == "frozen":
        say(frozen(found.experiment), alarm=True)
    if found.status == "paused" and any(alarm.kind == "harm" for alarm in found.alarms):
        say(RESUMING_PAUSED, alarm=True)
    trouble = [check for check in found.checks if check.level != "ok"]
    for check in sorted(trouble, key=lambda check: check.level != "alarm"):
        blanks = " No lift is shown because of it." if check.blanks else ""
        say(f"{check.level.upper()} {check.name}: {sentence(check.message)}{blanks}", alarm=check.level == "alarm")
    for alarm in found.alarms:
        say(f"ALARM of {when(alarm.time_us)}, {alarm.kind}, {alarm.subject}: {sentence(alarm.message)}", alarm=True)
    passed = [check.name for check in found.checks if check.level == "ok"]
    if passed:
        say(f"Checks that passed: {together(passed)}.")


def _show_head(found: Report) -> None:
    behind = f" {found.behind:,} of them could not be counted yet." if found.behind else ""
    say(
        f"{found.experiment} version {found.version}, {found.status}: {found.decisions:,} decisions by "
        f"{when(found.time_us)}.{behind} {share(found.holdout_share)} of all units are held out; the target is a lift "
        f"of {relative(found.target_lift)}; the model is at position {found.model_position:,}. Units count once their "
        f"window has closed."
    )


def _show_variants(found: Report) -> None:
    learned = next((goal for goal in found.goals if goal.learned), None)
    if learned and learned.status == "blanked":
        rows = [(_named(item), f"{item.decisions:,}", share(item.share)) for item in found.variants]
        print_table("Variants of the policy", ("variant", "decisions", "share"), rows, width=WIDTH)
        return
    print_table(
        "Variants of the policy",
        ("variant", "decisions", "share", "if always shown", "interval", "P(best)", "raw mean"),
        [_variant_row(item) for item in found.variants],
        caption=(
            f'"If always shown" is the mean {learned.goal if learned else "outcome"} a decision had everybody got the '
            "variant, with a 95% interval that is valid at every look. A raw mean is what the policy chose to see of a "
            "variant: biased by its choices, no effect of it."
        ),
        width=WIDTH,
    )
    for item in found.variants:
        if item.value_reason:
            say(f"No value for {item.variant}: {sentence(item.value_reason)}")


def _variant_row(item: VariantReport) -> tuple[str, ...]:
    return (
        _named(item),
        f"{item.decisions:,}",
        share(item.share),
        number(item.value),
        between(item.value_low, item.value_high),
        share(item.probability_best),
        number(item.raw_mean),
    )


def _named(item: VariantReport) -> str:
    return f"{item.variant}{' (control)' if item.control else ''}{'' if item.active else ' (removed)'}"


def _show_rest(found: Report) -> None:
    if len(found.epochs) > 1:
        steps = [f"{share(epoch.holdout)} from {day(epoch.start_us)}" for epoch in found.epochs]
        say(f"The holdout has moved: {together(steps)}. Estimates compare like with like within each of these times.")
    say(f"Ship to everybody: {'yes' if found.advice.ship else 'no'}. {sentence(found.advice.message)}")
    say(f"Planning: {sentence(found.power.message) if found.power else _UNPLANNED}")
    for caveat in found.caveats:
        say(f"Caveat: {sentence(caveat)}")


_UNPLANNED = (
    "to learn what the holdout can show, let the definition say what is expected: units_per_day, duration, and of the "
    "primary goal its baseline, and its spread unless it is binary."
)
