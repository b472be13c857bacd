"""What a floor costs in regret, and what it buys: a log that tells what another policy would have earned.

Four policies, each in a world that its model is right about, with floors from nothing to a tenth. `uniform` in the same
worlds on the same seeds says what there is to gain, and what the log should tell of it: `estimate` is the
self-normalised estimate of its mean reward, `effective` the effective sample size of that as a share of the visits, and
`covered` the mean of its weights, 1 where every arm could have been played everywhere.
"""

import numpy as np

from banditcore_simulations.lab.sweep import Point, Record, Sweep
from banditcore_simulations.play import visits
from banditcore_simulations.play.run import summed
from banditcore_simulations.worlds import make_policy, make_world

ARMS = 10
WORLDS = {
    "one model": f"many_arms:per_arm=true,arms={ARMS},features=8",
    "a model an arm": f"linear:arms={ARMS},features=8,noise=0.5",
    "clicks": f"logistic:arms={ARMS},features=6,base_rate=0.2,spread=1",
}
POLICIES = {
    "one model": ("shared_linear_ts",),
    "a model an arm": ("linear_ts", "lin_ucb"),
    "clicks": ("logistic_ts",),
}
FLOORS = (0.0, 0.005, 0.02, 0.05, 0.1)
UNIFORM = "uniform"


def measure(point: Point, seed: int) -> Record:
    """Regret, and how well the log tells what the uniform policy would have earned."""
    here = make_world(WORLDS.get(point["world"]) or point["world"], seed)
    policy = make_policy(f"{point['policy']}:floor={point['floor']}", here)
    happened = list(visits(here, policy, point["events"], seed))
    weights = 1.0 / (here.n_arms * np.concatenate([block.propensity for block in happened]))
    rewards = np.concatenate([block.outcomes[:, 0] for block in happened])
    return {
        "regret": summed(here, happened, point["policy"], seed, point["events"], 1).total,
        "estimate": float(weights @ rewards / weights.sum()),
        "covered": float(weights.mean()),
        "effective": float(weights.sum() ** 2 / (weights @ weights) / len(weights)),
    }


def points(events: int, names: tuple[str, ...], floors: tuple[float, ...]) -> list[Point]:
    """All floors for the policies of a world, and uniform play."""
    return [
        {"world": name, "policy": policy, "floor": floor, "events": events}
        for name in names
        for policy, some in (*((policy, floors) for policy in POLICIES[name]), (UNIFORM, (0.0,)))
        for floor in some
    ]


SWEEP = Sweep(points(3_000, tuple(WORLDS), FLOORS), measure, seeds=24)
SMALL = Sweep(points(3_000, ("one model", "a model an arm"), (0.0, 0.02, 0.1)), measure, seeds=4)
