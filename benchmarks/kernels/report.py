"""The page about limits: a table, and in words where cost grows faster than work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from benchmarks.kernels.machine import Limits, caches, level
from benchmarks.kernels.work import FORMULAS

GROWN = 1.25
"""A time per flop this many times that of the next smaller size is told about."""
FURTHEST = 8
WHY = (
    "A flop is as much work at every size; what differs is where its numbers come from. As long as S and m of all",
    "arms fit into L2, larger sizes mostly get cheaper, since the call is shared by more work. Beyond, a row streams",
    "the state through once and takes as long as that. A batch reads S in blocks of 4 by 4 down its columns, anew for",
    "every 8 rows: from L3 on such reads are not streamed, and waiting for them costs more than their bytes.",
)
COLUMNS = (
    *("K", "d", "time, us", "kflop", "KiB moved", "working set", "GFlop/s", "GB/s", "ps a flop"),
    *("binds", "reached", "without FMA"),
)
KERNELS = {
    "decide": "LinUCB, one row: `propensities` and the draw",
    "batch": "LinUCB, up to 1,000 rows: `scores`, per decision",
    "update": "LinUCB, one row into a random arm: `update`",
    "vector": "LinearTS, one row: the exact `propensities`",
    "hybrid": "HybridLinUCB, one row: `propensities` and the draw",
    "joint": "SharedLinearTS, one row: `propensities` of 256 joint draws; d is the dimension of theta",
}


class Row(NamedTuple):
    kernel: str
    K: int
    d: int
    seconds: float
    flops: float
    moved: float
    within: float
    """Bytes of the state that decisions in turn go through."""
    bounds: dict[str, float]
    """Seconds that each limit of the machine needs for the work: multiplication, and the caches that it comes from."""

    @property
    def binding(self) -> str:
        return max(self.bounds, key=self.bounds.__getitem__)

    @property
    def reached(self) -> float:
        """Share of the limit that binds."""
        return max(self.bounds.values()) / self.seconds

    @property
    def reached_unfused(self) -> float:
        """The same where additions and multiplications are instructions of their own."""
        return max(*self.bounds.values(), 2.0 * self.bounds["flops"]) / self.seconds

    @property
    def per_flop(self) -> float:
        return self.seconds / self.flops

    def as_json(self) -> dict[str, Any]:
        return {
            "kernel": self.kernel,
            "K": self.K,
            "d": self.d,
            "microseconds": round(self.seconds * 1e6, 4),
            "flops": round(self.flops),
            "bytes": round(self.moved),
            "state_bytes": round(self.within),
            "gflops": round(self.flops / self.seconds / 1e9, 3),
            "gb_s": round(self.moved / self.seconds / 1e9, 3),
            "binding": self.binding,
            "of_limit": round(self.reached, 3),
            "of_limit_without_fma": round(self.reached_unfused, 3),
        }


def page(rows: list[Row], limits: Limits, machine: dict[str, str]) -> str:
    """docs/benchmarks/kernels.md."""
    known = ", ".join(f"{name} {_size(size)}" for name, size in caches().items()) or "unknown"
    return "\n".join(
        [
            "# How near the kernels come to the machine",
            "",
            "Written by `make bench-limits`; do not edit. One thread; the fastest of many rounds. The machine was",
            "shared with other work, so read shares, not microseconds.",
            "",
            *(f"- {key}: {value}" for key, value in machine.items()),
            f"- caches of a core: {known}",
            f"- dgemm: {limits.multiplication / 1e9:.1f} GFlop/s",
            "- bytes a second by size of the working set (copy or dot product, the faster): " + _ladder(limits),
            "",
            "The limit is the least time that the machine needs for the work, whichever *binds*: flops at the speed of",
            "dgemm, or bytes at the bandwidth measured for a working set of that size. *Reached* is its share of the",
            "time taken. Kernels fuse no multiplication with an addition, so that every machine computes the same",
            "bytes. dgemm fuses all, so 0.5 is the most where flops bind; *without FMA* is the share of that.",
            "A little above 1 is possible, since dgemm does not quite reach the peak either.",
            "Where K and d are small, nearly all of the time is the call: arguments are checked and arrays made.",
            "",
            *_tables(rows),
            "## Furthest from the limit",
            "",
            "Of calls that take ten times as long as the cheapest, so that what they compute is what they cost:",
            "",
            *_furthest(rows),
            "",
            "## Where cost grows faster than work",
            "",
            f"Steps of size at which the time per flop grew more than {GROWN} times:",
            "",
            *(_growth(rows, limits) or ["- nowhere."]),
            "",
            *WHY,
            "",
        ]
    )


def _ladder(limits: Limits) -> str:
    sizes = list(limits.bandwidths.items())[::2]
    return ", ".join(f"{_size(size)} {speed / 1e9:.0f} GB/s" for size, speed in sizes)


def _size(size: float) -> str:
    return f"{size / 2**20:.4g} MiB" if size >= 2**20 else f"{size / 2**10:.3g} KiB"


def _tables(rows: list[Row]) -> Iterator[str]:
    for kernel, title in KERNELS.items():
        yield f"## {title}"
        yield ""
        yield f"{FORMULAS[kernel]}."
        yield ""
        yield f"| {' | '.join(COLUMNS)} |"
        yield f"|{'--:|' * len(COLUMNS)}"
        for row in rows:
            if row.kernel == kernel:
                yield (
                    f"| {row.K} | {row.d} | {row.seconds * 1e6:.2f} | {row.flops / 1e3:.1f} | {row.moved / 1024:.1f}"
                    f" | {_size(row.within)}, {level(row.within)} | {row.flops / row.seconds / 1e9:.2f}"
                    f" | {row.moved / row.seconds / 1e9:.2f} | {row.per_flop * 1e12:.0f} | {row.binding}"
                    f" | {row.reached:.2f} | {row.reached_unfused:.2f} |"
                )
        yield ""


def _growth(rows: list[Row], limits: Limits) -> list[str]:
    """More features with the same arms, and more arms with the same features."""
    found = []
    for kernel in KERNELS:
        own = [row for row in rows if row.kernel == kernel]
        lines = [[row for row in own if row.K == K] for K in sorted({row.K for row in own})]
        lines += [[row for row in own if row.d == d] for d in sorted({row.d for row in own})]
        for line in lines:
            for small, large in pairwise(line):
                if large.flops > small.flops and large.per_flop > GROWN * small.per_flop:
                    found.append(
                        f"- {kernel}, K={small.K} d={small.d} to K={large.K} d={large.d}: {_why(small, large, limits)}"
                    )
    return found


def _why(small: Row, large: Row, limits: Limits) -> str:
    times = f"{large.per_flop / small.per_flop:.2f} times. "
    if level(small.within) != level(large.within):
        return times + f"The working set grows from {_place(small.within, limits)} to {_place(large.within, limits)}."
    if large.moved / large.flops > GROWN * small.moved / small.flops:
        return times + "There are more bytes to a flop."
    return (
        times + f"The working set grows within {level(large.within)}, {_size(small.within)} to {_size(large.within)}."
    )


def _place(size: float, limits: Limits) -> str:
    return f"{_size(size)} ({level(size)}, {limits.bandwidth(size) / 1e9:.0f} GB/s)"


def _furthest(rows: list[Row]) -> list[str]:
    """Calls that take so long that checking arguments is not what they do."""
    call = min(row.seconds for row in rows if row.kernel == "decide")
    long = sorted((row for row in rows if row.seconds > 10.0 * call), key=lambda row: row.reached_unfused)
    return [
        f"- {row.kernel} K={row.K} d={row.d}: {row.reached_unfused:.2f} of what {row.binding} allows without FMA"
        for row in long[:FURTHEST]
    ]
