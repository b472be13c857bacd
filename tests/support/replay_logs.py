"""Logs to replay: linear rewards or clicks, shown by uniform play or by a fixed law."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from banditcore.bandit_log import BanditLog, Rows
from banditcore.evaluation import PolicySpec
from banditcore.kernels import draw_many
from banditcore.types import Floats
from banditcore_simulations.play import Looked, look
from banditcore_simulations.worlds import make_world

K, D = 5, 4
LOGGED = np.array([0.5, 0.25, 0.15, 0.06, 0.04])


def spec(name: str = "lin_ucb", floor: float = 0.02, **params: Any) -> PolicySpec:
    return PolicySpec(name, name, params, floor)


def pages_of(rows: Rows, step: int) -> Iterator[Rows]:
    for start in range(0, len(rows), step):
        yield rows.take(slice(start, start + step))


def linear(seed: int, n: int, arms: int = K) -> Looked:
    """Visits to arms whose weights are N(0, I), with noise 1."""
    return look(make_world(f"linear:arms={arms},features={D},spread={D**0.5}", seed), n, seed)


def shared(seed: int, n: int, arms: int = K) -> Looked:
    """Visits to arms that have features of their own and weights in common."""
    return look(make_world(f"many_arms:per_arm=true,arms={arms},features={D}", seed), n, seed)


def uniform_log(
    n: int = 4_000,
    seed: int = 0,
    arms: int = K,
    per_arm: bool = False,
    clicks: bool = False,
    masked: bool = False,
    times: Floats | None = None,
) -> BanditLog:
    """Linear rewards, or clicks; `masked` leaves 3 arms eligible in every row."""
    g = np.random.default_rng([seed, 9])
    seen = (shared if per_arm else linear)(seed, n, arms)
    rewards = (seen.rewards > 0.5).astype(float) if clicks else seen.rewards
    mask = np.argsort(g.random((n, arms)), axis=1) < 3 if masked else np.ones((n, arms), dtype=bool)
    shares = mask / mask.sum(axis=1, keepdims=True)
    shown = draw_many(shares, g.random(n)).astype(np.int64)
    return BanditLog.of(
        seen.contexts,
        shown,
        rewards[np.arange(n), shown],
        shares[np.arange(n), shown],
        eligible=mask if masked else None,
        times=times,
        n_arms=arms,
    )


def biased_log(n: int = 6_000, seed: int = 0, vectors: bool = False, law: Floats = LOGGED) -> BanditLog:
    g = np.random.default_rng([seed, 8])
    seen = linear(seed, n)
    shown = g.choice(K, n, p=law)
    return BanditLog.of(
        seen.contexts,
        shown,
        seen.rewards[np.arange(n), shown],
        law[shown],
        propensities=np.tile(law, (n, 1)) if vectors else None,
        n_arms=K,
    )
