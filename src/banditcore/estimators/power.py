"""What a holdout can show, before anything is counted: how many units a lift needs, and which lift units can show.

A test of fixed size on the log ratio (two-sided .05, power .8), the groups' means being p and p' = p (1 + L):

    N = ((z_.975 + z_.8) / log(1 + L))^2 * [(1 - p) / (p q) + (1 - p') / (p' (1 - q))]

units in both groups together, q of them held out. (1 - p) / p is the squared coefficient of variation of a 0/1
outcome; of a value or a ratio it is spread^2, in both groups. Where the goal is to decrease, p' = p / (1 + L), so that
a lift has the same size on the log scale either way. A covariate (CUPED) is not counted on.

Looking at any time costs some: with the planned boundary and the open sequence the power at N is about .74.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from banditcore.config import ExperimentSpec, GoalSpec
from banditcore.errors import InvalidInput
from banditcore.estimators.lift.confidence_sequence import design_information
from banditcore.findings import Power

DAY_S = 86_400.0
OUT_OF_REACH = 3.0
"""Times the target lift: a holdout that can only show more than that is refused."""
LARGEST_RISE = 1_000.0
"""Lifts beyond are not looked for."""
LARGEST_FALL = 3.4
"""As a lift, where a 0/1 outcome is to decrease: beyond, fewer conversions make the test weaker, not stronger."""
LARGEST_SHARE = 0.95
"""Of a holdout that is recommended."""
BISECTIONS = 60


def units_needed(lift: float, share: float, goal: GoalSpec) -> float:
    """Units in both groups together that show the relative `lift` > 0 with a holdout of `share`; inf where none do.

    Needs the goal's baseline, and its spread unless it is binary: `known(goal)`.
    """
    if not 0.0 < share < 1.0:
        raise InvalidInput(f"share must lie strictly between 0 and 1, got {share}", field="share")
    control, treated = _scatter(goal, lift)
    return design_information(lift) * (control / share + treated / (1.0 - share))


def smallest_lift(units: float, share: float, goal: GoalSpec) -> float:
    """Smallest relative lift that `units` in both groups together show with a holdout of `share`; inf where none is."""
    return _smallest(lambda lift: units_needed(lift, share, goal), units, goal)


def best_share(units: float, goal: GoalSpec) -> float:
    """Holdout share with which `units` show the smallest lift: .5, but for the different scatter of 0/1 outcomes."""
    lift = _smallest(lambda lift: _fewest_units(lift, goal), units, goal)
    return _best_share(lift if lift < math.inf else 0.0, goal)


def known(goal: GoalSpec) -> bool:
    """Whether the definition says enough of the goal to plan with."""
    return goal.baseline is not None and (goal.kind == "binary" or goal.spread is not None)


def plan(spec: ExperimentSpec) -> Power | None:
    """What the holdout of `spec` can show on its primary goal; None where it does not say what is expected.

    It needs units_per_day, duration, and of the primary goal baseline, and spread unless it is binary. Only units whose
    window has closed by the end count.
    """
    goal = spec.primary_goal
    if spec.units_per_day is None or spec.duration_s is None or not known(goal):
        return None
    per_day, matured = spec.units_per_day, _matured(spec)
    lift = smallest_lift(matured, spec.holdout, goal)
    days = units_needed(spec.target_lift, spec.holdout, goal) / per_day + goal.closes_s / DAY_S
    best = best_share(matured, goal)
    return Power(
        units=per_day * spec.duration_s / DAY_S,
        smallest_lift=lift,
        days_to_target=days,
        best_share=best,
        message=f"A holdout of {_percent(spec.holdout)} {_shows(spec, lift)}{_time(spec, days)}{_better(spec, best)}.",
    )


def refuse_out_of_reach(spec: ExperimentSpec) -> None:
    """Raises InvalidInput where the smallest lift the holdout can show is more than three times the target lift.

    The message names the smallest share that would do, or how many units and days it would take with the best one.
    Nothing is refused where `plan` is None.
    """
    power = plan(spec)
    if power is None or power.smallest_lift <= OUT_OF_REACH * spec.target_lift:
        return
    raise InvalidInput(
        f"experiments.{spec.name}.holdout: a holdout of {_percent(spec.holdout)} {_shows(spec, power.smallest_lift)}, "
        f"too little for a target_lift of {_percent(spec.target_lift)}: {_remedy(spec)}",
        field=f"experiments.{spec.name}.holdout",
    )


# The sums.


def _scatter(goal: GoalSpec, lift: float) -> tuple[float, float]:
    """Squared coefficients of variation of a unit's outcome, without and with the lift; inf where it cannot be."""
    if goal.baseline is None or not known(goal):
        words = f"goal {goal.name} needs a baseline, and a spread unless it is binary, to plan with"
        raise InvalidInput(words, field="baseline")
    if goal.kind != "binary":
        spread = float(goal.spread or 0.0) ** 2
        return spread, spread
    odds = 1.0 / goal.baseline
    treated = odds / (1.0 + lift) - 1.0 if goal.direction == "increase" else odds * (1.0 + lift) - 1.0
    # Of a share that just reaches 1, rounding must not say that it is above.
    return odds - 1.0, max(treated, 0.0) if treated > -1e-12 else math.inf


