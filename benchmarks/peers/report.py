"""Turns what was measured into the page a reader sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.peers import replays, simulations
from benchmarks.peers.world import LOGGED_PER_ARM

INTRO = """# banditcore beside other libraries

Written by `{command}` (`benchmarks/peers/`). {cpu}, {cores} cores, one thread each, Python {python}, NumPy {numpy}.

The same stream for all: contexts N(0, 1) in d features, linear rewards for each of K arms plus noise, float64. All
first learn the same log of {logged} rows an arm, played uniformly. Then rows come one by one: one decision, one update.
Each policy runs in a process of its own, twice, in turn with the others; the better time of the two counts. Compare the
ratios: times are of the machine.

- **decide**, **update**: µs, the median over chunks of 20 rows of their mean. Inputs are put beforehand into the form
  that the library likes best (a dict, parsed examples, arrays); what that costs from a NumPy row is **prepare**, and
  it is not in the other two.
- **x**: times what banditcore takes, its LinUCB for policies that play the best index and its LinearTS for those that
  randomise. More than 1: banditcore is faster.
- **batch**: µs a decision in one call for 1,000 rows, where there is such a call.
- **returns**: what a decision gives for the log. Only with the probability can the log be evaluated later.
- **best arm**, **gain**: is it learning? Share of rows in which the best arm was played, and the reward between
  uniform play (0 %) and the best arm always (100 %), without noise. Those with an ε or a floor play 2 % uniformly.
- **z**: standard score of sum p(chosen) against what the logged vectors promise. Far from 0 (beyond 3) would mean that
  arms are not drawn from the vector that is reported; "-" where there is no vector or nothing is drawn.
"""

HEADER = (
    "| library | policy | returns | decide | x | update | x | batch | x | prepare | best arm | gain | z |\n"
    "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def markdown(result: dict[str, Any]) -> str:
    entries = result["entries"]
    present = [entry for entry in entries if "missing" not in entry]
    parts = [INTRO.format(logged=LOGGED_PER_ARM, **result["machine"])]
    for setting in present[0]["settings"]:
        parts.append(f"## {setting}\n\n{HEADER}\n" + "\n".join(rows(present, setting)) + "\n")
    parts.append(replays.markdown(result["replays"]))
    parts.append(simulations.markdown(result["simulations"]))
    parts.append("## What each gives\n\n" + "\n".join(notes(present)) + "\n")
    missing = [
        f"- {entry['library']} ({', '.join(entry['requires'])}): {entry['missing']}"
        for entry in entries
        if "missing" in entry
    ]
    if missing:
        parts.append("## Not measured\n\n" + "\n".join(missing) + "\n")
    return "\n".join(parts)


def rows(entries: list[dict[str, Any]], setting: str) -> Iterator[str]:
    ours = {entry["family"]: entry["settings"][setting] for entry in entries if entry["library"] == "banditcore"}
    for entry in entries:
        seen, base = entry["settings"][setting], ours[entry["family"]]
        cells = [f"{entry['library']} {entry['version']}", entry["policy"], entry["returns"]]
        for key in ("decide_us", "update_us", "batch_us"):
            cells += [digits(seen[key]), digits(seen[key] and seen[key] / base[key])]
        cells += [digits(seen["prepare_us"]), percent(seen["best_arm_share"]), percent(seen["gain"])]
        yield f"| {' | '.join([*cells, digits(seen['draw_z'])])} |"


def notes(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield f"- **{entry['library']}, {entry['policy']}** ({entry['returns']}): {entry['note']}"


def digits(number: float | None) -> str:
    """Two or three that mean something."""
    if number is None:
        return "-"
    return f"{number:.1f}" if abs(number) < 20 else f"{number:,.0f}"


def percent(share: float) -> str:
    return f"{share:.1%}"
