"""Twins of what learns and scores: NumPy with kept inverses, one rank-1 step a row (Sherman and Morrison), no solving.

They start from what a policy has learned, so both sides have the same numbers to work on. They keep less than the
kernels do: no A to rebuild from when rounding has added up, no probe that says when it has, no bounds to prune by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

AT_ONCE = 2**17
"""Numbers of a batch's intermediate result: as many as stay in the cache; by trial, and flat around it."""


class Arms:
    """K ridge regressions: A_k^-1 (K, d, d) and m (K, d)."""

    def __init__(self, learned: dict[str, Any]) -> None:
        S = learned["S"]
        self.inverse: Floats = S @ S.swapaxes(1, 2)
        self.mean: Floats = learned["m"].copy()

    def means(self, x: Floats) -> Floats:
        scores: Floats = self.mean @ x
        return scores

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """(K,) means and variances of one row, by one product of BLAS for all arms."""
        K, d = self.mean.shape
        return self.mean @ x, (self.inverse.reshape(K * d, d) @ x).reshape(K, d) @ x

    def batch_moments(self, X: Floats) -> tuple[Floats, Floats]:
        """(n, K) each: as many arms at a time as keep the product in the cache."""
        n, d = X.shape
        forms = np.empty((n, len(self.mean)))
        step = max(1, AT_ONCE // (n * d))
        for k in range(0, len(self.mean), step):
            some = self.inverse[k : k + step].reshape(-1, d)
            forms[:, k : k + step] = ((X @ some.T).reshape(n, -1, d) @ X[:, :, None])[:, :, 0]
        return X @ self.mean.T, forms

    def learn(self, k: int, x: Floats, r: float) -> None:
        g = self.inverse[k] @ x
        grown = 1.0 + x @ g
        self.mean[k] += g * ((r - x @ self.mean[k]) / grown)
        self.inverse[k] -= np.outer(g, g / grown)


class Clicks(Arms):
    """K logistic regressions by assumed-density filtering, as `reference.click_step` says."""

    def __init__(self, learned: dict[str, Any], offset: float) -> None:
        super().__init__(learned)
        self.offset = offset

    def learn(self, k: int, x: Floats, r: float) -> None:
        g = self.inverse[k] @ x
        kappa = 1.0 / np.sqrt(1.0 + np.pi / 8.0 * (x @ g))
        p = 1.0 / (1.0 + np.exp(-kappa * (self.offset + x @ self.mean[k])))
        self.mean[k] += (kappa * (r - p)) * g
        self.inverse[k] -= np.outer(g, (kappa**2 * p * (1.0 - p)) * g)


class Hybrid(Arms):
    """A common part besides, z = x: W_k' = (A_k^-1 B_k)' (K, q, d), A0^-1, b0 and beta of algorithm 2 (1003.0146)."""

    def __init__(self, learned: dict[str, Any]) -> None:
        super().__init__(learned)
        self.back: Floats = np.ascontiguousarray(learned["W"].swapaxes(1, 2))
        self.shared: Floats = learned["S0"] @ learned["S0"].T
        self.b0: Floats = learned["b0"].copy()
        self.beta: Floats = learned["beta"].copy()

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        K, d = self.mean.shape
        means, forms = super().moments(x)
        u = x - (self.back.reshape(K * d, d) @ x).reshape(K, d)
        return means + u @ self.beta, forms + np.einsum("kq,kq->k", u @ self.shared, u)

    def learn(self, k: int, x: Floats, r: float) -> None:
        g = self.inverse[k] @ x
        grown, error = 1.0 + x @ g, r - x @ self.mean[k]
        u = x - self.back[k] @ x
        self.inverse[k] -= np.outer(g, g / grown)
        self.back[k] += np.outer(u, g / grown)
        self.mean[k] += g * (error / grown)
        h = self.shared @ u
        self.shared -= np.outer(h, h / (grown + u @ h))
        self.b0 += u * (error / grown)
        self.beta = self.shared @ self.b0
