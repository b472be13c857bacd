"""What is no longer seen returns to the prior, and what becomes of it where the prior is not put back."""

from __future__ import annotations

import numpy as np

from banditcore.policies import HybridLinUCB, LinearTS, LogisticTS, SharedLinearTS
from banditcore.posteriors import LinearPosterior
from banditcore.types import Floats
from banditcore_simulations.lab.sweep import Record

Fading = LinearTS | LogisticTS | HybridLinUCB | SharedLinearTS
POLICIES: dict[str, type[Fading]] = {
    policy.name: policy for policy in (LinearTS, LogisticTS, HybridLinUCB, SharedLinearTS)
}
HALF_LIFE = float(np.log(0.5) / np.log(0.999))
UNSEEN = np.repeat(np.eye(3)[1:, None], 2, axis=1)
"""The two axes along which nothing is seen any more, for each of two arms."""


class Bare(LinearPosterior):
    """Fading without putting the prior back."""

    def _fade(self, g: float) -> None:
        for faded in (self.kernel.A, self.kernel.b, self.kernel.l2):  # with l2, or the factor would hold it up
            faded *= g
        self.kernel.refactor()


def forgotten(seed: int, *, policy: str, steps: int) -> Record:
    """.999 a step: widths of what is unseen over the prior's, the one that is farthest from 1."""
    found = narrowed(POLICIES[policy](2, 3, half_life=HALF_LIFE), seed, steps)
    return {"off": np.abs(found - 1.0).max()}


def bare(seed: int, *, steps: int) -> Record:
    """The variance of what is unseen over the prior's."""
    policy = LinearTS(2, 3, half_life=HALF_LIFE)
    policy.posterior = Bare(2, 3, half_life=HALF_LIFE)
    return {"variance": (narrowed(policy, seed, steps) ** 2).min()}


def narrowed(policy: Fading, seed: int, steps: int) -> Floats:
    """sd over the prior's after 200 rows of everything and then `steps` of one direction of one arm alone."""
    g = np.random.default_rng([3, seed])
    n = 200 + steps
    prior = widths(policy)
    x, arms = g.standard_normal((n, 2, 3)), np.zeros(n, dtype=np.int64)
    x[200:], arms[:200] = [1.0, 0.0, 0.0], g.integers(0, 2, 200)
    policy.update(x, arms, g.integers(0, 2, n).astype(float), times=np.arange(n, dtype=float))
    return widths(policy) / prior


def widths(policy: Fading) -> Floats:
    """(axes, arms)"""
    mean, sd = np.empty((len(UNSEEN), policy.n_arms)), np.empty((len(UNSEEN), policy.n_arms))
    policy.posterior.moments(UNSEEN, 1.0, mean, sd)
    return sd
