"""Values from logs of hard worlds: customers who come back, rare and large rewards, a policy that learned.

What is shown as green has to hold the truth about as often as it says, and what cannot be shown has to be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from banditcore.bandit_log import Rows
from banditcore.estimators.off_policy import HealthFold, Suite, outcome_model, progressive, weigh
from banditcore.evaluated import TargetReport
from banditcore.types import Floats
from banditcore_simulations.experiments.hard_worlds import world
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep

Reported = Sequence[tuple[Suite, TargetReport]]


def reported(logs: Iterable[Rows], arms: int, target: Callable[[Floats], Floats] | None = None) -> Reported:
    """What is said of a target, always the first arm where there is none."""
    return [_reported(rows, target or (lambda x: np.tile(np.eye(arms)[0], (len(x), 1))), arms) for rows in logs]


def _reported(rows: Rows, target: Callable[[Floats], Floats], arms: int) -> tuple[Suite, TargetReport]:
    suite, fold = Suite(("dr", "snips")), HealthFold(arms)
    fold.add(rows)
    for part, q in progressive(outcome_model(arms, rows.contexts), [rows]):
        suite.add(weigh(part, target(part.contexts), q))
    return suite, suite.report("it", fold.report([str(arm) for arm in range(arms)]))


def share(of: Sequence[bool]) -> float:
    """0 of none."""
    return float(np.mean(of or [False]))


def judged(reports: Reported, truth: float) -> Record:
    """Shares that are refused and green; how many have normal and anytime intervals, and the shares that hold."""
    shown = [report.estimates[0] for _, report in reports if report.status != "refused"]
    normal = [each.low <= truth <= each.high for each in shown if np.isfinite(each.low)]
    return {
        "refused": 1.0 - len(shown) / len(reports),
        "green": len(normal) / len(reports),
        "greens": len(normal),
        "held": share(normal),
        "shown": len(shown),
        "always": share([each.anytime_low <= truth <= each.anytime_high for each in shown]),
    }


def all_of_them(reports: Reported, truth: float, name: str = "dr") -> float:
    """Share of normal intervals that hold where nothing is refused."""
    found = [suite.estimators[name].interval() for suite, _ in reports]
    return share([low <= truth <= high for low, high in found])


def returning(seed: int, *, customers: int, runs: int) -> Record:
    """By customers, and with rows as units."""
    truth, logs = world.worth_of_an_arm(), [world.customers(each, customers) for each in seeds(seed, runs)]
    by_row = reported(map(world.without_units, logs), world.ARMS)
    found = judged(reported(logs, world.ARMS), truth)
    return {**found, "by row": all_of_them(by_row, truth), "by row, refused": judged(by_row, truth)["refused"]}


def rewards(seed: int, *, rows: int, arms: int, share: float, sigma: float, runs: int) -> Record:
    """As reported, and as if nothing were refused."""
    truth = share * float(np.exp(sigma * sigma / 2.0))
    reports = reported((world.rewarded(each, rows, arms, share, sigma) for each in seeds(seed, runs)), arms)
    return {**judged(reports, truth), "all": all_of_them(reports, truth)}


def learned(seed: int, *, runs: int) -> Record:
    """4,000 rows; and with the shares of arms as propensities."""
    truth, logs = world.worth_of_the_other(), [world.learned(each, 4_000) for each in seeds(seed, runs)]
    raw = reported(map(world.unweighted, logs), world.ARMS, world.other)
    found = judged(reported(logs, world.ARMS, world.other), truth)
    spoilt = judged(raw, truth)["refused"]
    return {**found, "by shares, refused": spoilt, "by shares": all_of_them(raw, truth, "snips")}


def seeds(seed: int, runs: int) -> range:
    """Of the logs of a task."""
    return range(seed * runs, (seed + 1) * runs)


KINDS: Kinds = {
    "customers who keep an arm": returning,
    "few rewards": rewards,
    "hardly enough rewards": rewards,
    "enough rewards": rewards,
    "policy that learned": learned,
}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


CUSTOMERS = {"300": {"customers": 300}, "400": {"customers": 400}}


def cases(*of: tuple[int, int, float, float]) -> dict[str, dict[str, float]]:
    """(rows, arms, share with a reward, sigma)."""
    return {
        f"{n:,} rows, {arms} arms, {share:g} with a reward, sigma {sigma:g}": {
            "rows": n,
            "arms": arms,
            "share": share,
            "sigma": sigma,
        }
        for n, arms, share, sigma in of
    }


FEW = cases((10_000, 34, 0.003, 0.0), (10_000, 34, 0.005, 0.0), (2_000, 5, 0.05, 1.5), (5_000, 5, 0.05, 2.0))
HARDLY = cases((10_000, 5, 0.005, 0.0))
ENOUGH = cases((10_000, 5, 0.02, 0.0), (2_000, 5, 1.0, 0.7), (5_000, 5, 0.3, 1.0))


def trials(customers: int, few: int, enough: int) -> list[Point]:
    """Logs a seed."""
    return [
        *points("customers who keep an arm", CUSTOMERS, runs=customers),
        *points("policy that learned", {"": {}}, runs=customers),
        *points("few rewards", FEW, runs=few),
        *points("hardly enough rewards", HARDLY, runs=enough),
        *points("enough rewards", ENOUGH, runs=enough),
    ]


SWEEP = Sweep(trials(40, 40, 100), measure, seeds=10)
LEFT_OUT = {*list(FEW)[1:3], *list(ENOUGH)[1:2]}
"""Cases that are like others."""
SMALL = Sweep([point for point in trials(18, 20, 25) if point["case"] not in LEFT_OUT], measure, seeds=2)
