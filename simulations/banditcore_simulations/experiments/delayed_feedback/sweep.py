"""Thompson sampling where feedback comes in batches, beside table 1 of Chapelle and Li (2011).

Nearly all its time goes into delta 1 and 3: beliefs change at every step, and with them the exact vector.
"""

from __future__ import annotations

from banditcore_simulations.experiments.delayed_feedback.world import DELTAS, LENGTH, world
from banditcore_simulations.lab.sweep import Point, Record, Sweep, grid, record
from banditcore_simulations.play import play


def measure(point: Point, seed: int) -> Record:
    events = point["events"]
    return record(play(world(events), "beta_ts:floor=0", events, seed, learn_every=point["delta"]))


SWEEP = Sweep(grid(delta=DELTAS, events=[LENGTH]), measure, seeds=5)
SMALL = Sweep(grid(delta=[32, 1000], events=[20_000]), measure, seeds=4)
