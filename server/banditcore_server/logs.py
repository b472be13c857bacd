"""JSON lines on stderr; stdout carries the one line a person or a script waits for."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger


def configure(level: str, worker: int | None = None) -> None:
    """Logs from `level` on; a worker says in every entry which one it is."""
    structlog.configure(
        processors=[
            *([_saying(worker)] if worker is not None else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without the values of variables, which hold customers' data and the database's password.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _saying(worker: int) -> Processor:
    # Not a context variable, which the entries of other threads would lack.
    def add(logger: WrappedLogger, method: str, entry: EventDict) -> EventDict:
        entry["worker"] = worker
        return entry

    return add
