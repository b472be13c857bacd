"""How well a regulariser explains what was seen, in closed form."""

from __future__ import annotations

import numpy as np

from banditcore.kernels import LinearArms, evidence_terms
from banditcore.posteriors.base import log
from banditcore.types import Floats

GRID: Floats = np.ldexp(1.0, np.arange(-10, 21))


def log_evidence(arms: LinearArms, l2: Floats = GRID) -> Floats:
    """(len(l2),) log marginal likelihood of the rows behind `arms`, up to a constant, for each regulariser.

    theta_k ~ N(m0, s2 / l2), noise N(0, s2) with p(s2) ~ 1 / s2, pooled over the arms: with G = X'X = Q diag(e) Q',
    c = Q'(X'r - G m0) and R(l2) = sum (r - x'm0)^2 - sum_j c_j^2 / (e_j + l2), it is
    sum_arms,j (log l2 - log(e_j + l2)) / 2 - (N / 2) log R(l2): Riquelme et al. (2018), arXiv:1802.09127, section 3.
    The same bytes on every machine: between two regularisers that explain about as much, the last ones decide.
    """
    residual, share, power, total = evidence_terms(arms, l2)
    least = 1e-12 * max(total, 1e-300)
    shrunk = np.array([log(part) for part in share]) + power * log(2.0)
    missed = np.array([log(max(part, least)) for part in residual])
    evidence: Floats = 0.5 * shrunk - 0.5 * arms.weight.sum() * missed
    return evidence


def best_l2(arms: LinearArms) -> float:
    """The regulariser of the grid 2^-10, 2^-9, .. 2^20 with the most evidence."""
    return float(GRID[log_evidence(arms).argmax()])
