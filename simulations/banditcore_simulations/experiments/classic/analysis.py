"""Who loses least where, seed by seed.

Checks, with how often each would fail where all is well: of policies that see the context at most one in 20,000
analyses, if all 30 pairs were on the bar (they are far below it); of those that learn, never seen; of the propensities
at most one in a million (20 bins of 40 pairs, each by a normal law).
"""

from __future__ import annotations

from banditcore.types import Floats
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.checking import mean_and_error, miscalibration, paired
from banditcore_simulations.lab.pictures import calibration, curves, dots
from banditcore_simulations.lab.results import Results

CLEAR = 4.0
"""Standard errors."""
LIMIT = 6.1
"""Standard errors that no bin of 800 exceeds but once in a million analyses, however they depend on one another."""
BLIND = ("beta_ts", "uniform")
"""Policies that do not see the context."""


def analyse(results: Results) -> Analysis:
    seeds = len(results.values("seed"))
    visits = results.rows[0]["steps"][-1]
    best = [_best(some) for _, some in results.by("world")]
    won = ", ".join(f"{policy} in {world}" for (world,), policy in zip(_worlds(results), best, strict=True))
    return Analysis(
        f"Least regret after {visits:,} visits, as the mean over {seeds} seeds: {won}. Where the table says that a"
        " difference is within two standard errors, the order may be chance.",
        pictures=_pictures(results),
        tables=[_table(results)],
        checks=[_sees(results), _explores(results), _calibrated(results)],
    )


def _pictures(results: Results) -> list[Picture]:
    band = "Lines are means over seeds, bands reach from the 10th to the 90th percentile of seeds."
    return [
        Picture(
            "regret",
            f"Clicks lost so far against a player who knows the world. {band} A line that flattens has learned.",
            curves(results, "regret_curve", facet="world", y_title="regret, in clicks"),
        ),
        Picture(
            "regret_per_visit",
            f"Clicks lost at each visit, from one point of the curve to the next. {band} In the world of drift all"
            " weights are new at visits 2,500, 5,000 and 7,500.",
            curves(results, "regret_curve", facet="world", y_title="regret, in clicks per visit", per_step=True),
        ),
        Picture(
            "best_arm",
            f"How often the arm that was played was the best one for that visitor. {band}",
            curves(results, "best_curve", facet="world", y_title="share of visits that got the best arm"),
        ),
        Picture(
            "totals",
            "Regret at the end: the dot is the mean over seeds, the line its 95 % interval.",
            dots(results, "regret", x="policy", facet="world", y_title="regret at the end, in clicks", x_title=""),
        ),
        Picture(
            "calibration",
            "What policies claimed against what was drawn, all runs together. Left, dots on the dashed line are right;"
            " right, the same as a difference, so that small ones can be seen. Lines are 95 % intervals of as"
            " many draws; those of several policies share their luck, so dots may be off together.",
            calibration(results),
        ),
    ]


def _worlds(results: Results) -> list[tuple[str]]:
    return [(str(world),) for world in results.values("world")]


def _regret(results: Results, policy: str) -> Floats:
    return results.where(policy=policy).column("regret")


def _best(results: Results) -> str:
    return min(map(str, results.values("policy")), key=lambda policy: float(_regret(results, policy).mean()))


def _table(results: Results) -> Table:
    rows: list[list[str | float]] = []
    for (world,), some in results.by("world"):
        best = _best(some)
        for policy in sorted(some.values("policy"), key=lambda name: float(_regret(some, name).mean())):
            mean, error = mean_and_error(_regret(some, policy))
            more, spread = paired(_regret(some, policy), _regret(some, best))
            told = "least" if policy == best else f"{more:+.1f} ± {spread:.1f}"
            last = float(some.where(policy=policy).column("best_curve")[:, -1].mean())
            rows.append([world, policy, f"{mean:.1f} ± {error:.1f}", told, f"{last:.0%}"])
    return Table(
        "Regret at the end",
        ["World", "Policy", "Regret, clicks", "More than the least", "Best arm, last hundredth"],
        rows,
        "Means over seeds ± their standard errors. Differences are of the same seed, which has the same visitors and"
        " the same luck, so their errors are smaller than the others.",
    )


def _sees(results: Results) -> Check:
    """Those that see the context lose less than the one that learns without it."""
    seeing = [policy for policy in results.values("policy") if policy not in BLIND]
    gaps = {
        (world, policy): paired(_regret(some, policy), _regret(some, "beta_ts"))
        for (world,), some in results.by("world")
        for policy in seeing
    }
    worst = max(gaps, key=lambda key: gaps[key][0] / gaps[key][1])
    more, error = gaps[worst]
    return Check(
        "No policy that sees the context is shown to lose more than beta_ts, which does not",
        f"closest: {worst[1]} in {worst[0]}, {more:+.1f} ± {error:.1f} clicks",
        f"below {CLEAR:g} standard errors",
        more < CLEAR * error,
    )


def _explores(results: Results) -> Check:
    learning = [policy for policy in results.values("policy") if policy != "uniform"]
    shares = {
        (world, policy): float(_regret(some, policy).mean() / _regret(some, "uniform").mean())
        for (world,), some in results.by("world")
        for policy in learning
    }
    worst = max(shares, key=lambda key: shares[key])
    return Check(
        "Every policy that learns loses less than one that draws arms blindly",
        f"closest: {worst[1]} in {worst[0]}, {shares[worst]:.0%} of uniform's regret",
        "below 100%",
        shares[worst] < 1.0,
    )


def _calibrated(results: Results) -> Check:
    found = {key: miscalibration(some) for key, some in results.by("world", "policy")}
    worst = max(found, key=lambda key: found[key])
    return Check(
        "Every policy draws arms as often as its propensities claim",
        f"{found[worst]:.2f} standard errors in the worst bin, {worst[1]} in {worst[0]}",
        f"below {LIMIT}",
        found[worst] < LIMIT,
    )
