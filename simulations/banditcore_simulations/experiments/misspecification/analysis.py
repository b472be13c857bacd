"""That linear policies fail where their model is wrong, and recover where they are told what it takes."""

from banditcore_simulations.experiments.misspecification.sweep import CONTEXT_FREE
from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.checking import shown, values
from banditcore_simulations.lab.results import Results

STILL = 0.5
"""A policy fails whose regret a visit in the second half is more than this part of the first half's."""
LEFT = 0.2
"""One recovers whose second half has less than this part of the regret that it had without what it takes."""
TITLES = {"nothing": "told nothing", "given": "as given", "right": "put right"}


def analyse(results: Results) -> Analysis:
    """Regret a visit in both halves of a run, by what policies are told."""
    named = Results([{**row, "told": TITLES[row["form"]]} for row in results.rows])
    linear = Results([row for row in named.rows if row["policy"] != "lin_ucb"])
    return Analysis(
        summary=_summary(results),
        pictures=[
            Picture(
                "regret",
                "Regret of Thompson sampling where a linear model is wrong: straight lines are policies that have "
                "stopped to learn. Put right, it is told the product, the wave or the missing feature, models clicks "
                "in place of a linear threshold, or has rewards cut that have no variance. Bands hold four "
                "fifths of the seeds.",
                pictures.curves(linear, "regret_curve", colour="told", facet="kind", y_title="regret"),
            ),
            Picture(
                "second_half",
                "Regret a visit of Thompson sampling in the second half of the run: what more data would not take "
                "away. Bars are 95 % intervals over seeds.",
                pictures.dots(
                    linear,
                    "second_half",
                    x="kind",
                    colour="told",
                    y_title="regret a visit, second half",
                    x_title="what the model is wrong about",
                ),
            ),
        ],
        tables=[_table(results)],
        checks=[check for (kind,), group in results.by("kind") for check in _checks(kind, group)],
    )


def _given(group: Results) -> list[str]:
    return [name for name in group.where(form="given").values("policy") if isinstance(name, str)]


def _right(group: Results, policy: str) -> str:
    """What puts the policy right: itself, told more, or another model."""
    put = group.where(form="right").values("policy")
    return policy if policy in put else str(put[0])


def _summary(results: Results) -> str:
    parts = []
    for (kind,), group in results.by("kind"):
        late = values(group, "second_half", form="given", policy="linear_ts")
        nothing = values(group, "second_half", form="nothing", policy=CONTEXT_FREE)
        right = values(group, "second_half", form="right", policy=_right(group, "linear_ts"))
        parts.append(
            f"{kind}: {shown(late)}, against {shown(nothing)} without any features and {shown(right)} put right"
        )
    return (
        "Where its model is wrong, regret of a linear policy grows by as much in every visit, however long it learns. "
        f"linear_ts loses in a visit of the second half of {results.rows[0]['events']:,} (mean and standard error): "
        f"{'; '.join(parts)}. What helps is the right feature, the right link, or rewards that are cut; more data or "
        "more exploring does not. A policy that plays by its own data may lose less than the best linear approximation "
        "over all visits, since it fits each arm where that is played."
    )


def _table(results: Results) -> Table:
    rows = []
    for (kind, form, policy), group in results.by("kind", "form", "policy"):
        halves = (shown(group.column(name)) for name in ("first_half", "second_half"))
        linear = f"{group.column('linear_loss').mean():.3g}" if form == "given" else ""
        rows.append((kind, TITLES[form], policy, shown(group.column("regret")), *halves, linear))
    columns = ("wrong about", "told", "policy", "regret", "a visit, first half", "second half", "linear fit")
    caption = (
        "Mean and standard error over seeds. Linear fit: what is lost a visit by who knows the best linear "
        "approximation of every arm's means and plays by it; noise does not touch it."
    )
    return Table("Regret of models that are wrong", columns, rows, caption)


def _checks(kind: str, group: Results) -> list[Check]:
    """False alarms: less than 1e-3 each; the nearest to its bar is 5 standard errors off."""
    checks = []
    for policy in _given(group):
        first, second = (values(group, half, form="given", policy=policy) for half in ("first_half", "second_half"))
        part = second.mean() / first.mean()
        what = f"{kind}, {policy} as given: regret does not stop"
        bar = f"second half more than {STILL:g} of the first"
        checks.append(Check(what, f"{part:.2f}", bar, bool(part > STILL)))
        right = values(group, "second_half", form="right", policy=_right(group, policy))
        left = right.mean() / second.mean()
        what = f"{kind}, {policy} put right: it learns"
        measured = f"{left:.3f} of the regret a visit that it has as given"
        checks.append(Check(what, measured, f"less than {LEFT:g}", bool(left < LEFT)))
    return checks
