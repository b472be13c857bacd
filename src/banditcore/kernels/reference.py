"""The kernels in NumPy: slow, allocating, readable. What they say is right; what the kernels compute must match.

A row's symbols: x (d,) context, r reward, A (d, d) = l2 I + sum x x', b (d,) = sum r x, S upper triangular with
A^-1 = S S', m = A^-1 b. Everything float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtr, ndtri, polygamma, psi
from scipy.stats import beta

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def ridge(contexts: Floats, rewards: Floats, l2: float) -> tuple[Floats, Floats]:
    """A and b of one arm from its rows (n, d), (n,): Li et al., arXiv:1003.0146, lines 4-13 of algorithm 1."""
    return l2 * np.eye(contexts.shape[1]) + contexts.T @ contexts, contexts.T @ rewards


def inverse_factor(A: Floats) -> Floats:
    """S = L^-T for A = L L'."""
    inverse: Floats = np.linalg.inv(np.linalg.cholesky(A)).T
    return inverse


def absorb(S: Floats, x: Floats) -> Floats:
    """S of A + x x' from S of A: S C^-T, C the Cholesky factor of I + w w', w = S'x.

    Carlson (1973), AIAA Journal 11(9): the triangular form of Potter's square root filter. t_j = 1 + w_1^2 + ...
    + w_j^2; column j becomes sqrt(t_{j-1} / t_j) s_j - w_j / sqrt(t_{j-1} t_j) * sum_{i < j} w_i s_i.
    """
    w = S.T @ x
    after = 1.0 + np.cumsum(w * w)
    before = np.concatenate([[1.0], after[:-1]])
    carried = np.cumsum(S * w, axis=1) - S * w
    updated: Floats = np.triu(S * np.sqrt(before / after) - carried * (w / np.sqrt(before * after)))
    return updated


def indices(A: Floats, b: Floats, contexts: Floats, alpha: float) -> Floats:
    """(n, K) x'm + alpha sqrt(x' A^-1 x) for A (K, d, d), b (K, d): arXiv:1003.0146, equation (5)."""
    means = contexts @ np.linalg.solve(A, b[:, :, None])[:, :, 0].T
    variances = np.einsum("nd,kde,ne->nk", contexts, np.linalg.inv(A), contexts)
    bound: Floats = means + alpha * np.sqrt(variances)
    return bound


def residual_sum(contexts: Floats, rewards: Floats, l2: float) -> float:
    """sum r^2 - m'A m of one arm: twice the growth of the inverse gamma's scale (arXiv:1802.09127, section 3)."""
    A, b = ridge(contexts, rewards, l2)
    return float(rewards @ rewards - b @ np.linalg.solve(A, b))


def log_evidence(A: Floats, b: Floats, m0: Floats, own: float, sum_r2: Floats, rows: float, l2: Floats) -> Floats:
    """(len(l2),) log marginal likelihood up to a constant, arms and noise as in arXiv:1802.09127, section 3.

    A (K, d, d), b (K, d) were learned with the regulariser `own` and the prior means m0 (K, d).
    """
    G, Xr = A - own * np.eye(A.shape[1]), b - own * m0
    values, vectors = np.linalg.eigh(G)
    values = np.maximum(values, 0.0)
    Gm0 = np.einsum("kde,ke->kd", G, m0)
    c = np.einsum("kde,kd->ke", vectors, Xr - Gm0)
    total = sum_r2.sum() + (m0 * (Gm0 - 2.0 * Xr)).sum()
    shrunk = values[None] + l2[:, None, None]
    residual = np.maximum(total - (c**2 / shrunk).sum(axis=(1, 2)), 1e-12 * max(float(total), 1e-300))
    spread = 0.5 * (np.log(l2)[:, None, None] - np.log(shrunk)).sum(axis=(1, 2))
    evidence: Floats = spread - 0.5 * rows * np.log(residual)
    return evidence


def click_step(m: Floats, V: Floats, x: Floats, y: float, offset: float) -> tuple[Floats, Floats]:
    """One step of assumed-density filtering for P(y = 1) = sigmoid(offset + x'theta), theta ~ N(m, V).

    kappa = (1 + pi v / 8)^-1/2 is MacKay's (1992) approximation of a sigmoid averaged over a Gaussian.
    """
    spread = V @ x
    kappa = 1.0 / np.sqrt(1.0 + np.pi / 8.0 * (x @ spread))
    p = 1.0 / (1.0 + np.exp(-kappa * (offset + x @ m)))
    stepped: Floats = m + kappa * (y - p) * spread
    return stepped, V - kappa**2 * p * (1.0 - p) * np.outer(spread, spread)


