"""Has a kernel become slower? Ratios to NumPy twins, against the ratios kept in the repository.

`make bench-check` compares and exits with 1 where a ratio is more than 1.3 times the kept one; `make bench-baseline`
measures everything five times over and keeps the result. Both sides take turns in short rounds for half a second, and
the fastest round of each counts, as what disturbs only ever makes one slower.

Ratios hold for machines with equally wide vectors, and one baseline is kept for each width. Kernels do nothing but
arithmetic and take half the time with AVX-512 that they take with AVX2; a NumPy twin also waits for the interpreter
and for memory, which do not get faster with it. With one baseline for both, a quarter of the ratios were off by 1.4
to 2.2. `make bench-baseline-avx2` measures the other width on a machine with AVX-512.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.kernels.cases import CASES, Case
from benchmarks.kernels.compare import LIMIT, Finding, Times, compared, measured, ratios, table
from benchmarks.kernels.machine import described, vectors
from benchmarks.kernels.measure import fastest_rounds

BASELINE = Path(__file__).parents[2] / "docs" / "benchmarks" / "baseline.json"
SECONDS = 0.5
PASSES = 5
SIZES = {
    "decide": ((2, 8), (10, 32), (100, 8), (1000, 8), (2, 128), (100, 32), (100, 128)),
    "vector": ((2, 8), (10, 32), (100, 8), (2, 128), (100, 32)),
    "update": ((2, 8), (10, 32), (100, 8), (2, 128)),
    "batch": ((2, 8), (10, 32), (100, 8), (2, 128), (100, 128)),
}
NAMES = (
    *(f"{kind} K={K} d={d}" for kind, sizes in SIZES.items() for K, d in sizes),
    *(f"gaussian K={K} sd ratio {ratio}" for K in (10, 100, 1000) for ratio in ("1", "10000")),
    *(name for name in CASES if "_" in name.split()[0]),
)
"""Every kind of work at sizes from where calls cost most to where memory does, without those where one side just fits
into the cache of a core: there a ratio depends on where the system puts the pages and on who else uses the cache."""


def measure(name: str, slow: float = 1.0) -> Times:
    """Made anew every time, since memory that lies badly in a cache stays there."""
    return fastest_rounds(slowed(CASES[name](), slow), SECONDS)


def slowed(case: Case, factor: float) -> Case:
    """Ours made `factor` times as slow by waiting busily after every call."""
    if factor == 1.0:
        return case

    def ours() -> Any:
        start = perf_counter()
        answer = case.ours()
        end = start + factor * (perf_counter() - start)
        while perf_counter() < end:
            pass
        return answer

    return replace(case, ours=ours)


def advice(kept: dict[str, str], findings: list[Finding]) -> str:
    """What the reader should do next."""
    lines = []
    differing = [f"  {key}: {kept.get(key)} -> {value}" for key, value in described().items() if value != kept.get(key)]
    if differing:
        lines += ["", "The baseline is of another machine (baseline -> here):", *differing]
    failed = [finding for finding in findings if finding.failed]
    if failed and differing:
        lines += [
            "To tell the machine from the change, measure the commit before it on this machine and compare with that:",
            "  before: python -m benchmarks.kernels.check --write --baseline build/before.json",
            "  after:  python -m benchmarks.kernels.check --baseline build/before.json",
            "Keep in the repository what the machine measures that runs the checks: make bench-baseline.",
        ]
    elif failed:
        lines += ["", "Slower, or the twin became faster. If that is meant: make bench-baseline, and commit it."]
    if any(finding.verdict == "faster" for finding in findings):
        lines += [
            "",
            "Faster than kept, or the twins were disturbed. If it stays on an idle machine: make bench-baseline, or",
            "a later loss of as much will not be noticed.",
        ]
    worst = max((finding.change for finding in findings if finding.kept and finding.found), default=1.0)
    lines += [
        "",
        f"{len(failed)} of {len(findings)} fail; the worst is {worst:.2f}x of the baseline, {LIMIT}x is allowed.",
    ]
    return "\n".join(lines)


def write(path: Path, level: str) -> None:
    """Baselines for other widths stay as they are."""
    found = {name: measure(name) for name in NAMES}
    for _ in range(PASSES - 1):  # one after the other: what disturbs may last for seconds
        found = {name: times.best(measure(name)) for name, times in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else {}
    command = "make bench-baseline" if level == vectors() else f"make bench-baseline-{level}"
    kept[level] = {"command": command, "machine": described(), "ratios": rounded(found)}
    path.write_text(json.dumps(kept, indent=2) + "\n")
    print(f"wrote {len(found)} ratios for {level}")


def rounded(found: dict[str, Times]) -> dict[str, float]:
    return {name: round(ratio, 4) for name, ratio in ratios(found).items()}


def check(path: Path, level: str, slow: float) -> bool:
    kept = json.loads(path.read_text())
    if level not in kept:
        print(
            f"There is no baseline for {level} machines, only for {', '.join(kept)}. On the commit before the change:"
            " make bench-baseline; then come back with the file it wrote, and commit that too."
        )
        return False
    before = kept[level]
    found = measured(before["ratios"], NAMES, lambda name: measure(name, slow))
    findings = compared(before["ratios"], found)
    print(table(findings))
    print(advice(before["machine"], findings))
    return not any(finding.failed for finding in findings)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="measure a new baseline instead of comparing")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="default: docs/benchmarks/baseline.json")
    parser.add_argument("--level", default=vectors(), help="of vectors; default: what this machine has (%(default)s)")
    parser.add_argument("--slow", type=float, default=1.0, help="slow ours down so many times, to see the check fail")
    options = parser.parse_args()
    start, well = perf_counter(), True
    if options.write:
        write(options.baseline, options.level)
    else:
        well = check(options.baseline, options.level, options.slow)
    print(f"{perf_counter() - start:.0f} s")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
