"""How far long work has come, on a terminal; nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Gets how much is done, and of how much."""


@contextmanager
def progress_bar(unit: str) -> Iterator[Progress]:
    """A bar with amount, rate and time left on stderr, gone when the block ends; `unit` such as "ids" or "bytes"."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    # Rich takes a tenth of a second to import.
    from rich import progress as rich
    from rich.console import Console

    columns: list[rich.ProgressColumn]
    if unit == "bytes":
        columns = [rich.DownloadColumn(), rich.TransferSpeedColumn()]
    else:
        columns = [rich.TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {unit}")]
        columns.append(rich.TextColumn("{task.fields[rate]}"))
    with rich.Progress(
        rich.BarColumn(), *columns, rich.TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=0, rate="")

        def progress(done: int, of: int) -> None:
            speed = bar.tasks[task].speed
            rate = "" if not speed else f"{speed:,.0f} {unit}/s" if speed >= 10.0 else f"{speed:.2g} {unit}/s"
            bar.update(task, completed=done, total=of, rate=rate)

        yield progress
