"""`export`: the log of an experiment as a file, and the model in force, also while its server runs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from banditcore.commands.output import Json, print_json
from banditcore.commands.progress import Progress, progress_bar
from banditcore.errors import InvalidInput
from banditcore.storage.opening import open_log

if TYPE_CHECKING:
    from banditcore.exporting import Export, Exported


def export(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of the experiment.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its suffix says the format, .parquet.")],
    data: Annotated[str, typer.Option(metavar="DIR|URL", help="Where the server keeps its data.")] = "banditcore-data",
    goal: Annotated[str, typer.Option(help="Goal whose outcome is the reward; by default the learned one.")] = "",
    stream: Annotated[int, typer.Option(help="Number of the stream; by default the newest.")] = 0,
    model: Annotated[Path | None, typer.Option(metavar="FILE", help="Also save the model in force, as .npz.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write an experiment's decisions with what each has earned, for `evaluate` and `replay`; all of it or nothing.

    Decisions whose window is open have no reward yet: an evaluation leaves them out. Parquet can be recomputed from the
    file alone; other formats hold what an evaluation reads.
    """
    # What reads and writes files of logs takes a while to import, and other commands do without.
    from banditcore.exporting import export as of
    from banditcore.exporting import save_model

    for file in (out, model):
        if file is not None and file.exists() and not force:
            raise InvalidInput(f"{file} is there already: choose another name, or say --force to replace it")
    with closing(open_log(data)) as log, progress_bar("decisions") as progress:
        # Before the view begins: a reward that came after it must not look as if it had not come in time.
        now_us = log.now_us()
        with log.read() as reader:
            exported = of(reader, experiment, goal or None, stream=stream or None, now_us=now_us)
            found = _written(exported, out, progress)
            facts = None if model is None else save_model(reader, experiment, model)
    if as_json:
        says: dict[str, Any] = {"file": str(out), **asdict(found)}
        print_json(says | ({} if facts is None else {"model": {"file": str(model), **asdict(facts)}}))
        return
    print(sentence(out, found))
    if facts is not None:
        print(f"{model}: the model of {experiment} at {facts.position}, digest {facts.digest[:16]}")


def _written(exported: Export, out: Path, progress: Progress) -> Exported:
    """As Parquet, or from there in the format that the suffix says."""
    from banditcore.exporting import write_export
    from banditcore.formats import parquet
    from banditcore.formats.replacing import replacing

    if out.suffix.lower() in parquet.SUFFIXES:
        return write_export(exported, out, progress)
    write_log = _registry(out)
    with replacing(out) as partial:
        between = partial.with_suffix(".parquet")
        try:
            found = write_export(exported, between, progress)
            write_log(parquet.read(between), partial)
        finally:
            between.unlink(missing_ok=True)
    return found


def _registry(out: Path) -> Any:
    from banditcore import formats

    if not hasattr(formats, "write_log"):
        raise InvalidInput(f"{out}: name a file that ends in .parquet", field="file")
    return formats.write_log


def sentence(out: Path, found: Exported) -> str:
    """What was written, in words."""
    notes = [
        f"{count} {words}"
        for count, words in (
            (found.decisions - found.final, "without a final outcome yet"),
            (found.holdout, "of the holdout"),
            (found.unexposed, "not shown"),
            (found.degraded, "without an answer of the policy"),
        )
        if count
    ]
    deleted = (
        f"; retention had deleted {found.deleted} older events, so vectors cannot be recomputed from the file"
        if found.deleted
        else ""
    )
    noted = f" ({', '.join(notes)})" if notes else ""
    return (
        f"{out}: decisions {found.decisions} of {found.experiment}, stream {found.stream}, with what they earned of "
        f"{found.goal}{noted}; resolutions {found.resolutions}{deleted}"
    )
