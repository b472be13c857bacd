"""A file that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from banditcore.errors import InvalidInput


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new name beside `path`, with its suffix, that takes its place when the block ends well; gone if it does not.

    Raises InvalidInput where nothing can be written.
    """
    target = Path(path)
    check_writable(target)
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.partial{target.suffix}")
    try:
        yield partial
        if partial.exists():
            _sync(partial)
            os.replace(partial, target)
    except OSError as error:
        raise InvalidInput(f"cannot write {target}: {error.strerror or error}", field="file") from None
    finally:
        partial.unlink(missing_ok=True)


def check_writable(target: Path) -> None:
    """Before long work: raises InvalidInput where the file would have no place."""
    if target.is_dir() or not target.parent.is_dir():
        what = f"{target} is a directory" if target.is_dir() else f"{target.parent} is not a directory"
        raise InvalidInput(f"{what}: name a file in a directory that is there", field="file")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
