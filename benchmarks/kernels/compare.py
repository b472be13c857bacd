"""Ratios against kept ratios: no clock and no file, so that tests can hold it to what it promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

LIMIT = 1.3
"""How many times worse a ratio may be. Noise and other CPUs of a kind stay below, losing a loop's vectors does not."""
AGAIN = 3
"""Times that a ratio is measured again that is off by that much, either way."""


class Times(NamedTuple):
    """Seconds per decision of both sides."""

    ours: float
    twin: float

    @property
    def ratio(self) -> float:
        return self.ours / self.twin

    def best(self, other: Times) -> Times:
        """Of each side by itself, since what disturbs only ever makes one slower."""
        return Times(min(self.ours, other.ours), min(self.twin, other.twin))


class Finding(NamedTuple):
    name: str
    kept: float | None
    found: float | None

    @property
    def change(self) -> float:
        """Above 1: slower beside its twin than it was."""
        return self.found / self.kept if self.found and self.kept else float("nan")

    @property
    def verdict(self) -> str:
        if self.kept is None:
            return "FAILS: not in the baseline"
        if self.found is None:
            return "FAILS: no longer measured"
        if self.change > LIMIT:
            return "FAILS"
        return "faster" if self.change < 1.0 / LIMIT else ""

    @property
    def failed(self) -> bool:
        return self.verdict.startswith("FAILS")


def compared(kept: Mapping[str, float], found: Mapping[str, float]) -> list[Finding]:
    """Names that only one side has fail too: nothing drops out of the check by itself."""
    names = list(found) + [name for name in kept if name not in found]
    return [Finding(name, kept.get(name), found.get(name)) for name in names]


def measured(kept: Mapping[str, float], names: Iterable[str], measure: Callable[[str], Times]) -> dict[str, float]:
    """The ratio of each name; again where it is off, since a neighbour may have disturbed one of the sides."""
    found = {name: measure(name) for name in names}
    for _ in range(AGAIN):
        for finding in compared(kept, ratios(found)):
            if finding.change > LIMIT or finding.change < 1.0 / LIMIT:
                found[finding.name] = found[finding.name].best(measure(finding.name))
    return ratios(found)


def ratios(found: Mapping[str, Times]) -> dict[str, float]:
    return {name: times.ratio for name, times in found.items()}


def table(findings: Iterable[Finding]) -> str:
    lines = [f"{'ours / NumPy twin':42}{'baseline':>10}{'now':>10}{'change':>9}"]
    for finding in findings:
        kept, found = (f"{value:10.3f}" if value else f"{'-':>10}" for value in (finding.kept, finding.found))
        lines.append(f"{finding.name:42}{kept}{found}{finding.change:8.2f}x  {finding.verdict}".rstrip())
    return "\n".join(lines)
