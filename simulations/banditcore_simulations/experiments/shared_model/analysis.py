"""Joint draws and independent marginals: bars for both, and worlds where marginals pay for what decides nothing."""

from banditcore.types import Floats
from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.checking import at_most, errors_above, shown, values, worse
from banditcore_simulations.lab.results import Results

BARS = {10: (30.0, 31.5), 50: (75.0, 90.0)}
"""By arms, of joint draws and of marginals. Those of 10 arms are 3 standard errors over what 108 seeds gave (26.2 and
27.6): false alarms of 1e-3 each, as at 50 arms."""
SEEDS, WIDER = 24, 1.25
"""That they are meant for, and by how much they are wider for fewer."""


def analyse(results: Results) -> Analysis:
    """Bars, the order of the two, and what marginals cost where arms are alike."""
    apart, alike = results.where(common=0.0), Results([row for row in results.rows if row["common"] > 0.0])
    return Analysis(
        summary=_summary(results),
        pictures=[
            Picture(
                "alike",
                "Regret of one model for 10 arms, by how much the features of different arms correlate: marginals also "
                "explore what all scores share, which decides nothing. Bars are 95 % intervals over seeds.",
                pictures.dots(
                    results.where(arms=10),
                    "regret",
                    x="common",
                    colour="vector",
                    y_title="regret",
                    x_title="correlation of features between arms",
                ),
            )
        ],
        tables=[_table(results)],
        checks=[*(check for key in apart.by("arms") for check in _bars(*key)), *map(_pays, _pairs(alike))],
    )


Pair = tuple[str, Floats, Floats]
"""Which world, and the regret of joint draws and of marginals in it."""


def _pairs(results: Results) -> list[Pair]:
    return [
        (
            f"K = {arms}, d = {features}, arms alike {common:g}",
            values(group, "regret", vector="joint"),
            values(group, "regret", vector="marginal"),
        )
        for (arms, features, common), group in results.by("arms", "features", "common")
    ]


def _summary(results: Results) -> str:
    found = [
        f"{where}: {shown(joint)} joint, {marginal.mean() / joint.mean():.2f} times as much marginal"
        for where, joint, marginal in _pairs(results)
    ]
    return f"Regret after {results.rows[0]['events']:,} visits (mean and standard error). {'; '.join(found)}."


def _table(results: Results) -> Table:
    rows = [
        (where, shown(joint), shown(marginal), shown(marginal - joint), f"{marginal.mean() / joint.mean():.2f}")
        for where, joint, marginal in _pairs(results)
    ]
    columns = ("world", "joint", "marginal", "difference", "ratio")
    return Table("Regret of one model for all arms", columns, rows, "Mean and standard error over paired seeds.")


def _bars(key: tuple[int], group: Results) -> list[Check]:
    (where, joint, marginal) = _pairs(group)[0]
    bars = [bar * (1.0 if len(joint) >= SEEDS else WIDER) for bar in BARS[key[0]]]
    errors = errors_above(marginal - joint)
    return [
        at_most(f"regret of joint draws, {where}", joint, bars[0]),
        at_most(f"regret of marginals, {where}", marginal, bars[1]),
        Check(
            f"joint draws are no worse than marginals, {where}",
            f"{errors:.1f} standard errors better",
            "more than -3 (false alarm 1e-3)",
            errors > -3.0,
        ),
    ]


def _pays(pair: Pair) -> Check:
    """False alarm: 1e-3 at a correlation of .3, none at .8."""
    where, joint, marginal = pair
    return worse(f"marginals pay, {where}", marginal, joint)
