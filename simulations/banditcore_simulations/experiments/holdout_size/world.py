"""A shop whose control converts a tenth, and what a run says of its policy."""

from __future__ import annotations

from functools import cache

import numpy as np

from banditcore.estimators.lift import lift
from banditcore.types import Floats
from banditcore_simulations.looks import RULE, binary
from banditcore_simulations.play import visits
from banditcore_simulations.worlds import World, make_policy, make_world

SHOP = "logistic:arms=4,features=4,base_rate=0.1,spread=0.15"
TARGET = 0.2
"""What reports plan for."""
LOOKS = 25


@cache
def shop() -> World:
    """The same for all seeds, which are other visitors."""
    return make_world(SHOP, 0)


@cache
def control_rate() -> float:
    """What the control converts, over 100,000 visitors: its error is two thousandths of it."""
    world = shop()
    always = make_policy(f"fixed:arm={world.control},floor=0", world)
    return float(np.concatenate([happened.means for happened in visits(world, always, 100_000, 10**6)]).mean())


def run(policy: str, held_out: float, events: int, seed: int) -> dict[str, float | None]:
    """One experiment, with the rule of reports at its looks."""
    world = shop()
    blocks = list(visits(world, make_policy(policy, world), events, seed, holdout=held_out))
    gaps, means, rewards, held = (
        np.concatenate([np.asarray(column, dtype=np.float64) for column in columns])
        for columns in zip(*((one.gaps, one.means, one.outcomes[:, 0], one.held_out) for one in blocks), strict=True)
    )
    ends = np.linspace(0, events, LOOKS + 1).round().astype(int)[1:] - 1
    ones = np.ones(events)
    policy_n, policy_x, policy_means = (_sums(column * (1.0 - held), ends) for column in (ones, rewards, means))
    holdout_n, holdout_x = (_sums(column * held, ends) for column in (ones, rewards))
    truth = policy_means / policy_n / control_rate() - 1.0
    found = {"when": 1.0, "claims": 0.0, "covered": 1.0}
    width: float | None = None  # where there are too few conversions to show one
    for look, (n, x, m, y) in enumerate(zip(policy_n, policy_x, holdout_n, holdout_x, strict=True)):
        shown = lift([(binary(n, x), binary(m, y))], "binary", target_lift=TARGET, **RULE)[2]
        if shown is None:
            continue
        found["covered"] *= shown.low <= truth[look] <= shown.high
        width = float(np.log1p(shown.high) - np.log1p(shown.low))
        if shown.low > 0.0 and not found["claims"]:
            found["claims"], found["when"] = 1.0, (look + 1) / LOOKS
    return {
        **found,
        "width": width,
        "lift": float(truth[-1]),
        "regret": float(gaps @ (1.0 - held)),
        "cost": float(gaps @ held),
        "total": float(gaps.sum()),
    }


def _sums(column: Floats, ends: np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> Floats:
    return np.asarray(column.cumsum()[ends], dtype=np.float64)
