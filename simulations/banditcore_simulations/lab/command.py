"""`simulate`: runs experiments, says what came of them, and fails where something that must hold does not."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from banditcore.checks import check_count
from banditcore.commands.evaluating import Dask
from banditcore.commands.output import Json, plain, print_json, print_table, say
from banditcore.commands.progress import progress_bar
from banditcore.errors import InvalidInput
from banditcore_simulations.lab.analysis import Analysis, Table
from banditcore_simulations.lab.experiments import EXTRA, Experiment, Measure, experiment_names, find
from banditcore_simulations.lab.sweep import Sweep

OUT = Path("banditcore-simulations")


def simulate(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|FOLDER]...", help="Experiments of --list, or folders of your own."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Print the experiments there are, and run none.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
    small: Annotated[bool, typer.Option("--small", help="The small size, which takes seconds.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every point, in place of the experiment's.")] = None,
    events: Annotated[int | None, typer.Option(help="Visits of every task, where the experiment has such.")] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:PARAMETER=VALUE,..]", help="Instead of the experiment's; may be repeated."),
    ] = None,
    world: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:PARAMETER=VALUE,..]", help="Instead of the experiment's; may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Processes; by default one for each CPU. The result is the same.")
    ] = None,
    dask: Dask = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what a run left that was cut off.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw that away and start over.")] = False,
    out: Annotated[Path, typer.Option(help="Folder; each experiment gets one of its own in it.")] = OUT,
    as_json: Json = False,
) -> None:
    """Run experiments: worlds x policies x seeds, pictures, and checks of what must hold.

    Writes results.parquet, the same byte for byte whatever --jobs, and report.html. Exit 1 where a check fails.
    """
    from banditcore_simulations.lab.overriding import overridden
    from banditcore_simulations.lab.running import How

    if list_:
        _print_list(as_json)
        return
    jobs = _cpus() if jobs is None else check_count(jobs, "jobs", 1)
    chosen = _chosen(experiments or [], all_)
    _check_extra()
    sweeps = [
        overridden(
            experiment.sweep(small=small),
            seeds=seeds,
            policy=policy or (),
            world=world or (),
            events=() if events is None else (check_count(events, "events", 1),),
        )
        for experiment in chosen
    ]
    for experiment in chosen:
        experiment.check()
    found = []
    for experiment, sweep in zip(chosen, sweeps, strict=True):
        folder = out / (f"{experiment.name}-small" if small else experiment.name)
        with progress_bar("tasks") as progress:
            how = How(jobs, dask, resume, fresh, progress)
            analysis = _run(experiment, sweep, small, folder, how)
        found.append({"experiment": experiment.name, "folder": str(folder), **_without_charts(analysis)})
        if not as_json:
            _print(experiment, sweep, analysis, folder)
    if as_json:
        print_json(found)
    if not all(check["holds"] for each in found for check in each["checks"]):
        raise typer.Exit(1)


def _run(experiment: Experiment, sweep: Sweep, small: bool, folder: Path, how: Any) -> Analysis:
    """Runs, analyses, and writes the report."""
    from banditcore_simulations.lab.configuration import configuration
    from banditcore_simulations.lab.running import run_tasks

    about = configuration(experiment.name, sweep, experiment.folder)
    try:
        results = run_tasks(sweep, Measure(experiment.reference, small), about, folder, how)
    except KeyboardInterrupt:
        print(f"banditcore: interrupted; what is done is kept in {folder}: go on with --resume", file=sys.stderr)
        raise typer.Exit(130) from None
    analysis = experiment.analyse(results)
    _report(experiment, analysis, folder, about)
    return analysis


def _report(experiment: Experiment, analysis: Analysis, folder: Path, about: Mapping[str, Any]) -> None:
    from banditcore_simulations.lab.report import write

    try:
        write(folder, experiment.name, experiment.description, analysis, about)
    except OSError as error:
        said = f"cannot write the report to {folder}: {error.strerror or error}; the results are kept"
        raise InvalidInput(said, field="out") from None


def _cpus() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen(references: list[str], every: bool) -> list[Experiment]:
    if every == bool(references):
        known = ", ".join(experiment_names()) or "none"
        raise InvalidInput(f"name experiments, or --all of them alone: there is {known}", field="experiment")
    chosen = [find(reference) for reference in (experiment_names() if every else dict.fromkeys(references))]
    names = [experiment.name for experiment in chosen]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidInput(f"{twice.pop()} is named twice: their results would go to one folder", field="experiment")
    return chosen


def _check_extra() -> None:
    """Before anything runs, and without the seconds that importing them takes."""
    for module in EXTRA:
        if find_spec(module) is None:
            raise InvalidInput(f'simulations need {module}: pip install "banditcore[offline]"', field="experiment")


def _print_list(as_json: bool) -> None:
    found: list[dict[str, Any]] = [
        {"experiment": name, "description": experiment.description, "tasks": _tasks(experiment.sweep())}
        for name in experiment_names()
        for experiment in [find(name)]
    ]
    if as_json:
        print_json(found)
        return
    for each in found:
        say(f"{each['experiment']} ({each['tasks']:,} tasks)")
        say(each["description"], indent=4)


def _tasks(sweep: Sweep) -> int:
    return len(sweep.points) * sweep.seeds


def _without_charts(analysis: Analysis) -> dict[str, Any]:
    """What goes into JSON: pictures by their files."""
    found: dict[str, Any] = plain(analysis)
    found["pictures"] = [{"name": picture.name, "caption": picture.caption} for picture in analysis.pictures]
    return found


def _print(experiment: Experiment, sweep: Sweep, analysis: Analysis, folder: Path) -> None:
    say(f"{experiment.name}: {experiment.description}")
    for paragraph in analysis.summary.split("\n\n"):
        print()
        say(paragraph)
    print()
    for table in analysis.tables:
        _print_table(table)
    if analysis.checks:
        rows = [(check.what, check.measured, check.bar, "yes" if check.holds else "NO") for check in analysis.checks]
        print_table("What must hold", ("what", "measured", "bar", "holds"), rows)
    print(f"{_tasks(sweep):,} tasks; the results are in {folder}")  # in one line, so that the path can be taken


def _print_table(table: Table) -> None:
    rows = [tuple(value if isinstance(value, str) else f"{value:,.6g}" for value in row) for row in table.rows]
    print_table(table.title, table.columns, rows)
    if table.caption:
        say(table.caption)
    print()
