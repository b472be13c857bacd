"""Policies that forget and policies that do not, where the world changes in three ways and where it stays.

5 arms, 6 features with the constant; weights are N(0, 1) at any time, whatever the kind of change. A visit takes a
second, so a half-life of 500 forgets half in 500 visits.
"""

import math

from banditcore_simulations.lab.sweep import Point, Record, Sweep, grid, record
from banditcore_simulations.play import play

PERIOD = 2_000
"""Visits between two jumps, or in which weights become others gradually; a season takes four times as many."""
STAYS = "stays"
KINDS = {
    "abrupt": f"kind=abrupt,period={PERIOD}",
    "gradual": f"kind=gradual,period={PERIOD}",
    "seasonal": f"kind=seasonal,period={4 * PERIOD}",
    STAYS: "moving=0",
}
FULL = 8_000


def measure(point: Point, seed: int) -> Record:
    """A run in a world of that kind."""
    world = f"drift:{KINDS[point['kind']]},arms=5,features=6,spread={math.sqrt(6.0)},events={point['events']}"
    policy = f"{point['policy']}:half_life={point['half_life']},floor=0"
    kept = record(play(world, policy, point["events"], seed))
    return {name: kept[name] for name in ("regret", "steps", "regret_curve")}


SWEEP = Sweep(
    grid(
        kind=list(KINDS),
        policy=["linear_ts", "lin_ucb"],
        half_life=[0, 125, 250, 500, 1_000],
        events=[FULL],
    ),
    measure,
    seeds=8,
)
SMALL = Sweep(
    grid(kind=["abrupt", STAYS], policy=["linear_ts", "lin_ucb"], half_life=[0, 500], events=[6_000]), measure, seeds=2
)
