"""An arm that joins five others late: how soon it has its fair share, what that costs, and what inheriting helps.

Five arms are known for 2,000 visits, with 8 features and the constant; the sixth joins for 500 more. With
`mature_after` a new arm starts from what the arms with so many visits have in common; arms are alike, or have nothing
in common.
"""

import numpy as np

from banditcore.types import Floats
from banditcore_simulations.lab.sweep import Point, Record, Sweep, grid
from banditcore_simulations.play import visits
from banditcore_simulations.play.looking import look
from banditcore_simulations.worlds import make_policy, make_world

JOINS, AFTER = 2_000, 500
REWARDS = {"linear_ts": "linear", "lin_ucb": "linear", "logistic_ts": "clicks"}
POINTS = 50
"""Of the curve of regret since the arm joined."""
FAIR_FROM = 10
"""Visits since it joined before which no share is spoken of."""


def measure(point: Point, seed: int) -> Record:
    """How wrong the new arm's means are when it joins, visits until its fair share, and regret since it joined."""
    text = f"new_arm:joins={JOINS},arms=6,features=9,spread=3,base_rate=0.2,alike={point['alike']}"
    world = make_world(f"{text},rewards={REWARDS[point['policy']]}", seed)
    seen = look(world, JOINS + AFTER, seed)
    contexts, means = seen.contexts[JOINS:], seen.means[JOINS:]
    told = f"{point['policy']}:mature_after={point['mature_after']},floor=0"
    known, policy = make_policy(told, world), make_policy(told, world)
    for _ in visits(world, known, JOINS, seed):
        pass
    happened = list(visits(world, policy, JOINS + AFTER, seed))
    arms = np.concatenate([block.arms for block in happened])[JOINS:]
    gaps = np.concatenate([block.gaps for block in happened])[JOINS:]
    believed = np.empty_like(means)
    known.posterior.means(np.ascontiguousarray(contexts), believed)
    fair = float((means.argmax(axis=1) == 5).mean())
    ends = np.linspace(0, AFTER, POINTS + 1).astype(int)[1:]
    return {
        "wrong": float(np.sqrt(np.mean((believed[:, 5] - means[:, 5]) ** 2))),
        "fair_share": fair,
        "visits_until_fair": until(np.cumsum(arms == 5), fair),
        "early_share": float((arms[:100] == 5).mean()),
        "regret": float(gaps.sum()),
        "ignored": float((means.max(axis=1) - means[np.arange(AFTER), means[:, :5].argmax(axis=1)]).sum()),
        "steps": ends.tolist(),
        "regret_curve": np.cumsum(gaps)[ends - 1].tolist(),
    }


def until(shown: Floats, fair: float) -> int:
    """The first visit after which the arm has had its share of all, or the last."""
    visit = np.arange(1, len(shown) + 1)
    late = (visit >= FAIR_FROM) & (shown >= fair * visit)
    return int(late.argmax()) + 1 if late.any() else len(shown)


SWEEP = Sweep(grid(policy=list(REWARDS), alike=[0.0, 0.9], mature_after=[0, 100]), measure, seeds=24)
SMALL = Sweep(grid(policy=["linear_ts"], alike=[0.0, 0.9], mature_after=[0, 100]), measure, seeds=4)
