"""The audit of a store, as its owner runs it."""

from pathlib import Path

from banditcore.audit import Audit, audit
from banditcore.storage.opening import open_log


def audited(location: Path | str) -> Audit:
    log = open_log(location)
    with log.read() as reader:
        found = audit(reader, log.secret)
    log.close()
    return found
