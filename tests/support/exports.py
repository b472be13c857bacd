"""The export of a store, as its owner runs it."""

from contextlib import closing
from pathlib import Path
from typing import Any

from banditcore.exporting import Exported, export, write_export
from banditcore.storage.opening import open_log


def exported(location: str, file: Path, goal: str | None = None, **more: Any) -> Exported:
    """The experiment `shop` of a store into a file."""
    with closing(open_log(location)) as log, log.read() as reader:
        return write_export(export(reader, "shop", goal, **more), file)
