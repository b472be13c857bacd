"""`evaluate`: what other policies would have earned on a log, or why the log cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from banditcore.checks import check_count
from banditcore.commands.evaluation_text import print_evaluation
from banditcore.commands.output import Json, print_json
from banditcore.commands.progress import progress_bar
from banditcore.errors import InvalidInput

Log = Annotated[str, typer.Argument(metavar="LOG", help="File of logged decisions; formats: docs/formats.md.")]
Format = Annotated[str | None, typer.Option(help="Format of LOG, where its name and content do not tell.")]
Lenient = Annotated[bool, typer.Option("--lenient", help="Skip bad rows and count them.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Of the format, see docs/formats.md.")
]
Alpha = Annotated[float, typer.Option(help="Intervals cover with 1 - alpha.")]
Jobs = Annotated[int, typer.Option(help="Processes; the result is the same.")]
Dask = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler to work on instead.")]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with pictures as well.")]


def evaluate(
    log: Log,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET",
            help="NAME[:PARAMETER=VALUE,..] of a policy, always:VARIANT, column:NAME, python:MODULE:FUNCTION, "
            "model:FILE.npz, model:DATA#EXPERIMENT or logged; may be repeated.",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="fitted|none|COLUMN", help="Expected rewards for DR: fitted on the rows before.")
    ] = "fitted",
    train: Annotated[
        float, typer.Option(help="First share of the log, on which policies that learn are trained.")
    ] = 0.5,
    reward_range: Annotated[
        str | None, typer.Option(metavar="LEAST,MOST", help="Rewards that are possible; else those in the log.")
    ] = None,
    bootstrap: Annotated[int, typer.Option(help="Repeats of a bootstrap by unit beside the interval.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    alpha: Alpha = 0.05,
    format: Format = None,
    lenient: Lenient = False,
    option: Options = None,
    jobs: Jobs = 1,
    dask: Dask = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """What would other policies have earned on this log? Without --policy: what could it answer at all?

    Exit 1 when the log refuses everything that was asked.
    """
    from banditcore.evaluation import evaluate as run

    check_count(jobs, "jobs", 1)
    check_html(html)
    found = open_log_file(log, format, lenient, option)
    with progress_bar("rows" if jobs == 1 and dask is None else "targets") as progress:
        evaluation = run(
            found,
            policy or (),
            model=model,
            train=train,
            alpha=alpha,
            reward_range=None if reward_range is None else pair(reward_range, "reward-range"),
            bootstrap=bootstrap,
            seed=seed,
            jobs=jobs,
            dask=dask,
            progress=progress,
        )
    if html is not None:
        evaluation.to_html(html)
    if as_json:
        print_json(evaluation)
    else:
        print_evaluation(evaluation)
    refused = [report.status == "refused" for report in evaluation.targets] or [evaluation.health.status == "refused"]
    if all(refused):
        raise typer.Exit(1)


def check_html(file: Path | None) -> None:
    """Before the work, which may take long: raises InvalidInput where the page has no place."""
    from banditcore.formats.replacing import check_writable

    if file is not None:
        check_writable(file)


def open_log_file(path: str, format: str | None, lenient: bool, options: list[str] | None) -> Any:
    """The log of a file. Raises InvalidInput."""
    from banditcore.formats import read_log

    return read_log(path, format=format, lenient=lenient, **dict(map(_option, options or ())))


def _option(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign:
        raise InvalidInput(f"--option {text}: write KEY=VALUE", field="option")
    try:
        return key.replace("-", "_"), json.loads(value)
    except ValueError:
        return key.replace("-", "_"), value


def pair(text: str, name: str) -> tuple[float, float]:
    """Two numbers with a comma between, the first the smaller. Raises InvalidInput."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"--{name} must be two numbers such as 0,1, found {text!r}", field=name) from None
    if not low < high:
        raise InvalidInput(f"--{name} must rise, found {text!r}", field=name)
    return low, high
