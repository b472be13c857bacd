"""How often figures of a log hold, agree with the holdout, and are refused."""

from __future__ import annotations

from banditcore_simulations.experiments.off_policy.world import ARMS
from banditcore_simulations.lab.analysis import Analysis, Check, Picture
from banditcore_simulations.lab.bars import Bar, Bars, bar, judged
from banditcore_simulations.lab.pictures import dots
from banditcore_simulations.lab.results import Results

LEARNS = "policy that learns"
RUNS, LOGS = 300, 200
"""That bars are meant for."""
BARS: Bars = {
    # False alarm: below 1e-3, measured .99 to 1.
    LEARNS: [
        Bar("lift", "every interval of 10 looks has the policy's lift", least=0.95),
        *(Bar(arm, f"every interval has the value of always {arm}", least=0.95) for arm in ARMS),
        Bar("lift shown", "lifts shown at the end", least=0.9),
        Bar("values shown", "values of variants shown at the end", least=0.9),
        # 1e-3, with nothing wrong.
        Bar("disagrees", "ever disagrees with the holdout", most=0.05, of=RUNS, small=0.1),
        Bar("raw bias", "relative bias of raw means"),
        Bar("bias", "relative bias of the values that are shown"),
    ],
    # 1e-3.
    "propensities of one arm x 1.2": [Bar("wrong", "called wrong", least=0.98, of=LOGS, small=0.9)],
    "sound log": [Bar("wrong", "called wrong", most=0.01), Bar("refused", "refused", most=0.01)],
    "poor overlap": [Bar("refused", "refused", least=0.6)],
}


def analyse(results: Results) -> Analysis:
    """All bars, and the raw means of both worlds."""
    learns = results.where(kind=LEARNS)
    raw = naive(learns)
    summary = (
        "Of a policy that learns the log has the lift in every interval of 10 looks in "
        f"{learns.column('lift').mean():.1%} of the runs, and {learns.column('disagrees').mean():.1%} ever contradict "
        "the holdout. The usual 95 % intervals "
        f"of the variants' raw means hold in {raw.measured}. Logs whose propensities are 1.2 times too high for one "
        f"arm are called wrong in {results.where(kind='propensities of one arm x 1.2').column('wrong').mean():.0%}."
    )
    found = judged(results, BARS, summary)
    picture = Picture(
        "coverage",
        "Share of runs in which all intervals of 10 looks hold, for the policy's lift and for always a variant; "
        "and share of the usual intervals of raw means that hold at the end, which were to hold in 95 % (dashed). "
        "Means over seeds with 95 % intervals.",
        dots(
            coverage(learns),
            "held",
            x="figure",
            colour="world",
            y_title="intervals that hold the truth",
            x_title="share of runs",
            truth=0.95,
        ),
    )
    return Analysis(found.summary, [picture], found.tables, [*found.checks, raw])


def naive(learns: Results) -> Check:
    """What must not be shown as an effect: raw means are too low."""
    what = f"{LEARNS}: 95 % intervals of raw means hold, and fails"
    return bar(what, learns.column("raw"), most=0.93, strict=True, among=learns.column("raws"))


def coverage(learns: Results) -> Results:
    """A row a figure, a world and a seed."""
    names = {"lift": "lift of the policy", **{arm: f"always {arm}" for arm in ARMS}, "raw": "raw means, one look"}
    rows = [
        {"figure": name, "world": row["case"], "held": row[column]}
        for row in learns.rows
        for column, name in names.items()
    ]
    return Results(rows)
