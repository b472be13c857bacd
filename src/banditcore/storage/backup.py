"""A copy of a running server's database in one file.

SQLite's backup, page by page within one read transaction: the copy is of one moment, however long it takes, and the
server goes on. VACUUM INTO does the same and packs the file, but builds every tree anew: beside 500 commits a second it
took from a third longer to twice as long, in which the write-ahead log cannot shrink, and it says nothing of how far it
is. The commits felt both alike.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from banditcore.errors import InvalidInput, StoreCorrupt, StoreUnavailable
from banditcore.storage.sqlite import DATABASE, connect_to_read, damage, translated
from banditcore.storage.sqlite_tables import check_origin

_PAGES = 2_000
"""Copied in one go: a few milliseconds."""
_SUFFIX = ".partial"


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written."""

    file: Path
    size: int
    """Bytes."""
    streams: int
    events: int
    """That the streams have had so far, deleted ones included; the last of each is in the file."""


def backup(
    directory: Path, file: Path, *, force: bool = False, progress: Callable[[int, int], None] = lambda done, of: None
) -> Backup:
    """Copies the database of `directory`, also while a server writes to it; `progress` gets bytes done and in all.

    The copy is checked and synced before it gets its name. Raises InvalidInput when the name is taken and not
    `force`, StoreCorrupt when the copy is damaged, and so the original, StoreUnavailable when a disk fails.
    """
    source = directory / DATABASE
    _refuse(source, file, force=force)
    with closing(connect_to_read(source)) as connection, _partial(file) as partial:
        with translated(source):
            check_origin(connection, str(source))
        with translated(partial):
            _copy_pages(connection, partial, progress)
            streams, events = _checked(partial, source)
            os.chmod(partial, source.stat().st_mode & 0o777)
            _sync(partial)
        # Somebody may have taken the name meanwhile.
        _refuse(source, file, force=force)
        os.replace(partial, file)
        _sync(file.parent)
    return Backup(file, file.stat().st_size, streams, events)


def _refuse(source: Path, file: Path, *, force: bool) -> None:
    if not source.is_file():
        raise StoreUnavailable(f"{source.parent} holds no {DATABASE}: name the server's data directory")
    if not file.parent.is_dir():
        raise InvalidInput(f"{file.parent} is not a directory: make it first")
    if file.is_dir():
        raise InvalidInput(f"{file} is a directory: name a file in it")
    if file.parent.samefile(source.parent) and file.name.startswith(DATABASE):
        raise InvalidInput(f"{file} belongs to the store itself: choose another name")
    if file.exists() and not force:
        raise InvalidInput(f"{file} is there already: choose another name, or say --force to replace it")


@contextmanager
def _partial(file: Path) -> Iterator[Path]:
    """An empty file beside `file` that no other backup writes to; gone in the end, unless it was renamed.

    What a killed backup left behind is taken over.
    """
    partial = file.with_name(file.name + _SUFFIX)
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"cannot write {partial}: {error.strerror}") from None
    try:
        if not _held(descriptor, partial):
            raise StoreUnavailable(f"another backup is writing {partial}: wait for it, or choose another name")
        os.ftruncate(descriptor, 0)
        try:
            yield partial
        finally:
            if _is(descriptor, partial):
                partial.unlink()
            for leftover in ("-journal", "-wal", "-shm"):
                partial.with_name(partial.name + leftover).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _held(descriptor: int, path: Path) -> bool:
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who held it before may have finished just now: then the file has its real name, and is not ours to truncate.
        return _is(descriptor, path)
    return False


def _is(descriptor: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _copy_pages(source: apsw.Connection, partial: Path, progress: Callable[[int, int], None]) -> None:
    # The lock on the file is this process's own, and on a network file system would be in the way of SQLite's.
    target = apsw.Connection(str(partial), vfs="unix-none")
    try:
        # Synced once at the end; until then the file has no name that counts.
        target.pragma("synchronous", "off")
        # Within a transaction, because otherwise every commit of the server would start the copy afresh.
        source.execute("BEGIN")
        size = int(source.execute("PRAGMA page_size").get)
        source.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(_PAGES)
                progress((copying.page_count - copying.remaining) * size, copying.page_count * size)
    finally:
        with suppress(apsw.Error):
            source.execute("ROLLBACK")
        target.close()


def _checked(partial: Path, source: Path) -> tuple[int, int]:
    """Streams and events of a sound copy. Raises StoreCorrupt when it is not."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    copy = apsw.Connection(f"{partial.resolve().as_uri()}?immutable=1", flags=flags)
    try:
        if found := damage(copy):
            raise StoreCorrupt(f"{source} is damaged ({found}): nothing was written; restore an earlier backup")
        positions = [int(position) for (position,) in copy.execute("SELECT position FROM stream")]
        return len(positions), sum(positions)
    except (apsw.CorruptError, apsw.SQLError) as error:
        raise StoreCorrupt(f"{source} is damaged ({error}): nothing was written; restore an earlier backup") from None
    finally:
        copy.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
