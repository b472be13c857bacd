"""`replay`: what policies that learn along the way would have earned on a log, or whether a log can be made again."""

from __future__ import annotations

from typing import Annotated

import typer

from banditcore.checks import check_count
from banditcore.commands.evaluating import (
    Alpha,
    Dask,
    Format,
    Html,
    Jobs,
    Lenient,
    Log,
    Options,
    check_html,
    open_log_file,
)
from banditcore.commands.evaluation_text import print_replay
from banditcore.commands.output import Json, print_json
from banditcore.commands.progress import progress_bar
from banditcore.errors import InvalidInput

LOGGED = "logged"


def replay(
    log: Log,
    policy: Annotated[
        list[str],
        typer.Option(
            metavar="NAME[:PARAMETER=VALUE,..]",
            help="A policy that starts from nothing and learns from the rows it accepts; may be repeated. `logged`, "
            "alone: make every decision of a log of `banditcore export` again and compare.",
        ),
    ],
    method: Annotated[
        str, typer.Option(help="match (uniform logs), rejection, dr_ns, or auto: match where it may be used.")
    ] = "auto",
    repeats: Annotated[int, typer.Option(help="Repeats; the spread between them is what one may be off by.")] = 20,
    bound: Annotated[
        float | None, typer.Option(help="M of the rejection: the largest ratio of probabilities there can be.")
    ] = None,
    shuffle: Annotated[
        bool | None,
        typer.Option("--shuffle/--keep-order", help="Order of rows in a repeat; by default shuffled on uniform logs."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of orders and draws.")] = 0,
    alpha: Alpha = 0.05,
    format: Format = None,
    lenient: Lenient = False,
    option: Options = None,
    jobs: Jobs = 1,
    dask: Dask = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """What would policies have earned that start from nothing and learn along the way?

    Exit 1 when the log refuses every policy, or when a decision cannot be made again.
    """
    from banditcore_simulations.replay import replay as run

    check_count(jobs, "jobs", 1)
    if LOGGED in policy:
        _again(log, policy, as_json)
        return
    check_html(html)
    found = open_log_file(log, format, lenient, option)
    with progress_bar("repeats") as progress:
        result = run(
            found,
            policy,
            method=method,
            repeats=repeats,
            bound=bound,
            shuffle=shuffle,
            seed=seed,
            alpha=alpha,
            jobs=jobs,
            dask=dask,
            progress=progress,
        )
    if html is not None:
        result.to_html(html)
    if as_json:
        print_json(result)
    else:
        print_replay(result)
    if all(report.status == "refused" for report in result.policies):
        raise typer.Exit(1)


def _again(log: str, policies: list[str], as_json: bool) -> None:
    """The server's own decisions, by its own policy, from the file alone."""
    from banditcore.exported import recompute_log

    if len(policies) > 1:
        raise InvalidInput("--policy logged stands alone: it compares, and estimates nothing", field="policy")
    with progress_bar("decisions") as progress:
        found = recompute_log(log, progress)
    passed = found.equal == found.decisions
    if as_json:
        print_json({"passed": passed, **{name: getattr(found, name) for name in found.__slots__}})
    else:
        print(
            f"{'passed' if passed else 'FAILED'}: {found.equal:,} of {found.decisions:,} decisions made again equal, "
            f"{found.identical:,} to the last bit (resolutions folded: {found.resolutions:,})"
            + (f"; first: {found.first_difference}" if found.first_difference else "")
        )
    if not passed:
        raise typer.Exit(1)
