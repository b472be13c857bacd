"""Twins of what turns scores into probabilities: NumPy and SciPy as a good engineer would use them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln, ndtr, polygamma, psi

Floats = npt.NDArray[np.float64]

ROOT_TAU = float(np.sqrt(2.0 * np.pi))
STEPS = 400
"""Beyond so many equal steps, panels are cheaper."""
NODE, WEIGHT = np.polynomial.legendre.leggauss(24)
REACH = 7.5
"""Standard deviations beyond which a Gaussian is left out."""


def floored(p: Floats, floor: float) -> Floats:
    mixed: Floats = (1.0 - floor) * p + floor / p.shape[-1]
    return mixed


def best_of(scores: Floats) -> Floats:
    """(..., K) equal shares for the highest scores."""
    ties = scores == scores.max(axis=-1, keepdims=True)
    shares: Floats = ties / ties.sum(axis=-1, keepdims=True)
    return shares


def inverse_gaps(scores: Floats, gamma: float) -> Floats:
    """SquareCB's weights of one row."""
    gaps = scores.max() - scores
    p: Floats = np.where(gaps > 0.0, 1.0 / (len(scores) + gamma * gaps), 0.0)
    best = gaps == 0.0
    p[best] = (1.0 - p.sum()) / best.sum()
    return p


def draw(p: Floats, u: float) -> int:
    return min(int(np.searchsorted(np.cumsum(p), u, side="right")), len(p) - 1)


def gaussian_argmax(mu: Floats, sd: Floats) -> Floats:
    """P(N(mu_k, sd_k^2) is the largest), sd > 0: equal steps, or panels where the narrowest arm would want too many.

    Arms whose tops have been passed are left out: their density is gone, and all their mass lies below.
    """
    top, x = mu + REACH * sd, float((mu - REACH * sd).max())
    high, p = float(top.max()), np.zeros(len(mu))
    left = np.flatnonzero(top > x)
    step = (0.4 if len(mu) <= 50 else 0.2) * float(sd[left].min())  # the best of many has a narrower law than each
    if high - x <= STEPS * step:
        p[left] = _winners(np.arange(x, high, step), mu[left], sd[left]).sum(axis=1) * step
        return p
    while x < high:
        left = left[top[left] > x]
        width = 3.0 * float(sd[left].min())
        p[left] += _winners(x + width * (0.5 + 0.5 * NODE), mu[left], sd[left]) @ (0.5 * width * WEIGHT)
        x += width
    return p


def _winners(nodes: Floats, mu: Floats, sd: Floats) -> Floats:
    """(K, nodes) density of arm k at a node, times the probability that all others lie below."""
    mean, precision = mu[:, None], (1.0 / sd)[:, None]
    z = (nodes - mean) * precision
    below = np.maximum(ndtr(z), 1e-300)
    density = np.exp(-0.5 * z * z) * (precision / ROOT_TAU)
    won: Floats = density * (below.prod(axis=0) / below)
    return won


def beta_argmax(a: Floats, b: Floats) -> Floats:
    """P(Beta(a_k, b_k) is the largest), by equal steps in t = logit x."""
    sd = np.sqrt(polygamma(1, a) + polygamma(1, b))
    centre = psi(a) - psi(b)
    reach = 40.0 * np.maximum(sd, sd**2)  # tails fall like exp(a t) and exp(-b t), not like a Gaussian's
    step = 0.25 * sd.min()
    t = np.arange(max(-700.0, (centre - reach).max()), min(700.0, (centre + reach).max()), step)
    log_y = -np.logaddexp(0.0, t)
    A, B = a[:, None], b[:, None]
    density = np.exp(A * (t + log_y) + B * log_y - betaln(A, B))
    below = np.maximum(betainc(A, B, np.exp(t + log_y)), 1e-300)
    p: Floats = (density * (below.prod(axis=0) / below)).sum(axis=1) * step
    return p


def joint_argmax(features: Floats, m: Floats, S: Floats, width: float, seed: int, draws: int) -> Floats:
    """(K,) shares of wins of f_k'theta over mirrored draws of theta ~ N(m, width^2 S S')."""
    z = np.random.Generator(np.random.Philox(key=seed)).standard_normal((draws // 2, len(m)))
    mean, off = features @ m, z @ (width * (features @ S).T)
    winners = np.concatenate([(mean + off).argmax(axis=1), (mean - off).argmax(axis=1)])
    p: Floats = np.bincount(winners, minlength=len(features)) / draws
    return p
