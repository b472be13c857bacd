"""One Bayesian linear regression an arm."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from banditcore.checks import Arms, check_number, check_whole
from banditcore.errors import InvalidInput
from banditcore.kernels import LinearArms
from banditcore.kernels.models import LinearModel, Model
from banditcore.posteriors.base import LEAST_L2, Posterior, State
from banditcore.posteriors.evidence import best_l2
from banditcore.types import Floats

ARRAYS = ("A", "b", "S", "m", "l2", "m0", "n", "weight", "sum_r", "sum_r2", "rss", "age")
DERIVED = ("reach", "width", "due")
ROWS_TO_SUM = 100
"""Rows an arm from which a warm start sums them first."""
RETUNE_FROM = 256
"""Rows after which l2 = "auto" is set for the first time; again whenever the rows have doubled."""


class GaussianArms(Posterior):
    """What posteriors share that are one Gaussian over weights an arm, N(m, A^-1), carried by one kernel.

    Per arm: A = l2 I + sum w x x' (d, d), b = l2 m0 + sum w r x (d,), counts and sums; m = A^-1 b. State besides: the
    inverse factor S with A^-1 = S S', the prequential residual sum `rss`, and `age`, updates since S was rebuilt; they
    are part of the state so that going on from it gives the bytes of never having stopped. The regulariser is l2 on
    every coordinate alike; there is no hidden intercept.

    mature_after > 0: an arm that was never seen has the mean of those with at least so many rows (weighted by their
    precisions) as its prior mean, until its first row fixes it; 0: it starts from mean 0. Its width stays the prior's:
    where arms are alike its estimates are better for some dozens of rows, but it is explored as much as any new arm,
    and regret was no lower in simulations.
    """

    def __init__(
        self, n_arms: int, n_features: int, *, l2: float | str, half_life: float, mature_after: float, start: float
    ) -> None:
        super().__init__(n_arms, n_features, half_life=half_life)
        self.l2: float | str = l2
        self.mature_after = check_whole(mature_after, "mature_after", 0)
        self.shares = self.mature_after > 0
        self.kernel = LinearArms(n_arms, n_features, start)
        self.lent = self.mature_after == 0

    @classmethod
    def size(cls, n_arms: int, n_features: int, params: Mapping[str, Any]) -> int:
        return 16 * n_arms * n_features * (n_features + 2)

    def lend(self) -> None:
        """Gives arms that were never seen the mean they would start from now: a function of the rows so far."""
        if not self.lent:
            self.kernel.inherit(self.mature_after)
            self.lent = True

    def learned_more(self) -> None:
        """What arms that were never seen would start from may have changed."""
        self.lent = self.mature_after == 0

    def arrays(self) -> State:
        self.lend()
        return {key: getattr(self.kernel, key) for key in ARRAYS}

    def derived(self) -> State:
        return {key: getattr(self.kernel, key) for key in DERIVED}

    def enlarged(self, known: int) -> None:
        kernel, l2 = self.kernel, float(self.kernel.l2[0])
        new = slice(known, self.n_arms)
        kernel.l2[new] = l2
        kernel.A[new] = l2 * np.eye(self.n_features)
        kernel.S[new] = np.eye(self.n_features) / math.sqrt(l2)
        kernel.b[new] = l2 * kernel.m0[new]

    def reloaded(self) -> None:
        self.learned_more()
        self.kernel.bounds()

    def _fade(self, g: float) -> None:
        self.kernel.reprior(g, float(self.kernel.l2[0]))

    def seen(self) -> float:
        return float(self.kernel.weight.sum())

    def _check_mergeable(self, other: Self) -> None:
        mine, theirs = self.kernel, other.kernel
        both = (mine.n > 0) & (theirs.n > 0)
        if not (np.array_equal(mine.l2, theirs.l2) and np.array_equal(mine.m0[both], theirs.m0[both])):
            raise InvalidInput("state started from another prior: l2 and prior means must be the same.", field="state")

    def _merge(self, other: Self) -> None:
        self.learned_more()
        merge_linear(self.kernel, other.kernel)

    def moments(self, contexts: Floats, scale: float, mean: Floats, sd: Floats) -> None:
        """Of the linear predictors x'theta_k."""
        self.lend()
        self.kernel.moments(contexts, scale, mean, sd)

    def contributions(self, context: Any) -> Floats:
        """(K, d) coefficient * value; its row sums are the posterior means of the scores."""
        row = np.asarray(context, dtype=np.float64)
        if row.shape not in ((self.n_features,), (self.n_arms, self.n_features)):
            expected = f"({self.n_features},) or ({self.n_arms}, {self.n_features})"
            raise InvalidInput(f"context has shape {row.shape}, expected {expected}.", field="context")
        self.lend()
        products: Floats = self.kernel.m * row
        return products


