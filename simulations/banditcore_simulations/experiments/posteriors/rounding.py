"""What many updates leave of the posterior: the factor of kernels, and the same in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore.kernels import LinearArms, reference
from banditcore.types import Floats
from banditcore_simulations.experiments.posteriors.designs import design, exact_moments
from banditcore_simulations.lab.sweep import Record

D = 32


def case(seed: int, rows: str, n: int) -> tuple[Floats, Floats, Floats]:
    """(n, D) contexts of that design, (n,) rewards, and (16, D) contexts to ask for: seen and new ones."""
    g = np.random.default_rng([5, seed])
    x, r = np.ascontiguousarray(design(rows, g, n, D)), g.random(n)
    return x, r, np.vstack([x[:8], g.standard_normal((8, D))])


def drift(seed: int, *, rows: str, n: int) -> Record:
    """Updates one by one: the variance off relatively, the mean in standard deviations."""
    x, r, queries = case(seed, rows, n)
    state = LinearArms(1, D, 1.0)
    state.learn(x, np.zeros(n, dtype=np.int64), r)
    mean, variance = exact_moments(x, r, queries)
    return {
        "variance": float(np.abs(((queries @ state.S[0]) ** 2).sum(axis=1) / variance - 1.0).max()),
        "mean": float(np.abs((queries @ state.m[0] - mean) / np.sqrt(variance)).max()),
    }


def in_float32(seed: int, *, rows: str, n: int) -> Record:
    """The same update of the factor, carried in float32."""
    x, r, queries = case(seed, rows, n)
    S: Any = np.eye(D, dtype=np.float32)
    narrow: Any = x.astype(np.float32)
    for row in narrow:
        S = reference.absorb(S, row).astype(np.float32)
    return {"variance": float(np.abs(((queries @ S) ** 2).sum(axis=1) / exact_moments(x, r, queries)[1] - 1.0).max())}
