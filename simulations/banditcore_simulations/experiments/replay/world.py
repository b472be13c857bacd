"""A shop with five offers, its logs, and a policy that learns played in it."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from banditcore.bandit_log import BanditLog
from banditcore.evaluation import PolicySpec
from banditcore.kernels import draw_many
from banditcore.policies import LinUCB
from banditcore_simulations.acceptance import Chances, Learner, Match
from banditcore_simulations.play import look, visits
from banditcore_simulations.worlds import World, make_world

K, D, ALPHA = 5, 6, 0.5
TARGET = PolicySpec("lin_ucb", "lin_ucb", {"alpha": ALPHA}, 0.02)
LEAST = 0.02
"""Propensity of the logging policy: M is 50."""


def shop(seed: int) -> World:
    """Clicks with P = sigmoid(-1 + x'theta_k)."""
    return make_world(f"logistic:arms={K},features={D},base_rate=0.2689414,spread=0.7", seed)


def log(world: World, n: int, biased: bool, seed: int) -> BanditLog:
    """Of n visits: of uniform play, or of a policy that half knows what people like."""
    seen, at = look(world, n, seed), np.arange(n)
    liked = softmax(4.0 * seen.means, axis=1)
    vectors = (1.0 - K * LEAST) * liked + LEAST if biased else np.full((n, K), 1.0 / K)
    arms = draw_many(vectors, np.random.default_rng([seed, 14]).random(n)).astype(np.int64)
    return BanditLog.of(seen.contexts, arms, seen.rewards[at, arms], vectors[at, arms], n_arms=K)


def online(world: World, steps: int, seed: int) -> float:
    """Mean expected reward of as many steps, played."""
    played = visits(world, LinUCB(K, D, alpha=ALPHA), steps, seed)
    return float(np.concatenate([happened.means for happened in played]).mean())


def naively(log: BanditLog, seed: int) -> tuple[float, int]:
    """Value and accepted rows of match replay of a log that is not uniform, which `replay` refuses."""
    rows = log.load()
    learner = Learner(LinUCB(K, D, alpha=ALPHA), Match())
    learner.follow(rows, Chances(np.random.default_rng(seed).random(len(rows)), None, None))
    return learner.path.total / learner.path.accepted, learner.path.accepted
