"""Logs with known propensities, for tests of what is made of them."""

import numpy as np

from banditcore.bandit_log import Rows

VARIANTS = ("plain", "bold", "blue")


def drawn(n, seed=0, arms=3, sharpness=6.0, **more):
    """n rows of a policy whose vectors are Dirichlet: the larger `sharpness`, the nearer to uniform."""
    g = np.random.default_rng([seed, 11])
    p = g.dirichlet(np.full(arms, sharpness), n)
    shown = (p.cumsum(axis=1) < g.random((n, 1))).sum(axis=1).clip(0, arms - 1)
    rewards = (g.random(n) < 0.2 + 0.1 * shown).astype(float)
    return Rows(np.empty((n, 0)), shown, rewards, p[np.arange(n), shown], propensities=p, **more)


def played(n, seed=0, arms=3, sharpness=6.0):
    """(n, arms) vectors of a target."""
    return np.random.default_rng([seed, 13]).dirichlet(np.full(arms, sharpness), n)
