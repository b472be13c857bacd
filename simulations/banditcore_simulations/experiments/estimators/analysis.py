"""How often intervals hold the truth, and what is refused."""

from __future__ import annotations

from banditcore_simulations.experiments.estimators.world import truth
from banditcore_simulations.lab.analysis import Analysis, Check, Picture
from banditcore_simulations.lab.bars import Bar, Bars, judged
from banditcore_simulations.lab.pictures import dots
from banditcore_simulations.lab.results import Results

MANY, FEW = "overlap, worth 355 rows", "overlap, worth 80 rows"
LOGS = 400
"""That bars are meant for."""


def covers(least: float, size: float) -> list[Bar]:
    """False alarm: below 1e-3."""
    return [
        Bar("effective sample", "median of the effective sample", most=1.1 * size, least=0.9 * size),
        *(
            Bar(name, f"95 % intervals of {name} that hold", least=least, of=LOGS, small=least - 0.06)
            for name in ("dr", "snips")
        ),
        *(
            Bar(f"{name}, anytime", f"anytime intervals of {name} that hold", least=0.95, of=LOGS, small=0.92)
            for name in ("dr", "snips")
        ),
    ]


BARS: Bars = {
    # The model by itself, whatever the overlap.
    MANY: [*covers(0.92, 355.0), Bar("dm", "95 % intervals of dm that hold, and fails", most=0.5, strict=True)],
    "overlap, worth 175 rows": covers(0.90, 175.0),
    # Few effective rows: so none is shown there.
    FEW: [
        Bar("effective sample", "median of the effective sample", most=100.0, strict=True),
        Bar("ips", "95 % intervals of ips that hold, and fails", most=0.86, strict=True),
    ],
    "poor overlap": [
        Bar("refused", "refused", least=0.6),
        Bar("normal", "normal intervals shown", most=0.0),
        Bar("bounds", "bounds that hold", least=0.95, of=LOGS, among="bounded"),
    ],
    # 1e-2.
    "good overlap": [Bar("refused", "refused", most=0.01, of=LOGS)],
    "propensities of one arm x 1.2": [
        Bar("found", "called wrong arm by arm", least=0.98),
        Bar("without vectors", "called wrong without whole vectors"),
        Bar(
            "by the mean weight",
            "called wrong by the mean of the target's weights alone, and fails",
            most=0.7,
            strict=True,
        ),
        Bar("alarms", "right ones called wrong", most=0.005, of=LOGS, small=0.025),
    ],
}


def analyse(results: Results) -> Analysis:
    """All bars, and how wide errors are beside the scatter of values."""
    many = results.where(kind=MANY)
    shares = {name: many.column(name).mean() for name in ("dr", "snips", "dm")}
    refused = results.where(kind="poor overlap").column("refused").mean()
    spoilt = results.where(kind="propensities of one arm x 1.2")
    summary = (
        f"With overlap worth 355 of 2,000 rows {shares['dr']:.0%} of the 95 % intervals of DR hold the truth and "
        f"{shares['snips']:.0%} of those of SNIPS; of the outcome model by itself only {shares['dm']:.0%} would. "
        f"{refused:.0%} of the logs with poor overlap are refused, and one arm's propensities logged 1.2 times too "
        f"high are found in {spoilt.column('found').mean():.0%} of the logs of 20,000 rows."
    )
    found = judged(results, BARS, summary)
    picture = Picture(
        "coverage",
        f"Share of 95 % intervals that hold the truth, {truth():.3f}, by the rows that a log of 2,000 is worth for the "
        "target, whether they are shown or not; dashed 95 %. Means over seeds with 95 % intervals.",
        dots(
            coverage(results),
            "held",
            x="interval",
            colour="estimator",
            y_title="95 % intervals that hold the truth",
            x_title="share of logs",
            truth=0.95,
        ),
    )
    return Analysis(found.summary, [picture], found.tables, [*found.checks, *errors(many)])


def coverage(results: Results) -> Results:
    """A row an estimator, an overlap and a seed."""
    rows = [
        {"interval": row["kind"].partition(", ")[2], "estimator": name, "held": row[name]}
        for row in results.rows
        if row["kind"].startswith("overlap")
        for name in ("dr", "snips", "ips", "dm")
    ]
    return Results(rows)


def errors(many: Results) -> list[Check]:
    """Standard errors are the scatter of the values: within .12 of it over 400 logs, .25 over fewer. False alarm: below
    1e-2."""
    checks = []
    for name in ("dr", "snips"):
        ratio, n = over_scatter(many, name, f"{name}, errors")
        most = 0.12 if n >= LOGS else 0.25
        what = f"{MANY}: standard error of {name} over the scatter of its values"
        checks.append(Check(what, f"{ratio:.3g}", f"1 ± {most:.2g}", bool(abs(ratio - 1.0) <= most)))
    fixed, _ = over_scatter(many, "snips", "snips, errors with the mean weight fixed")
    what = f"{MANY}: error of snips with the mean weight fixed over the scatter, and fails"
    return [*checks, Check(what, f"{fixed:.3g}", "more than 1.12", fixed > 1.12)]


def over_scatter(many: Results, name: str, error: str) -> tuple[float, int]:
    """Mean error over the standard deviation of values, and of how many logs."""
    values = many.column(f"{name}, values").ravel()
    return float(many.column(error).mean() / values.std(ddof=1)), len(values)
