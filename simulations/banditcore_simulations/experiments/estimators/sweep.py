"""Values of a policy from another one's log: how often intervals hold the truth, and which logs are refused.

Shares of logs. The overlap of log and target is as good as the log explores; stated is the risk of a fresh choice of
seeds with sound code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from banditcore.bandit_log import Rows
from banditcore.estimators.off_policy import HealthFold, Suite, outcome_model, progressive, weigh
from banditcore.estimators.off_policy.health import wrong_propensities
from banditcore.estimators.off_policy.limits import MOST_ERRORS
from banditcore.evaluated import LogHealth
from banditcore_simulations.experiments.estimators.world import ARMS, logged, target, truth, without_vectors, wrong
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep

NAMES = ("dr", "snips", "ips", "dm")


def suite(rows: Rows, names: Sequence[str] = NAMES) -> Suite:
    """What estimators make of a log; the outcome model learns as it goes."""
    found = Suite(names, reward_range=(0.0, 1.0))
    for part, q in progressive(outcome_model(ARMS, rows.contexts), [rows]):
        found.add(weigh(part, target(part.contexts), q))
    return found


def health(rows: Rows) -> LogHealth:
    """Of a log by itself."""
    fold = HealthFold(ARMS)
    fold.add(rows)
    return fold.report(tuple("abcde"))


def holds(interval: tuple[float, float]) -> bool:
    """The truth."""
    return interval[0] <= truth() <= interval[1]


def seeds(seed: int, runs: int) -> range:
    """Of the logs of a task."""
    return range(seed * runs, (seed + 1) * runs)


def intervals(seed: int, *, exploration: float, runs: int) -> Record:
    """Of 2,000 rows a log: shares that hold the truth whether shown or not, and each log's value and its error."""
    suites = [suite(logged(each, 2_000, exploration)) for each in seeds(seed, runs)]
    found: dict[str, float | list[float]] = {
        "effective sample": float(np.median([each.weights.effective_sample for each in suites]))
    }
    for name in NAMES:
        each = [one.estimators[name] for one in suites]
        found[name] = float(np.mean([holds(one.interval()) for one in each]))
        found[f"{name}, anytime"] = float(np.mean([holds(one.anytime()) for one in each]))
        found[f"{name}, values"] = [one.value() for one in each]
        found[f"{name}, errors"] = [one.standard_error() for one in each]
    # The error of w r over a fixed mean weight, which some libraries bootstrap for SNIPS.
    fixed = [one.estimators["ips"].standard_error() / one.weights.mean for one in suites]
    return found | {"snips, errors with the mean weight fixed": fixed}


def reports(seed: int, *, rows: int, exploration: float, runs: int) -> Record:
    """Shares that are refused, that show a normal interval, that have bounds, and of those that hold the truth."""
    logs = [logged(each, rows, exploration) for each in seeds(seed, runs)]
    found = [suite(log, ("dr", "snips")).report("it", health(log)) for log in logs]
    bounds = [(each.lower, each.upper) for each in found if np.isfinite(each.lower)]
    return {
        "refused": float(np.mean([each.status == "refused" for each in found])),
        "normal": float(np.mean([any(np.isfinite(one.low) for one in each.estimates) for each in found])),
        "bounded": len(bounds),
        "bounds": float(np.mean([holds(each) for each in bounds] or [False])),
    }


def propensities(seed: int, *, runs: int) -> Record:
    """20,000 rows a log, one arm's propensities 1.2 times as high: shares called wrong, by what is looked at."""
    logs = {each: logged(each, 20_000, 0.02) for each in seeds(seed, runs)}
    spoilt = [wrong(log, each % ARMS) for each, log in logs.items()]
    return {
        "found": float(np.mean([wrong_propensities(health(log)) for log in spoilt])),
        "without vectors": float(np.mean([wrong_propensities(health(without_vectors(log))) for log in spoilt])),
        "by the mean weight": float(np.mean([by_the_mean_weight(log) for log in spoilt])),
        "alarms": float(np.mean([wrong_propensities(health(log)) for log in logs.values()])),
    }


def by_the_mean_weight(rows: Rows) -> bool:
    """Whether the mean of the target's weights alone is too far from 1."""
    found = Suite(["ips"])
    found.add(weigh(rows, target(rows.contexts)))
    return found.weights.surprise > MOST_ERRORS


KINDS: Kinds = {
    "overlap, worth 355 rows": intervals,
    "overlap, worth 175 rows": intervals,
    "overlap, worth 80 rows": intervals,
    "poor overlap": reports,
    "good overlap": reports,
    "propensities of one arm x 1.2": propensities,
}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


def trials(logs: int, long: int, spoilt: int) -> list[Point]:
    """Logs a seed: short ones, long ones, and long ones that are spoilt."""
    good = {
        "2,000 rows": {"rows": 2_000, "exploration": 0.2, "runs": logs},
        "20,000 rows": {"rows": 20_000, "exploration": 0.02, "runs": long},
    }
    return [
        *points("overlap, worth 355 rows", {"": {"exploration": 0.2}}, runs=logs),
        *points("overlap, worth 175 rows", {"": {"exploration": 0.065}}, runs=logs),
        *points("overlap, worth 80 rows", {"": {"exploration": 0.015}}, runs=logs),
        *points("propensities of one arm x 1.2", {"": {}}, runs=spoilt),
        *points("good overlap", good),
        *points("poor overlap", {"2,000 rows": {"rows": 2_000, "exploration": 0.002}}, runs=logs),
    ]


SWEEP = Sweep(trials(50, 50, 50), measure, seeds=10)
SMALL = Sweep(trials(25, 15, 20), measure, seeds=2)
