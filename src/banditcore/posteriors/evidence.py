"""How well a regulariser explains what was seen, in closed form."""

from __future__ import annotations

import numpy as np

from banditcore.kernels import LinearArms
from banditcore.types import Floats

GRID: Floats = np.exp2(np.arange(-10.0, 21.0))


def log_evidence(arms: LinearArms, l2: Floats = GRID) -> Floats:
    """(len(l2),) log marginal likelihood of the rows behind `arms`, up to a constant, for each regulariser.

    theta_k ~ N(m0, s2 / l2), noise N(0, s2) with p(s2) ~ 1 / s2, pooled over the arms: with G = X'X = Q diag(e) Q',
    c = Q'(X'r - G m0) and R(l2) = sum (r - x'm0)^2 - sum_j c_j^2 / (e_j + l2), it is
    sum_arms,j (log l2 - log(e_j + l2)) / 2 - (N / 2) log R(l2): Riquelme et al. (2018), arXiv:1802.09127, section 3.
    """
    eye = np.eye(arms.d)
    G = arms.A - arms.l2[:, None, None] * eye
    Xr = arms.b - arms.l2[:, None] * arms.m0
    values, vectors = np.linalg.eigh(G)
    values = np.maximum(values, 0.0)
    Gm0 = np.einsum("kde,ke->kd", G, arms.m0)
    c = np.einsum("kde,kd->ke", vectors, Xr - Gm0)
    total = arms.sum_r2.sum() + (arms.m0 * (Gm0 - 2.0 * Xr)).sum()
    shrunk = values[None] + l2[:, None, None]
    residual = total - (c**2 / shrunk).sum(axis=(1, 2))
    residual = np.maximum(residual, 1e-12 * max(float(total), 1e-300))
    spread = 0.5 * (np.log(l2)[:, None, None] - np.log(shrunk)).sum(axis=(1, 2))
    evidence: Floats = spread - 0.5 * arms.weight.sum() * np.log(residual)
    return evidence


def best_l2(arms: LinearArms) -> float:
    """The regulariser of the grid 2^-10, 2^-9, .. 2^20 with the most evidence."""
    return float(GRID[log_evidence(arms).argmax()])
