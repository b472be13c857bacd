"""What the figures of a store depend on."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from time import perf_counter

import apsw
import psycopg

from benchmarks.kernels.machine import described as of_kernels


def described(url: str) -> dict[str, str]:
    """Processor and versions."""
    with psycopg.connect(url) as connection:
        settings = {name: _setting(connection, name) for name in ("server_version", "fsync", "shared_buffers")}
    kernels = of_kernels()
    return {
        "cpu": f"{kernels['cpu']}, {os.cpu_count()} cores",
        "python": kernels["python"],
        "SQLite": apsw.sqlite_lib_version(),
        "PostgreSQL": f"{settings['server_version']}, fsync {settings['fsync']},"
        f" shared_buffers {settings['shared_buffers']}",
    }


def _setting(connection: psycopg.Connection[tuple[str, ...]], name: str) -> str:
    row = connection.execute(f"SHOW {name}".encode()).fetchone()
    assert row is not None
    return row[0]


def load() -> str:
    """Processes that wanted a core in the last minute, on average."""
    return f"{os.getloadavg()[0]:.1f}"


def sync_ms(folder: Path, times: int = 50) -> float:
    """Median time to append 4 KiB to a file and sync it."""
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(times):
            started = perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append(perf_counter() - started)
    return round(1e3 * median(took), 2)
