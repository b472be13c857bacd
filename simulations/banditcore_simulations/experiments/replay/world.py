"""A shop with five offers, its logs, and a policy that learns played in it."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, softmax

from banditcore.bandit_log import BanditLog
from banditcore.evaluation import PolicySpec
from banditcore.kernels import draw_many
from banditcore.policies import LinUCB
from banditcore_simulations.acceptance import Chances, Learner, Match
from banditcore_simulations.datasets import Synthetic
from banditcore_simulations.runner import play

K, D, ALPHA = 5, 6, 0.5
TARGET = PolicySpec("lin_ucb", "lin_ucb", {"alpha": ALPHA}, 0.02)
LEAST = 0.02
"""Propensity of the logging policy: M is 50."""


class Shop:
    """Clicks with P = sigmoid(-1 + x'theta_k); the logging policy half knows what people like.

    part: of what happens in the shop, where it is drawn in several.
    """

    def __init__(self, seed: int, part: int | None = None) -> None:
        self.g = np.random.default_rng([seed, 14])
        self.theta = 0.7 * self.g.standard_normal((K, D))
        if part is not None:
            self.g = np.random.default_rng([seed, 14, part])

    def rows(self, n: int) -> Synthetic:
        """The next n visits."""
        x = np.hstack([self.g.standard_normal((n, D - 1)), np.ones((n, 1))])
        means = expit(-1.0 + x @ self.theta.T)
        return Synthetic(x, means, (self.g.random((n, K)) < means).astype(np.float64))

    def log(self, n: int, biased: bool) -> BanditLog:
        """Of the next n visits, of uniform play where it is not biased."""
        world = self.rows(n)
        liked = softmax(4.0 * world.means, axis=1)
        vectors = (1.0 - K * LEAST) * liked + LEAST if biased else np.full((n, K), 1.0 / K)
        arms = draw_many(vectors, self.g.random(n)).astype(np.int64)
        at = np.arange(n)
        return BanditLog.of(world.contexts, arms, world.rewards[at, arms], vectors[at, arms], n_arms=K)

    def online(self, steps: int, seed: int) -> float:
        """Mean expected reward of as many steps, played."""
        world = self.rows(steps)
        arms = play(LinUCB(K, D, alpha=ALPHA), world, seed)
        return float(world.means[np.arange(steps), arms].mean())


def naively(log: BanditLog, seed: int) -> tuple[float, int]:
    """Value and accepted rows of match replay of a log that is not uniform, which `replay` refuses."""
    rows = log.load()
    learner = Learner(LinUCB(K, D, alpha=ALPHA), Match())
    learner.follow(rows, Chances(np.random.default_rng(seed).random(len(rows)), None, None))
    return learner.path.total / learner.path.accepted, learner.path.accepted