def gap_weights(scores: Floats, mask: Mask, gamma: float) -> Floats:
    """(n, K) inverse-gap weights, arXiv:2002.04926, algorithm 1, with exact ties sharing what is left."""
    allowed = np.where(mask, scores, -np.inf)
    gaps = allowed.max(axis=1, keepdims=True) - allowed
    others = np.where(gaps > 0.0, 1.0 / (mask.sum(axis=1, keepdims=True) + gamma * gaps), 0.0)
    left = 1.0 - others.sum(axis=1, keepdims=True)
    weights: Floats = others + left * best_of(scores, mask)
    return weights


class Hybrid(NamedTuple):
    """What Algorithm 2 keeps: A0 (q, q), b0 (q,) of the common part; A (K, d, d), B (K, d, q), b (K, d) of the arms."""

    A0: Floats
    b0: Floats
    A: Floats
    B: Floats
    b: Floats


def hybrid(shared: Floats, own: Floats, arms: Integers, rewards: Floats, n_arms: int, l2: float) -> Hybrid:
    """Li et al., arXiv:1003.0146, algorithm 2, lines 1-2, 8-10 and 17-23, from rows z (n, q) and x (n, d).

    l2 stands where the paper's identities start A0 and A; the paper has l2 = 1.
    """
    q, d = shared.shape[1], own.shape[1]
    A0, b0 = l2 * np.eye(q), np.zeros(q)
    A, B, b = l2 * np.stack([np.eye(d)] * n_arms), np.zeros((n_arms, d, q)), np.zeros((n_arms, d))
    for z, x, a, r in zip(shared, own, arms, rewards, strict=True):
        A0 = A0 + B[a].T @ np.linalg.solve(A[a], B[a])
        b0 = b0 + B[a].T @ np.linalg.solve(A[a], b[a])
        A[a] += np.outer(x, x)
        B[a] += np.outer(x, z)
        b[a] += r * x
        A0 = A0 + np.outer(z, z) - B[a].T @ np.linalg.solve(A[a], B[a])
        b0 = b0 + r * z - B[a].T @ np.linalg.solve(A[a], b[a])
    return Hybrid(A0, b0, A, B, b)


def hybrid_moments(state: Hybrid, arm: int, z: Floats, x: Floats) -> tuple[float, float]:
    """Mean and variance of one row at one arm: arXiv:1003.0146, algorithm 2, lines 5, 12, 13 and 14."""
    A0, b0, A, B, b = state.A0, state.b0, state.A[arm], state.B[arm], state.b[arm]
    beta = np.linalg.solve(A0, b0)
    theta = np.linalg.solve(A, b - B @ beta)
    back = B.T @ np.linalg.solve(A, x)
    s = z @ np.linalg.solve(A0, z) - 2.0 * z @ np.linalg.solve(A0, back) + x @ np.linalg.solve(A, x)
    s += back @ np.linalg.solve(A0, back)
    return float(z @ beta + x @ theta), float(s)


def block_rows(shared: Floats, own: Floats, arms: Integers, n_arms: int) -> Floats:
    """Each row as one regression on all coefficients sees it: z, then K blocks of which the arm's holds x."""
    n, d = own.shape
    blocks = np.zeros((n, n_arms, d), dtype=own.dtype)
    blocks[np.arange(n), arms] = own
    return np.hstack([shared, blocks.reshape(n, n_arms * d)])


