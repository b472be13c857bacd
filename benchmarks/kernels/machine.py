"""What a figure was measured on, and how fast that machine is at the two things kernels wait for."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache, partial
from math import log2
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.lib.stride_tricks import as_strided
from threadpoolctl import threadpool_info

from benchmarks.kernels.measure import undisturbed

TOUCHED = 2**23
"""Bytes that one timed loop moves at least: a call of NumPy costs as much as reading a small set once."""


def described() -> dict[str, str]:
    """What a ratio or a time depends on."""
    blas = {
        f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}".strip() for lib in threadpool_info()
    }
    return {
        "cpu": _processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "blas": ", ".join(sorted(blas)),
    }


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}


def _processor() -> str:
    info = _cpuinfo()
    if "model name" not in info:
        return platform.processor() or platform.machine()
    return f"{info['model name']} (family {info.get('cpu family')}, model {info.get('model')})"


def vectors() -> str:
    """The widest instructions that kernels are compiled for (wide.h) and this machine has."""
    flags = _cpuinfo().get("flags", "").split()
    return next((level for level in ("avx512f", "avx2") if level in flags), platform.machine())


@cache
def caches() -> dict[str, int]:
    """Bytes of the data caches of one core; empty where the system does not say."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if (index / "type").read_text().strip() != "Instruction":
            size = (index / "size").read_text().strip()
            found[f"L{(index / 'level').read_text().strip()}"] = int(size.rstrip("K")) * 1024
    return found


def level(size: float) -> str:
    """Where a working set of that many bytes stays."""
    return next((name for name, room in caches().items() if size <= room), "memory" if caches() else "?")


def fastest(call: Callable[[], Any], budget: float = 0.15) -> float:
    """Seconds of the fastest of many calls."""
    call()
    best, end = float("inf"), perf_counter() + budget
    with undisturbed():
        while (start := perf_counter()) < end:
            call()
            best = min(best, perf_counter() - start)
    return best


class Limits(NamedTuple):
    """Flops per second of dgemm, and bytes per second by size of the working set; both on one thread."""

    multiplication: float
    bandwidths: dict[int, float]

    def best(self, other: Limits) -> Limits:
        """What another time of measuring found faster was disturbed here."""
        joined = {size: max(speed, other.bandwidths[size]) for size, speed in self.bandwidths.items()}
        return Limits(max(self.multiplication, other.multiplication), joined)

    def bandwidth(self, size: float) -> float:
        """At the nearest size that was measured."""
        return self.bandwidths[min(self.bandwidths, key=lambda known: abs(log2(known / max(1.0, size))))]


def limits() -> Limits:
    return Limits(multiplication(), {2**power: bandwidth(2**power) for power in range(12, 29)})


def bandwidth(size: int) -> float:
    """From and to a working set of `size` bytes: a copy or a dot product, whichever is faster.

    A copy alone is no limit for kernels that mostly read. Passes over the same set are made inside of NumPy.
    """
    half, passes = size // 16, max(1, TOUCHED // size)
    a, b, sums = np.ones(half), np.ones(half), np.empty(passes)
    source, target = (as_strided(array, (passes, half), (0, 8)) for array in (a, b))
    copied = fastest(lambda: np.copyto(target, source))
    read = fastest(lambda: np.vecdot(source, target, out=sums))
    return passes * half * 16 / min(copied, read)


def multiplication() -> float:
    speeds = []
    for n in (256, 512, 1024):
        A, B, C = (np.random.default_rng(i).standard_normal((n, n)) for i in range(3))
        speeds.append(2.0 * n**3 / fastest(partial(np.matmul, A, B, out=C), 1.0))
    return max(speeds)