def _fewest_units(lift: float, goal: GoalSpec) -> float:
    """Units that show the lift with the share that suits it best."""
    control, treated = _scatter(goal, lift)
    return design_information(lift) * (math.sqrt(control) + math.sqrt(treated)) ** 2


def _best_share(lift: float, goal: GoalSpec) -> float:
    control, treated = (math.sqrt(scatter) for scatter in _scatter(goal, lift))
    return control / (control + treated)


def _largest(goal: GoalSpec) -> float:
    """Largest lift that is looked for: up to it, larger ones need fewer units."""
    if goal.kind != "binary" or goal.baseline is None:
        return LARGEST_RISE
    return min(1.0 / goal.baseline - 1.0, LARGEST_RISE) if goal.direction == "increase" else LARGEST_FALL


def _smallest(needed: Callable[[float], float], units: float, goal: GoalSpec) -> float:
    """Smallest lift for which no more than `units` are needed, by bisection of its logarithm; inf where none is."""
    low, high = 0.0, math.log1p(_largest(goal))
    if needed(_largest(goal)) > units:
        return math.inf
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if needed(math.expm1(middle)) <= units else (middle, high)
    return math.expm1(high)


def _share_that_shows(lift: float, units: float, goal: GoalSpec) -> float | None:
    """Smallest holdout share, in whole thousandths, with which `units` show the lift; None where none does."""
    control, treated = _scatter(goal, lift)
    budget = units / design_information(lift)
    # control / q + treated / (1 - q) <= budget is quadratic in q.
    half = 0.5 * (budget + control - treated)
    root = half * half - budget * control
    if root < 0.0 or half <= 0.0:
        return None
    share = math.ceil(1_000.0 * control / (half + math.sqrt(root))) / 1_000.0
    return share if share < 1.0 and units_needed(lift, share, goal) <= units else None


def _matured(spec: ExperimentSpec) -> float:
    """Units whose window has closed when the duration ends, if units come evenly."""
    return (spec.units_per_day or 0.0) * max((spec.duration_s or 0.0) - spec.primary_goal.closes_s, 0.0) / DAY_S


# The words.


def _shows(spec: ExperimentSpec, lift: float) -> str:
    when = f"within {_days((spec.duration_s or 0.0) / DAY_S)}"
    if lift == math.inf:
        return f"shows no lift in {spec.primary_goal.name} {when}"
    return f"shows lifts from {_percent(lift)} on in {spec.primary_goal.name} {when}"


def _time(spec: ExperimentSpec, days: float) -> str:
    target = _percent(spec.target_lift)
    if days == math.inf:
        return f"; the target of {target} is more than the baseline leaves room for"
    return f"; the target of {target} takes {_days(days)}"


def _better(spec: ExperimentSpec, share: float) -> str:
    lift = smallest_lift(_matured(spec), share, spec.primary_goal)
    return "" if lift == math.inf else f"; a holdout of {_percent(share)} would show {_percent(lift)}"


def _remedy(spec: ExperimentSpec) -> str:
    goal = spec.primary_goal
    lift = min(OUT_OF_REACH * spec.target_lift, _largest(goal))
    share = _share_that_shows(lift, _matured(spec), goal)
    if share is not None:
        return f"a holdout of {share:g} would do"
    best = min(_best_share(lift, goal), LARGEST_SHARE)
    units = units_needed(lift, best, goal)
    days = _days(units / (spec.units_per_day or 1.0) + goal.closes_s / DAY_S)
    return f"no holdout does; with {_percent(best)} held out it takes {math.ceil(units):,} units, a duration of {days}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g} %"


def _days(days: float) -> str:
    return f"{math.ceil(days):,} days" if days > 10.0 else f"{days:.3g} days"
