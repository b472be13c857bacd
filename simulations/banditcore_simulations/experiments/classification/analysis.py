"""Bars for progressive error on labelled sets, another library's totals, and the unit of the reward."""

from banditcore_simulations.experiments.classification.sweep import (
    FEW,
    GREEDY,
    IN_FILE_ORDER,
    IN_HUNDREDS,
    PASSES,
    UNIT_FREE,
)
from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.checking import at_most, shown, values
from banditcore_simulations.lab.results import Results

BARS = {
    ("digits", "lin_ucb"): 0.11,
    ("digits", "linear_ts"): 0.14,
    ("wine", "lin_ucb"): 0.03,
    ("wine", "linear_ts"): 0.025,
    ("iris", "lin_ucb"): 0.092,
    ("iris", "linear_ts"): 0.086,
    ("breast_cancer", "lin_ucb"): 0.041,
    ("breast_cancer", "linear_ts"): 0.049,
}
"""Progressive error at most. False alarm: 1e-3 each."""
MABWISER = {"lin_ucb": 1_426.0, "lin_ucb, alpha .3": 1_576.0}
"""Total reward of MABWiser 2.7.4 (pypi.org/project/mabwiser, LinUCB with l2 = 1 and a constant, one update a row) on
the digits of scikit-learn in the order of the file. It gives ties to the first arm, which are drawn here."""


def analyse(results: Results) -> Analysis:
    """Errors, totals beside theirs, and actions that change with the unit."""
    passes = results.where(task=PASSES)
    few = Results([row for row in passes.rows if row["policy"] in FEW])
    return Analysis(
        summary=_summary(results),
        pictures=[
            Picture(
                "mistakes",
                "Mistakes so far on labelled sets, each class an arm: several passes over the rows, in an order of the "
                "seed's own. Bands hold four fifths of the seeds.",
                pictures.curves(few, "regret_curve", facet="data", y_title="mistakes"),
            ),
            Picture(
                "error",
                "Share of mistakes over all passes, learning included. Bars are 95 % intervals over seeds.",
                pictures.dots(few, "error", x="policy", facet="data", y_title="progressive error", x_title="policy"),
            ),
        ],
        tables=[_errors(passes), _totals(results.where(task=IN_FILE_ORDER))],
        checks=[*_bars(passes), *_order(passes), *_beside(results), *_units(results.where(task=IN_HUNDREDS))],
    )


def _summary(results: Results) -> str:
    parts = [
        f"{data} x{passes}: " + ", ".join(f"{name} {shown(group.where(policy=name).column('error'))}" for name in names)
        for (data, passes), group in results.where(task=PASSES).by("data", "passes")
        for names in [[name for name in FEW if name in group.values("policy")]]
    ]
    totals = [
        f"{name} earns {shown(values(results, 'total', task=IN_FILE_ORDER, policy=name), 4)}, MABWiser {theirs:.0f}"
        for name, theirs in MABWISER.items()
        if results.where(task=IN_FILE_ORDER, policy=name).rows
    ]
    return (
        f"Progressive error, mean and standard error over seeds. {'; '.join(parts)}. On digits in the order of the "
        f"file {'; '.join(totals)}. Greedy is a strong rule here, since a wrong guess teaches that arm too."
    )


def _errors(passes: Results) -> Table:
    rows = [
        (f"{data} x{times}", policy, shown(group.column("error")), f"{group.column('error').std(ddof=1):.2g}")
        for (data, times, policy), group in passes.by("data", "passes", "policy")
    ]
    columns = ("set", "policy", "progressive error", "sd of a run")
    return Table("Progressive error", columns, rows, "Mean and standard error over orders of the rows.")


def _totals(filed: Results) -> Table:
    rows = []
    for (policy,), group in filed.by("policy"):
        total = group.column("total")
        rows.append((policy, shown(total, 4), f"{total.min():.0f} to {total.max():.0f}", MABWISER[policy]))
    caption = "Of 1,797; seeds differ in how ties are drawn, most of which are among the first rows."
    return Table(
        "Digits in the order of the file", ("policy", "total reward", "range", "MABWiser 2.7.4"), rows, caption
    )


def _bars(passes: Results) -> list[Check]:
    return [
        at_most(f"{data}, progressive error of {policy}", group.column("error"), BARS[data, policy])
        for (data, policy), group in passes.by("data", "policy")
        if (data, policy) in BARS
    ]


def _order(passes: Results) -> list[Check]:
    """Who is better on digits. False alarm: 3 %, all from LinUCB, which is some 2 standard errors better than
    greedy."""
    digits = passes.where(data="digits")
    pairs = [("lin_ucb", GREEDY), ("linear_ts", GREEDY), ("square_cb", "square_cb, gamma a tenth")]
    checks = []
    for good, bad in pairs:
        if good not in digits.values("policy"):
            continue
        better, error = values(digits, "error", policy=good), values(digits, "error", policy=bad)
        measured = f"{shown(better)} against {shown(error)}"
        checks.append(Check(f"digits, {good} below {bad}", measured, "below", bool(better.mean() < error.mean())))
    return checks


def _beside(results: Results) -> list[Check]:
    """MABWiser's total is one more run with its own ties. False alarm: 1e-3."""
    checks = []
    for (policy,), group in results.where(task=IN_FILE_ORDER).by("policy"):
        total = group.column("total")
        off = abs(total.mean() - MABWISER[policy]) / total.std(ddof=1)
        what = f"digits in the order of the file, total of {policy} beside MABWiser's {MABWISER[policy]:.0f}"
        bar = "within 3.5 standard deviations of a run"
        checks.append(Check(what, f"{shown(total, 4)}: {off:.1f} off", bar, bool(off <= 3.5)))
    return checks


def _units(hundreds: Results) -> list[Check]:
    """Wrong alternative: LinUCB's alpha is in units of the reward, so that the others do not change is not
    automatic."""
    checks = []
    for (policy,), group in hundreds.by("policy"):
        changed, free = group.column("changed"), policy in UNIT_FREE
        what = f"{policy}, rewards of 100 in place of 1: actions that {'do not ' if free else ''}change"
        holds = bool((changed == 0.0).all() if free else (changed > 0.0).all())
        checks.append(Check(what, f"{changed.mean():g} changed", "none" if free else "some, in every run", holds))
    return checks
