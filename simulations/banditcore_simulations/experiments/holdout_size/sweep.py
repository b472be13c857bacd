"""How large a holdout should be: what it costs in regret, and what it buys in knowing the lift.

Logistic Thompson sampling beside a holdout that always gets the control; the rule of reports looks 25 times. The larger
the holdout, the sooner the lift is known and the more customers do without what was learned.
"""

from __future__ import annotations

from banditcore_simulations.experiments.holdout_size.world import run
from banditcore_simulations.lab.sweep import Point, Record, Sweep, grid

POLICY = "logistic_ts:base_rate=0.1"


def measure(point: Point, seed: int) -> Record:
    """Regret of the policy's customers and of the holdout, and what is said of the lift."""
    return run(POLICY, point["held_out"], point["events"], seed)


SWEEP = Sweep(grid(held_out=[0.02, 0.05, 0.1, 0.2, 0.4], events=[20_000]), measure, seeds=20)
SMALL = Sweep(grid(held_out=[0.1, 0.4], events=[6_000]), measure, seeds=3)
