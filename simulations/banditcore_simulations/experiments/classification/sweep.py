"""Labelled sets as bandits: progressive error, another library's totals, and rewards in another unit.

Every row is a visit and every class an arm; the right one earns 1, and what others would have earned stays unknown.
"""

import math

import numpy as np

from banditcore_simulations.experiments.classification.world import make
from banditcore_simulations.lab.sweep import Point, Record, Sweep, record
from banditcore_simulations.play import visits
from banditcore_simulations.play.run import summed
from banditcore_simulations.worlds import make_policy

PASSES, IN_FILE_ORDER, IN_HUNDREDS = "passes", "file order", "rewards x100"
"""What is done: passes in random orders, one in the order of the file, or one with rewards of 1 and again of 100."""
ROWS = {"digits": 1_797, "wine": 178, "iris": 150, "breast_cancer": 569}
GREEDY = "greedy"
RULES = {
    "lin_ucb": "lin_ucb:floor=0",
    "linear_ts": "linear_ts:floor=0",
    GREEDY: "epsilon_greedy:epsilon=0,floor=0",
    "square_cb": "square_cb:floor=0",
    "epsilon_greedy, .1": "epsilon_greedy:floor=0",
    "lin_ucb, alpha .5": "lin_ucb:alpha=0.5,floor=0",
    "lin_ucb, alpha .3": "lin_ucb:alpha=0.3,floor=0",
    "linear_ts, exploration .5": "linear_ts:exploration=0.5,floor=0",
    "linear_ts, l2 auto": "linear_ts:l2=auto,floor=0",
    "hybrid_lin_ucb": "hybrid_lin_ucb:floor=0",
    "square_cb, gamma a tenth": "square_cb:gamma=1,floor=0",
    "linear_ts, floor .02": "linear_ts",
}
FEW = list(RULES)[:5]
UNIT_FREE = ["linear_ts", "square_cb", "epsilon_greedy, .1", "linear_ts, l2 auto"]
"""Those for which the unit of the reward makes no difference; LinUCB's width has that unit."""


def measure(point: Point, seed: int) -> Record:
    """Mistakes, and how many actions change where rewards are a hundred times as large."""
    events = ROWS[point["data"]] * point["passes"]
    world = make(point["data"], point["passes"], seed, shuffled=point["task"] != IN_FILE_ORDER)
    happened = list(visits(world, make_policy(RULES[point["policy"]], world), events, seed))
    run = summed(world, happened, point["policy"], seed, events, 60)
    kept, changed = record(run), math.nan
    if point["task"] == IN_HUNDREDS:
        large = make(point["data"], point["passes"], seed, unit=100.0)
        again = visits(large, make_policy(RULES[point["policy"]], large), events, seed)
        changed = float(sum((one.arms != other.arms).sum() for one, other in zip(happened, again, strict=True)))
    return {
        "error": run.total / events,
        "total": float(np.rint(run.reward[-1])),
        "changed": changed,
        "steps": kept["steps"],
        "regret_curve": kept["regret_curve"],
    }


def points(task: str, data: str, passes: int, policies: list[str]) -> list[Point]:
    """One a policy."""
    return [{"task": task, "data": data, "passes": passes, "policy": policy} for policy in policies]


SWEEP = Sweep(
    [
        *points(PASSES, "digits", 3, [name for name in RULES if name != "lin_ucb, alpha .3"]),
        *points(PASSES, "wine", 10, FEW),
        *points(PASSES, "iris", 10, FEW),
        *points(PASSES, "breast_cancer", 3, FEW),
        *points(IN_FILE_ORDER, "digits", 1, ["lin_ucb", "lin_ucb, alpha .3"]),
        *points(IN_HUNDREDS, "digits", 1, [*UNIT_FREE, "lin_ucb"]),
    ],
    measure,
    seeds=24,
)
SMALL = Sweep(
    [
        *points(PASSES, "digits", 3, ["lin_ucb", "linear_ts", GREEDY]),
        *points(IN_FILE_ORDER, "digits", 1, ["lin_ucb"]),
        *points(IN_HUNDREDS, "digits", 1, [*UNIT_FREE, "lin_ucb"]),
    ],
    measure,
    seeds=4,
)
