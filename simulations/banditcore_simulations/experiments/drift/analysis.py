"""What a half-life gains where the world changes, and what it costs where it stays."""

from banditcore_simulations.experiments.drift.sweep import PERIOD, STAYS
from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.checking import shown, values
from banditcore_simulations.lab.results import Results

HALF_LIFE = 500
PART = 0.5
"""With that half-life regret is less than this part of the regret without, in every run where the world changes."""


def analyse(results: Results) -> Analysis:
    """Parts of regret that are left with a half-life, by kind of change."""
    compared = Results([row for row in results.rows if row["half_life"] in (0, HALF_LIFE)])
    named = Results([{**row, "policy": label(row["policy"], row["half_life"])} for row in compared.rows])
    return Analysis(
        summary=_summary(results),
        pictures=[
            Picture(
                "regret",
                f"Regret with and without forgetting, where weights jump every {PERIOD:,} visits, move gradually, go "
                "round with the seasons, or stay. Bands hold four fifths of the seeds.",
                pictures.curves(named, "regret_curve", facet="kind", y_title="regret"),
            ),
            Picture(
                "half_life",
                "Regret by half-life in visits; 0 never forgets. Forgetting faster than the world changes costs, and "
                "so does forgetting slower. Bars are 95 % intervals over seeds.",
                pictures.dots(
                    results,
                    "regret",
                    x="half_life",
                    colour="policy",
                    facet="kind",
                    y_title="regret",
                    x_title="half-life, visits",
                ),
            ),
        ],
        tables=[_table(results)],
        checks=[check for (kind,), group in results.by("kind") for check in _checks(kind, group)],
    )


def label(policy: str, half_life: int) -> str:
    """Of a curve."""
    return f"{policy}, half-life {half_life}" if half_life else policy


def _summary(results: Results) -> str:
    parts = []
    for (kind, policy), group in results.by("kind", "policy"):
        ratio = values(group, "regret", half_life=HALF_LIFE) / values(group, "regret", half_life=0)
        parts.append(f"{kind}, {policy}: {shown(ratio)} ({ratio.min():.2f} to {ratio.max():.2f})")
    return (
        f"Regret with a half-life of {HALF_LIFE} visits over regret without (mean and standard error over seeds, "
        f"range): {'; '.join(parts)}. Where the world stays forgetting only costs, so it is off by default."
    )


def _table(results: Results) -> Table:
    rows = []
    for (kind, policy, half_life), group in results.by("kind", "policy", "half_life"):
        found = values(group, "regret")
        part = found / values(results, "regret", kind=kind, policy=policy, half_life=0)
        rows.append((kind, policy, half_life, shown(found), shown(part)))
    columns = ("kind", "policy", "half-life", "regret", "part of that without")
    return Table("Regret by kind of drift", columns, rows, "Mean and standard error over seeds.")


def _checks(kind: str, group: Results) -> list[Check]:
    """False alarms: 1e-4 a run where weights jump, where the part is .35 with a standard deviation of .035 over seeds;
    none where they move slowly. Where they stay, costs are 1.4 to 2.5 times the regret without: 1e-2 a run at most."""
    checks = []
    for (policy,), own in group.by("policy"):
        without, fading = (values(own, "regret", half_life=half_life) for half_life in (0, HALF_LIFE))
        if kind == STAYS:
            what = f"{kind}, {policy}: a half-life of {HALF_LIFE} costs"
            measured = f"{shown(fading)} against {shown(without)}"
            checks.append(Check(what, measured, "more in every run", bool((fading > without).all())))
        else:
            part = fading / without
            what = f"{kind}, {policy}: regret with a half-life of {HALF_LIFE}, part of that without"
            measured = f"{shown(part)}, at most {part.max():.2f}"
            checks.append(Check(what, measured, f"below {PART:g} in every run", bool(part.max() < PART)))
    return checks
