"""Worlds whose visits are gone through one by one, and what every world must keep to."""

import numpy as np

from banditcore_simulations.play.chance import Chance, give
from banditcore_simulations.worlds import make_world

T = 800
"""Visits of most tests."""

# Each world is compiled by the tests of one file only, since that takes longer than its visits.
STILL = [
    "audiences:constant=true",
    "bernoulli",
    "classification:data=iris,passes=3",
    "correlated",
    "correlated:kind=decaying,rewards=clicks,features=4",
    "delayed:delay=[600,3600,7200,50000,200000]",
    "delayed:law=exponential,counted=ever,delay=50000",
    "goals",
    "goals:learn=order,click_rate=0.4",
    "linear:alike=0.5",
    "logistic:base_rate=0.3,correlation=0.5",
    "many_arms:arms=8",
    "many_arms:arms=8,per_arm=true,common=0.5",
    "misspecified",
    "misspecified:kind=periodic,wrong=0.5,arms=3",
    "returning:units=60",
    "returning:units=60,told=false,fatigue=0.8",
    "sparse:features=20",
    "sparse:contexts=normal,rewards=clicks,features=20",
]
CHANGING = [
    "drift:period=300,events=800",
    "drift:kind=gradual,rewards=clicks,period=300",
    "drift:kind=seasonal,period=300,moving=0.5",
    "new_arm:joins=400",
    "new_arm:joins=400,rewards=clicks,lift=1",
    "replaced:rate=0.02,events=800",
]
CHANGED_BY_ARMS = {"returning"}


def run(text, seed=3, choose=None):
    """(T,) gaps, outcomes and means of the arm that `choose(worth, eligible, step)` plays, by the kernel's rules."""
    world = make_world(text, seed) if isinstance(text, str) else text
    event, state, (visit, outcome) = world.event(), world.state(), world.functions()
    chances = Chance(world, seed).next(T)
    gaps, got, means = np.empty(T), np.empty((T, len(world.goals))), np.empty(T)
    for i in range(T):
        give(world, event, i, chances, i)
        visit(state, event)
        worth = np.where(event.eligible, event.means if np.isnan(event.values[0]) else event.values, -np.inf)
        arm = choose(worth, event.eligible, i)
        gaps[i], means[i] = worth.max() - worth[arm], event.means[arm]
        outcome(state, event, arm)
        got[i] = event.outcomes
    return gaps, got, means


def best(worth, eligible, step):
    return int(worth.argmax())


def in_turn(worth, eligible, step):
    return int(np.flatnonzero(eligible)[step % eligible.sum()])


def visits_of(world, choose):
    """(200, ...) contexts, means, eligible arms and unit of each visit, and the last unit."""
    event, state, (visit, outcome) = world.event(), world.state(), world.functions()
    chances, seen = Chance(world, 3).next(200), []
    for i in range(200):
        give(world, event, i, chances, i)
        visit(state, event)
        seen.append(np.concatenate([event.context.ravel(), event.means, event.eligible, event.unit]))
        worth = np.where(event.eligible, event.means if np.isnan(event.values[0]) else event.values, -np.inf)
        outcome(state, event, choose(worth, event.eligible, i))
    return np.array(seen), event.unit


def check_word(text):
    """That runs repeat, that what is best has no regret, and that what is earned has the means stated."""
    world = make_world(text, 3)
    played = run(text, choose=in_turn)
    assert all(np.array_equal(one, other) for one, other in zip(played, run(text, choose=in_turn), strict=True))
    assert not np.array_equal(played[1], run(text, 4, choose=in_turn)[1])

    oracle = run(text, choose=best)
    assert (oracle[0] == 0.0).all()
    assert (played[0] >= 0.0).all() and played[0].sum() > 0.0

    # What is earned strays from what was stated by chance alone. The largest of 50 sums is beyond 4.5 standard errors
    # once in 3,000 seeds; seeds are fixed, so it happens never or always.
    for _, got, means in (played, oracle):
        off = got[:, 0] - means
        assert abs(off.sum()) <= 4.5 * np.sqrt(off @ off) + 1e-9
        assert not world.unit_interval or np.isin(got[:, 0], (0.0, 1.0)).all()


def check_visits(text):
    """That they hang on what was played only where the world says so."""
    world = make_world(text, 3)
    seen = [visits_of(world, choose) for choose in (best, in_turn)]
    same = all(np.array_equal(one, other) for one, other in zip(*seen, strict=True))
    assert same != (world.name in CHANGED_BY_ARMS)
