"""The audit of a data directory, as its owner runs it."""

from pathlib import Path

from banditcore.audit import Audit, audit
from banditcore.storage.sqlite import SqliteLog


def audited(directory: Path) -> Audit:
    log = SqliteLog(directory)
    with log.read() as reader:
        found = audit(reader, log.secret)
    log.close()
    return found
