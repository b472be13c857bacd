"""The command, see the package."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import banditcore_simulations.gate as gate
from banditcore.parallel import run
from banditcore_simulations.gate.cases import CASES, EVENTS, SEEDS, missing, regrets
from banditcore_simulations.gate.judge import RATE, Finding, judged

BASELINE = Path("docs/benchmarks/regret.json")
COMMAND = "make sims-baseline"


def compared(kept: Mapping[str, Any], found: Mapping[str, Sequence[float]]) -> list[Finding]:
    """Findings of what was kept and is played, in the order of cases."""
    both = [name for name in found if name in kept["regrets"]]
    return [judged(name, kept["regrets"][name], found[name], len(both)) for name in both]


def problems(kept: Mapping[str, Any], found: Mapping[str, Sequence[float]]) -> list[str]:
    """What hinders a comparison, with the remedy."""
    sizes = {"events": EVENTS, "seeds": SEEDS}
    if {name: kept.get(name) for name in sizes} != sizes:
        return [f"The baseline is of other events or seeds than {sizes}: on the commit before the change, {COMMAND}"]
    lines = [f"Policy {name} is in no case of gate/cases.py: add one, then {COMMAND}" for name in missing()]
    lines += [f"{name} has no baseline: {COMMAND}, and commit it" for name in found if name not in kept["regrets"]]
    gone = [name for name in kept["regrets"] if name not in found]
    return lines + [f"{name} is kept and no longer played: {COMMAND}, and commit it" for name in gone]


def table(findings: Sequence[Finding]) -> str:
    """A line each."""
    lines = [f"{'policy in world':<52} {'baseline':>9} {'now':>9} {'more':>7} {'score':>6}  verdict"]
    lines += [
        f"{each.name:<52} {each.before:>9.2f} {each.now:>9.2f} {each.more:>+7.1%} {each.score:>+6.1f}  {each.verdict}"
        for each in findings
    ]
    return "\n".join(lines)


def advice(findings: Sequence[Finding]) -> list[str]:
    """What the reader should do next."""
    verdicts = [finding.verdict for finding in findings]
    lines = [
        f"{verdicts.count('identical')} of {len(findings)} identical, {verdicts.count('WORSE')} worse, "
        f"{verdicts.count('better')} better; of changes that only draw otherwise {RATE:g} fail"
    ]
    if "WORSE" in verdicts:
        lines.append(f"A change made a policy learn worse. If that is meant: {COMMAND}, and commit it.")
    elif "better" in verdicts:
        lines.append(f"Better than kept. {COMMAND}, and commit it, or a later loss of as much will not be noticed.")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=gate.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep what is found in place of comparing")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=2, help="processes; default: %(default)s")
    options = parser.parse_args(arguments)
    start = perf_counter()
    if not options.write and not options.baseline.exists():
        print(f"There is no {options.baseline}: run from the repository, or keep one with --write")
        return 1
    found = {str(case): each for case, each in zip(CASES, run(regrets, CASES, jobs=options.jobs), strict=True)}
    well = write(options.baseline, found) if options.write else check(json.loads(options.baseline.read_text()), found)
    print(f"{perf_counter() - start:.0f} s")
    return 0 if well else 1


def write(path: Path, found: Mapping[str, Sequence[float]]) -> bool:
    """Keeps them."""
    lines = [f"    {json.dumps(name)}: {json.dumps([round(each, 4) for each in found[name]])}" for name in found]
    head = {"command": COMMAND, "events": EVENTS, "seeds": SEEDS}
    path.write_text(json.dumps(head, indent=2)[:-2] + ',\n  "regrets": {\n' + ",\n".join(lines) + "\n  }\n}\n")
    print(f"wrote regrets of {len(found)} cases")
    return True


def check(kept: Mapping[str, Any], found: Mapping[str, Sequence[float]]) -> bool:
    """Prints what is found; whether all is well."""
    wrong = problems(kept, found)
    findings = compared(kept, found) if kept.get("seeds") == SEEDS else []
    for line in (table(findings), *advice(findings), *wrong):
        print(line)
    return not wrong and all(finding.verdict != "WORSE" for finding in findings)


if __name__ == "__main__":
    sys.exit(main())
