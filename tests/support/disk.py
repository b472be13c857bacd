"""A disk in memory, as SQLite sees one: what was not synced may be lost when the power goes, whole or torn.

A `Disk` is an APSW VFS of its own name. Every file has the bytes that programs read and the bytes the platter holds;
in between are writes and truncations that no sync has covered. A name is durable once its directory was synced, which
SQLite asks for when it first syncs a journal and when it deletes one. `cut` goes back to what a real disk may hold
after a power failure; `kill` only takes the process away. Connections of the past can do no harm afterwards.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from weakref import WeakValueDictionary

import apsw

SECTOR = 512
_NUMBERS = count(1)
_DISKS: WeakValueDictionary[str, Disk] = WeakValueDictionary()
_JOURNAL = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class _Content:
    """The bytes of one file: as read (`now`), as on the platter (`synced`), and the writes that tell them apart."""

    __slots__ = ("now", "pending", "synced")

    def __init__(self, data: bytes = b"") -> None:
        self.now, self.synced = bytearray(data), bytearray(data)
        self.pending: list[tuple[int, bytes | None]] = []
        """(offset, bytes written), or (size, None) for a truncation."""

    def do(self, offset: int, data: bytes | None) -> None:
        _apply(self.now, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.synced, offset, data)
        self.pending.clear()

    def settle(self, rng: Random) -> None:
        """A random part of what is pending reaches the platter, sector by sector and in no order; the rest never."""
        share = rng.choice((0.0, 0.5, 0.9, 1.0))
        for offset, data in self.pending:
            for start, part in _sectors(offset, data):
                if rng.random() < share:
                    _apply(self.synced, start, part)
        self.pending.clear()


def _apply(target: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del target[offset:]
        return
    if len(target) < offset:
        target.extend(bytes(offset - len(target)))
    target[offset : offset + len(data)] = data


def _sectors(offset: int, data: bytes | None) -> list[tuple[int, bytes | None]]:
    """A write cut where sectors of the disk begin; a truncation is one piece."""
    if data is None:
        return [(offset, None)]
    first = SECTOR - offset % SECTOR
    starts = [0, *range(first, len(data), SECTOR)]
    return [(offset + start, data[start:end]) for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


@dataclass(slots=True)
class Faults:
    """What goes wrong from now on, by chance; all of it drawn from `rng`."""

    rng: Random
    sync: float = 0.0
    """Share of syncs that fail. As on Linux, what such a sync should have written counts as clean afterwards: it can
    still be read, and is lost with the power unless it is written again."""
    write: float = 0.0
    """Share of writes that fail, having written a part."""
    capacity: int | None = None
    """Bytes in all files at most; a write beyond fails as on a full disk."""

    def happens(self, share: float) -> bool:
        return share > 0.0 and self.rng.random() < share


@dataclass(slots=True, weakref_slot=True)
class Disk:
    """Files by name, and a VFS (`name`) to reach them; lives until nobody refers to it."""

    faults: Faults = field(default_factory=lambda: Faults(Random(0)))
    autocheckpoint: int | None = None
    """Pages in the write-ahead log that make SQLite move them into the database; None: SQLite's own."""
    lying: bool = False
    """Whether syncs report success and do nothing."""
    name: str = field(default_factory=lambda: f"disk-{next(_NUMBERS)}")
    operations: int = 0
    """Writes, truncations, syncs and deletions so far."""
    syncs: int = 0
    _stop_at: int | None = None
    _gone: bool = False
    _files: dict[str, _Content] = field(default_factory=dict)
    _durable: dict[str, _Content] = field(default_factory=dict)
    """The names that a power failure leaves."""
    _vfs: Any = None

    def __post_init__(self) -> None:
        _DISKS[self.name] = self
        self._vfs = _Vfs(self.name)

    def copy(self) -> Disk:
        """Another disk with the same files, all of them synced."""
        other = Disk(autocheckpoint=self.autocheckpoint)
        other._files = {name: _Content(bytes(content.now)) for name, content in self._files.items()}
        other._durable = dict(other._files)
        return other

    def sizes(self) -> dict[str, int]:
        return {name: len(content.now) for name, content in self._files.items()}

    def connection(self) -> apsw.Connection:
        """The one that is open."""
        (only,) = self._connections()
        return only

    def _connections(self) -> list[apsw.Connection]:
        return [connection for connection in apsw.connections() if connection.open_vfs == self.name]

    # Failures of the machine

    def stop_after(self, operations: int) -> None:
        """The machine stops at the so manieth operation from here: that one and all later ones fail."""
        self._stop_at = self.operations + operations

    @property
    def stopped(self) -> bool:
        return self._stop_at is not None and self.operations >= self._stop_at

    def kill(self) -> None:
        """Ends the process: its connections are gone without a last word, the files stay as written."""
        self._gone = True
        for connection in self._connections():
            with suppress(apsw.Error):
                connection.close(True)
        self._gone = False
        self._stop_at = None

    def cut(self, rng: Random) -> None:
        """Ends the process and the power: back to what was synced and a random part of the rest."""
        self.kill()
        survivors = {}
        for name in sorted({*self._files, *self._durable}):
            content = rng.choice((self._files.get(name), self._durable.get(name)))
            if content is not None:
                content.settle(rng)
                survivors[name] = content
                content.now = bytearray(content.synced)
        self._files, self._durable = survivors, dict(survivors)

    # What the VFS calls

    def _begin(self, *, sync: bool = False) -> None:
        """Before each operation that changes the disk. Raises when the machine has stopped."""
        self.operations += 1
        self.syncs += sync
        self._answer()

    def _answer(self) -> None:
        if self._gone or self.stopped:
            raise apsw.IOError("the machine has stopped")

    def _write(self, content: _Content, offset: int, data: bytes) -> None:
        self._begin()
        faults = self.faults
        if faults.capacity is not None and offset + len(data) > len(content.now):
            grown = offset + len(data) - len(content.now)
            if sum(self.sizes().values()) + grown > faults.capacity:
                raise apsw.FullError("no space left")
        if faults.happens(faults.write):
            content.do(offset, data[: faults.rng.randrange(len(data))])
            raise apsw.IOError("the write failed")
        content.do(offset, data)

    def _sync(self, content: _Content, *, directory: bool) -> None:
        self._begin(sync=True)
        if self.lying:
            return
        if self.faults.happens(self.faults.sync):
            content.settle(self.faults.rng)
            raise apsw.IOError("the sync failed")
        content.sync()
        if directory:
            self._durable = dict(self._files)

    def _delete(self, name: str, *, durably: bool) -> None:
        self._begin()
        if self._files.pop(name, None) is None:
            raise apsw.IOError("no such file", apsw.SQLITE_IOERR_DELETE_NOENT)
        if durably and not self.lying:
            self._durable = dict(self._files)


