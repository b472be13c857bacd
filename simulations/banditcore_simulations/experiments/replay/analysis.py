"""Whether a replay is worth what playing is."""

from __future__ import annotations

import numpy as np

from banditcore.types import Floats
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.bars import bar
from banditcore_simulations.lab.checking import errors_above, shown
from banditcore_simulations.lab.pictures import dots
from banditcore_simulations.lab.results import Results

NAIVE = "biased log, naive match"
LOGS = 200
"""That bars of coverage are meant for."""


def analyse(results: Results) -> Analysis:
    """Errors of values, and the coverage of their intervals."""
    errors = {case: some.column("errors").ravel() for (case,), some in results.where(kind="replay").by("case")}
    off = max(abs(found.mean()) for case, found in errors.items() if case != NAIVE)
    covered = covers(results)
    summary = (
        f"A replay is worth what playing as many steps is: each way that fits the log is off by {off:.4f} of a reward "
        f"at most, while matching on a log that is not uniform is off by {shown(errors[NAIVE])}. "
        + " ".join(f"{each.what.partition(': ')[2]}: {each.measured} of the logs." for each in covered)
    )
    picture = Picture(
        "errors",
        "Replayed value less the value of playing as many steps in the same shop, by the way that rows are accepted; "
        "dashed no error. Means over shops with 95 % intervals.",
        dots(
            Results([{"way": case, "error": float(one)} for case, found in errors.items() for one in found]),
            "error",
            x="way",
            y_title="replay less playing",
            x_title="reward a decision",
            truth=0.0,
        ),
    )
    rows = [(case, *(float(f"{each:.3g}") for each in spread(found)), len(found)) for case, found in errors.items()]
    columns = ("way", "mean error", "standard error", "standard deviation", "shops")
    return Analysis(summary, [picture], [Table("Replay less playing", columns, rows)], [*judged(errors), *covered])


def spread(found: Floats) -> tuple[float, float, float]:
    """Mean, its standard error, standard deviation."""
    deviation = float(found.std(ddof=1))
    return float(found.mean()), deviation / np.sqrt(len(found)), deviation


def judged(errors: dict[str, Floats]) -> list[Check]:
    """Within 3 standard errors (false alarm: 3e-3), and the naive one beyond 5 (none false): rows on which the logging
    policy agreed are kept too often. DR-ns counts the rejected rows as well: measured .76 of the scatter."""
    checks = []
    for case, found in errors.items():
        by = errors_above(found)
        said = f"{shown(found)}: {by:+.1f} standard errors"
        if case == NAIVE:
            checks.append(Check(f"replay less playing, {case}, and fails", said, "more than 5", by > 5.0))
        else:
            checks.append(Check(f"replay less playing, {case}", said, "within 3", abs(by) <= 3.0))
    ratio = float(errors["biased log, dr_ns"].std() / errors["biased log, rejection"].std())
    what = "standard deviation of dr_ns over that of rejection, biased log"
    return [*checks, Check(what, f"{ratio:.3g}", "less than 1", ratio < 1.0)]


def covers(results: Results) -> list[Check]:
    """Shares of logs whose 95 % interval covers what playing earns: .93 of 200 logs is .95 less an error of .015; with
    fewer, 2e-3 of a false alarm at most. Repeats share the log, so their mean has not their spread / sqrt(repeats)."""
    checks = []
    for (case,), some in results.where(kind="coverage").by("case"):
        apart = np.abs(some.column("values") - some.column("played").mean())
        runs = apart.shape[1]
        held = (apart <= some.column("halves")).mean(axis=1)
        checks.append(bar(f"coverage: {case}, 95 % intervals that hold", held, least=0.93, runs=runs, of=LOGS))
        if case == "uniform log, match":
            fails = (apart <= some.column("halves by repeats")).mean(axis=1)
            what = f"coverage: {case}, intervals by spread / sqrt(repeats) that hold, and fails"
            checks.append(bar(what, fails, most=0.6, runs=runs))
    return checks