def block_moments(rows: Floats, rewards: Floats, l2: float, queries: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of `queries` in the ridge regression on `rows`, both from `block_rows`, all at once.

    Cholesky written out, since LAPACK has none for the 80-bit numbers that tests hand in.
    """
    size = rows.shape[1]
    L = l2 * np.eye(size, dtype=rows.dtype)
    right = np.vstack([rewards @ rows, queries]).T
    for i in range(size):
        L[i] += (rows[:, i : i + 1] * rows).sum(axis=0)
    for j in range(size):
        L[j, j] = np.sqrt(L[j, j] - L[j, :j] @ L[j, :j])
        L[j + 1 :, j] = (L[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
        right[j] = (right[j] - L[j, :j] @ right[:j]) / L[j, j]
    return right[:, 0] @ right[:, 1:], (right[:, 1:] ** 2).sum(axis=0)


def best_of(scores: Floats, mask: Mask) -> Floats:
    """(n, K) equal shares for the eligible arms whose score is exactly the highest."""
    allowed = np.where(mask, scores, -np.inf)
    ties = allowed == allowed.max(axis=1, keepdims=True)
    shares: Floats = ties / ties.sum(axis=1, keepdims=True)
    return shares


def add_floor(vectors: Floats, mask: Mask, floor: float) -> Floats:
    """(1 - floor) p + floor / (eligible arms) on the eligible arms, 0 elsewhere: additive, so order and gaps stay."""
    mixed: Floats = np.where(mask, (1.0 - floor) * vectors + floor / mask.sum(axis=-1, keepdims=True), 0.0)
    return mixed


def draw(p: Floats, u: float) -> int:
    """Inverse distribution function in arm order; the last possible arm takes the remainder."""
    possible = np.flatnonzero(p > 0.0)
    passed = np.flatnonzero(u < np.cumsum(p[possible]))
    return int(possible[passed[0] if passed.size else -1])


def gaussian_argmax(mu: Floats, sd: Floats, *, coarse: float = 1.0, nodes: int = 40) -> Floats:
    """P(N(mu_k, sd_k^2) is the largest) = Int phi_i Prod_{j != i} Phi_j (Jeunen, arXiv:2504.08773), by panels."""
    masses = sd == 0.0
    mu = mu - mu[np.where(masses, mu, mu - 9.0 * sd).argmax()]  # the narrowest arms that matter lie around this one
    spread = np.where(masses, 1.0, sd)
    lower = np.max(np.where(masses, mu, mu - 9.0 * sd))
    node, weight = np.polynomial.legendre.leggauss(nodes)
    p = np.where(masses & (mu == lower), ndtr((lower - mu) / spread)[~masses].prod(), 0.0)
    p /= max(1, np.count_nonzero(p))
    top, x = mu + 9.0 * sd, lower
    while x < top.max():
        width = coarse * sd[(top > x) & ~masses].min()
        z = (x + width * (0.5 + 0.5 * node) - mu[:, None]) / spread[:, None]
        below = np.where(masses[:, None], 1.0, np.maximum(ndtr(z), 1e-300))
        density = np.where(masses[:, None], 0.0, np.exp(-0.5 * z * z) / (spread[:, None] * np.sqrt(2.0 * np.pi)))
        p += (density * below.prod(axis=0) / below) @ (0.5 * width * weight)
        x += width
    return p


def beta_argmax(a: Floats, b: Floats, *, step: float = 0.25) -> Floats:
    """P(Beta(a_k, b_k) is the largest), by equal steps in t = logit x (Jeunen, arXiv:2504.08773)."""
    sd = np.sqrt(polygamma(1, a) + polygamma(1, b))
    centre = psi(a) - psi(b)
    reach = 40.0 * np.maximum(sd, sd**2)  # tails fall like exp(a t) and exp(-b t), not like a Gaussian's
    t = np.arange(np.max(centre - reach), np.max(centre + reach), step * sd.min())
    t = t[np.abs(t) < 700.0]
    x, y = 1.0 / (1.0 + np.exp(-t)), 1.0 / (1.0 + np.exp(t))
    A, B = a[:, None], b[:, None]
    density = x * y * np.where(t < 0.0, beta.pdf(x, A, B), beta.pdf(y, B, A))
    below = np.maximum(np.where(t < 0.0, betainc(A, B, x), 1.0 - betainc(B, A, y)), 1e-300)
    p: Floats = (density * below.prod(axis=0) / below).sum(axis=1) * step * sd.min()
    return p


def inverse_normal(words: npt.NDArray[np.uint64]) -> Floats:
    """Phi^-1(u) at u = ((word >> 11) + 1/2) / 2^53, by way of u - 1/2: that is exact, and u itself may round to 1."""
    q = ((words >> np.uint64(11)).astype(np.int64) - 2**52 + 0.5) * 2.0**-53
    z: Floats = np.copysign(ndtri(0.5 - np.abs(q)), q)
    return z


def joint_normals(seed: int, pairs: int, d: int) -> Floats:
    """(pairs, d) z; blocks of 16 pairs, in a block coordinate by coordinate."""
    blocks = -(-pairs // 16)
    words = np.random.Philox(key=seed).random_raw(blocks * d * 16)
    z: Floats = inverse_normal(words).reshape(blocks, d, 16).transpose(0, 2, 1).reshape(-1, d)[:pairs]
    return z


def joint_vector(
    features: Floats, m: Floats, S: Floats, variance: float, mask: Mask, seed: int, draws: int, floor: float
) -> tuple[Floats, float]:
    """One row: shares of wins of f_k'theta over antithetic draws of theta ~ N(m, variance S S'), floored; its error."""
    pairs = -(-draws // 2)
    mean, off = features @ m, np.sqrt(variance) * joint_normals(seed, pairs, len(m)) @ (features @ S).T
    wins = best_of(mean + off, mask) + best_of(mean - off, mask)
    p = wins.mean(axis=0) / 2.0
    squares = np.maximum((wins**2).mean(axis=0) / 4.0 - p**2, 0.0)  # the variance of one pair's mean share
    return add_floor(p, mask, floor), float(np.sqrt(squares.max() / pairs))
