"""What kernels have to do, counted: flops, and bytes from where they lie.

+, -, *, /, sqrt and comparisons count as one flop each. S is upper triangular, so d (d + 1) / 2 of its numbers are
read. Bytes are counted per pass over a set that does not fit in registers; a number that is changed counts twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from banditcore.policies import Policy
from benchmarks.kernels.teaching import ROWS, queries

EVALUATION = 70.0
"""Flops of a Gaussian density and distribution function at one node: an exponential (25), a rational function of
degree 8 (40), products (5). Nominal, as kernels differ in it."""
NORMAL = 45.0
"""Flops of a standard normal: AS 241's rational function, and the tail for 15 in 100; Philox is integers."""
TILE = 8
"""Rows that a batch scores together, reading the state once."""
RESULT = 7
"""Times that `scores` reads or writes a number of its result: mean, form, its root, and their sum."""
LANES = 16
"""Pairs of draws that joint sampling makes together."""


class Traffic(NamedTuple):
    moved: float
    within: float
    """Bytes of the set that is moved from and to again and again, which says what cache it comes from."""


class Work(NamedTuple):
    flops: float
    traffic: tuple[Traffic, ...]


FORMULAS = {
    "decide": "n_m K (2 d) + n_f (d (d + 1) + 2 d) + 6 K flops: n_m = 1 mean an arm, n_f forms computed (all K below"
    " 24 arms, from there on those that bounds leave, counted by replaying the bounds)",
    "batch": "K (d (d + 1) + 4 d + 3) flops a row; the state is read once for 8 rows, and 7 numbers an arm are moved"
    " for the result (`scores`: all arms are computed)",
    "update": "7.5 d (d + 1) + 4 d^2 + 23 d flops: S is read or written 7 times (w, absorb, probe, solve), A 3 times",
    "vector": "K (d (d + 1) + 4 d) flops for means and widths + K N 70 for the integral with N nodes, 0.4 of the"
    " narrowest standard deviation that matters apart",
    "hybrid": "K (2 d^2 + 2 d (d + 1) + 10 d) flops, z = x: u = z - W'x, S'x and S0'u an arm",
    "joint": "K (D (D + 1) + 3 D) + 128 pairs (2 K D + 8 K + 45 D) flops; W is read once for 16 pairs",
}


def half(d: int) -> float:
    """Bytes of S above the diagonal."""
    return 4.0 * d * (d + 1)


def decide(policy: Policy) -> Work:
    K, d = policy.n_arms, policy.n_features
    forms = float(np.mean([forms_needed(policy, row) for row in rows(policy)]))
    flops = K * (2.0 * d + 6.0) + forms * (d * (d + 1.0) + 2.0 * d)
    read = 8.0 * K * (d + 1)
    return Work(flops, (Traffic(read + forms * half(d), read + min(K, ROWS * forms) * half(d)),))


def rows(policy: Policy, *, own: bool = False) -> list[Any]:
    asked = queries(policy.n_arms, policy.n_features, own=own)
    return [next(asked) for _ in range(ROWS)]


def forms_needed(policy: Policy, row: Any) -> int:
    """How many of the quadratic forms `LinearArms.prune` computes for this row, by its own bounds in its own order."""
    K, x = policy.n_arms, row[0]
    if K < 24:
        return K
    mean, sd = (np.empty((1, K)) for _ in range(2))
    policy.posterior.moments(row, 1.0, mean, sd)
    known = policy.posterior.derived()
    upper = mean[0] + np.sqrt(known["reach"] * (x @ x))
    closer, index = mean[0] + known["width"] @ np.abs(x), mean[0] + sd[0]
    best, needed = float(index[upper.argmax()]), 1
    for k in range(K):
        if upper[k] >= best and closer[k] >= best:
            needed, best = needed + 1, max(best, float(index[k]))
    return needed


def batch(K: int, d: int, n: int) -> Work:
    state = K * (half(d) + 8.0 * d)
    flops = K * (d * (d + 1.0) + 4.0 * d + 3.0)
    return Work(flops, (Traffic(state / TILE, state), Traffic(8.0 * K * RESULT, 16.0 * n * K)))


def update(K: int, d: int) -> Work:
    near, arm = 7.0 * half(d) + 24.0 * d * d, half(d) + 8.0 * d * d
    flops = 7.5 * d * (d + 1) + 4.0 * d * d + 23.0 * d
    return Work(flops, (Traffic(near, arm), Traffic(2.0 * arm, K * arm)))


def vector(policy: Policy) -> Work:
    K, d = policy.n_arms, policy.n_features
    state = K * (half(d) + 8.0 * d)
    nodes = float(np.mean([nodes_needed(policy, row) for row in rows(policy)]))
    return Work(K * (d * (d + 1.0) + 4.0 * d + EVALUATION * nodes), (Traffic(state, state),))


def nodes_needed(policy: Policy, row: Any) -> float:
    mean, sd = (np.empty((1, policy.n_arms)) for _ in range(2))
    policy.posterior.moments(row, float(np.sqrt(policy.posterior.noise_variance())), mean, sd)
    low, top = (mean - 7.0 * sd).max(), mean + 7.0 * sd
    return float((top.max() - low) / (0.4 * sd[top > low].min()))


def hybrid(K: int, d: int) -> Work:
    arms = K * (8.0 * d * d + half(d) + 8.0 * d)
    return Work(K * (2.0 * d * d + 2.0 * d * (d + 1) + 10.0 * d), (Traffic(arms, arms), Traffic(K * half(d), half(d))))


def joint(K: int, d: int, draws: int) -> Work:
    pairs = draws / 2
    flops = K * (d * (d + 1.0) + 3.0 * d) + pairs * (2.0 * K * d + 8.0 * K + NORMAL * d)
    return Work(flops, (Traffic(pairs / LANES * K * 8.0 * (d + 3 * LANES), 8.0 * K * (d + LANES)),))