def merge_linear(mine: LinearArms, theirs: LinearArms) -> None:
    """Adds what another kernel has seen; arms that both have seen started from the same prior."""
    fresh = mine.n == 0
    mine.m0[fresh] = mine.m[fresh] = theirs.m0[fresh]
    mine.b[fresh] = mine.l2[fresh, None] * theirs.m0[fresh]

    def missed(m: Floats) -> Floats:  # the prior's part is in both sums and counts once
        strayed: Floats = theirs.l2 * np.square(m - theirs.m0).sum(axis=1)
        return theirs.rss + _forms(theirs.A, m - theirs.m) - strayed

    prior = theirs.l2[:, None, None] * np.eye(theirs.d)
    for key in ("n", "weight", "sum_r", "sum_r2"):
        getattr(mine, key)[:] += getattr(theirs, key)
    add_sums(mine, theirs.A - prior, theirs.b - theirs.l2[:, None] * theirs.m0, missed)


def add_sums(kernel: LinearArms, A: Floats, b: Floats, missed: Callable[[Floats], Floats]) -> None:
    """Adds sums of rows; `missed` gives their squared residuals (K,) around the new means (K, d)."""
    old_A, old_m = kernel.A.copy(), kernel.m.copy()
    kernel.A[:] += A
    kernel.b[:] += b
    kernel.refactor()
    kernel.rss[:] = np.maximum(kernel.rss + _forms(old_A, kernel.m - old_m) + missed(kernel.m), 0.0)


def _forms(A: Floats, x: Floats) -> Floats:
    """(K,) x_k'A_k x_k."""
    forms: Floats = np.einsum("kd,kde,ke->k", x, A, x)
    return forms


class LinearPosterior(GaussianArms):
    """reward ~ N(x'theta_k, s2), theta_k ~ N(m0, s2 / l2): independent over the arms but for the noise s2.

    l2 = "auto": set to the value of a grid with the most evidence (arXiv:1802.09127, section 3, gives the normal-
    inverse-gamma marginal) after 256 rows and whenever the rows have doubled; 1 before.
    """

    name = "linear"
    params = ("l2", "half_life", "mature_after")

    def __init__(
        self,
        n_arms: int,
        n_features: int,
        *,
        l2: float | str = 1.0,
        half_life: float = 0.0,
        mature_after: float = 0,
    ) -> None:
        given: float | str = "auto" if isinstance(l2, str) and l2 == "auto" else check_number(l2, "l2", LEAST_L2)
        start = 1.0 if isinstance(given, str) else given
        super().__init__(n_arms, n_features, l2=given, half_life=half_life, mature_after=mature_after, start=start)

    def model(self, *, per_arm: bool = False) -> Model:
        return LinearModel(self, self.kernel, per_arm=per_arm)

    def means(self, contexts: Floats, out: Floats) -> None:
        self.lend()
        self.kernel.moments(contexts, 1.0, out, None)

    def noise_variance(self, shape: float = 0.0, scale: float = 0.0) -> float:
        return self.kernel.noise_variance(shape, scale)

    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        if self.l2 == "auto":
            self._learn_and_tune(contexts, arms, rewards)
        else:
            self.kernel.learn(contexts, arms, rewards, self.mature_after)
        self.learned_more()

    def _learn_and_tune(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        """Tunes after the same rows however they are batched, so the state stays a function of the rows alone."""
        start = 0
        while (stop := start + self.rows_to_tuning()) <= len(arms):
            self.kernel.learn(contexts[start:stop], arms[start:stop], rewards[start:stop], self.mature_after)
            self.kernel.reprior(1.0, best_l2(self.kernel))
            start = stop
        self.kernel.learn(contexts[start:], arms[start:], rewards[start:], self.mature_after)

    def rows_to_tuning(self) -> int:
        if self.l2 != "auto":
            return 0
        seen = int(self.kernel.n.sum())
        return max(RETUNE_FROM, 1 << seen.bit_length()) - seen

    def learn_at_once(self, contexts: Floats, arms: Arms, rewards: Floats, times: Floats | None) -> None:
        """Sums X'X an arm and makes each factor once, where there are enough rows an arm for that to be faster."""
        few = len(arms) < ROWS_TO_SUM * self.n_arms
        if few or self.half_life or self.mature_after or self.l2 == "auto" or contexts.ndim == 3:
            self.learn(contexts, arms, rewards, times)
            return
        order = np.argsort(arms, kind="stable")
        bounds = np.searchsorted(arms[order], np.arange(1, self.n_arms))
        X, r = np.split(contexts[order], bounds), np.split(rewards[order], bounds)

        def missed(m: Floats) -> Floats:
            return np.array([np.square(r[k] - X[k] @ m[k]).sum() for k in range(self.n_arms)])

        self.learned_more()
        kernel, seen = self.kernel, np.bincount(arms, minlength=self.n_arms)
        kernel.n[:] += seen
        kernel.weight[:] += seen
        kernel.sum_r[:] += [y.sum() for y in r]
        kernel.sum_r2[:] += [y @ y for y in r]
        add_sums(kernel, np.array([x.T @ x for x in X]), np.array([x.T @ y for x, y in zip(X, r, strict=True)]), missed)