class _Vfs(apsw.VFS):
    """Files of the disk it is named after; the rest of the system (sleep, random numbers) is the real one's."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self._name = name

    @property
    def _disk(self) -> Disk:
        return _DISKS[self._name]

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        disk = self._disk
        disk._answer()
        flags[1] = flags[0]
        if name is None:
            return _File(disk, _Content(), journal=False)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path not in disk._files:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise apsw.CantOpenError(f"no file {path}")
            disk._begin()
            disk._files[path] = _Content()
        return _File(disk, disk._files[path], journal=bool(flags[0] & _JOURNAL))

    def xAccess(self, path: str, flags: int) -> bool:
        return path in self._disk._files

    def xFullPathname(self, path: str) -> str:
        return path

    def xDelete(self, path: str, durably: bool) -> None:
        self._disk._delete(path, durably=durably)


class _File:
    """One open file. Locks are not kept: whoever uses this VFS opens the database once, exclusively."""

    def __init__(self, disk: Disk, content: _Content, *, journal: bool) -> None:
        self._disk, self._content = disk, content
        self._new_name = journal

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk._answer()
        return bytes(self._content.now[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk._write(self._content, offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self._disk._begin()
        self._content.do(size, None)

    def xSync(self, flags: int) -> None:
        self._disk._sync(self._content, directory=self._new_name)
        self._new_name = False

    def xFileSize(self) -> int:
        return len(self._content.now)

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        # As SQLite assumes of every disk on Unix: a torn write harms nothing beside the bytes it was to write.
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None: ...


def _set_up(connection: apsw.Connection) -> None:
    disk = _DISKS.get(connection.open_vfs)
    if disk is not None and disk.autocheckpoint is not None:
        connection.wal_autocheckpoint(disk.autocheckpoint)


apsw.connection_hooks.append(_set_up)
