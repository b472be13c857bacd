"""What a new arm costs, and what it gains from inheriting: better means at once, and no claim about regret."""

from banditcore.types import Floats
from banditcore_simulations.experiments.cold_start.sweep import AFTER, REWARDS
from banditcore_simulations.lab import pictures
from banditcore_simulations.lab.analysis import Analysis, Check, Picture, Table
from banditcore_simulations.lab.checking import at_most, shown, values, worse
from banditcore_simulations.lab.results import Results

INHERITS = 100
SOON = 50


def analyse(results: Results) -> Analysis:
    """Means when the arm joins, visits until its fair share, regret since."""
    named = Results([{**row, "start": start(row["mature_after"])} for row in results.rows])
    return Analysis(
        summary=_summary(results),
        pictures=[
            Picture(
                "regret",
                "Regret since the new arm joined, whether it starts from what mature arms have in common or from "
                "nothing; arms whose weights correlate by .9. Bands hold four fifths of the seeds.",
                pictures.curves(
                    named.where(alike=0.9),
                    "regret_curve",
                    colour="start",
                    facet="policy",
                    y_title="regret since the arm joined",
                    x_title="visits since the arm joined",
                ),
            ),
            Picture(
                "means",
                "How far off the expected rewards of the new arm are when it joins, by how much the weights of two "
                "arms correlate. Bars are 95 % intervals over seeds.",
                pictures.dots(
                    named,
                    "wrong",
                    x="alike",
                    colour="start",
                    facet="policy",
                    y_title="root mean squared error of its means",
                    x_title="correlation of weights between arms",
                ),
            ),
        ],
        tables=[_table(results)],
        checks=[check for (policy,), group in results.by("policy") for check in _checks(policy, group)],
    )


def start(mature_after: int) -> str:
    """Of the new arm."""
    return f"inherits from arms with {mature_after} visits" if mature_after else "from nothing"


def _pair(results: Results, y: str) -> tuple[Floats, Floats]:
    """Without and with inheritance."""
    return values(results, y, mature_after=0), values(results, y, mature_after=INHERITS)


def _summary(results: Results) -> str:
    parts = []
    for (policy, alike), group in results.by("policy", "alike"):
        wrong, regret = _pair(group, "wrong"), _pair(group, "regret")
        parts.append(
            f"{policy}, arms alike {alike:g}: error of the new arm's means {shown(wrong[0])} from nothing and "
            f"{shown(wrong[1])} inherited, regret {shown(regret[0])} and {shown(regret[1])}"
        )
    return (
        f"{AFTER} visits since a sixth arm joined five (mean and standard error): {'; '.join(parts)}. Inheriting makes "
        "the means of an arm that resembles the others better at once, and worse where arms have nothing in common: "
        "what is inherited is what others earned where they were played, so the new arm starts as one worth showing. "
        "Its width is that of an arm of which nothing is known, so policies explore it as much as before: no gain in "
        "regret is claimed, and it can cost."
    )


def _table(results: Results) -> Table:
    columns = ("wrong", "fair_share", "early_share", "visits_until_fair", "regret", "ignored")
    rows = [(*key, *(shown(group.column(y)) for y in columns)) for key, group in results.by(*_KEYS)]
    titles = ("error of means", "fair share", "of first 100", "visits until fair", "regret", "if never shown")
    caption = (
        "Error of its means when it joins. Fair share: of visits where it is the best. Of first 100: its share of "
        "those. If never shown: regret of who always plays the best of the others."
    )
    return Table("A new arm", (*_KEYS, *titles), rows, caption)


_KEYS = ("policy", "alike", "mature_after")


def _checks(policy: str, group: Results) -> list[Check]:
    """False alarms: less than 1e-3 each. Clicks are too few for a gain in regret to show in so few visits."""
    checks = []
    for (alike,), own in group.by("alike"):
        late = values(own, "visits_until_fair", mature_after=INHERITS)
        checks.append(at_most(f"{policy}, arms alike {alike:g}, inheriting: visits until its fair share", late, SOON))
        wrong, regret = _pair(own, "wrong"), _pair(own, "regret")
        if alike > 0.0:
            checks.append(worse(f"{policy}, alike arms: means from nothing are worse than inherited ones", *wrong))
        elif REWARDS[policy] == "linear":
            ignored = values(own, "ignored", mature_after=0)
            for found, begun in zip(regret, ("from nothing", "inheriting"), strict=True):
                what = f"{policy}, arms alike {alike:g}, {begun}: never showing the new arm loses more"
                checks.append(worse(what, ignored, found, 0.5))
    return checks
