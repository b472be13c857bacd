"""The log that the last connection left behind, before the next one believes it.

When a sync fails, Linux keeps the pages readable and counts them as clean: the disk does not have them and never
will, whatever later syncs say. A commit that failed in its sync may so be read back from the write-ahead log as if
it had been written; what is then appended and synced behind it is lost with the power, since recovery stops at the
gap. Written once more and synced, the log on the disk is the log that was read.
"""

from __future__ import annotations

from pathlib import Path

import apsw

_CHUNK = 2**16  # SQLite masks the length of a write with 0x1ffff: a larger power of two would write nothing


def write_again(database: Path, vfs: str = "") -> None:
    """Makes the write-ahead log of `database` durable as it reads now; without one, does nothing.

    Every byte is replaced by itself, so a power failure on the way harms nothing. Raises apsw.Error.
    """
    path = Path(f"{database}-wal")
    if not vfs and not (database.is_file() and path.is_file()):
        return
    try:
        log = apsw.VFSFile(vfs, str(path), [apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_WAL, 0])
    except apsw.CantOpenError:
        return
    try:
        size = log.xFileSize()
        for offset in range(0, size, _CHUNK):
            log.xWrite(log.xRead(min(_CHUNK, size - offset), offset), offset)
        if size:
            log.xSync(apsw.SQLITE_SYNC_NORMAL)
    finally:
        log.xClose()
