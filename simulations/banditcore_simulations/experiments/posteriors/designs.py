"""Rows that are easy or hard for a regression, and what it should make of them in 80-bit arithmetic."""

from typing import Any

import numpy as np

from banditcore.types import Floats

KINDS = ("standard", "raw scales", "one-hot", "near-collinear")


def design(kind: str, g: np.random.Generator, n: int, d: int) -> Floats:
    """(n, d) rows, from harmless to nearly collinear."""
    if kind == "one-hot":
        zipf = 1.0 / np.arange(1, d + 1) ** 1.1
        return np.eye(d)[g.choice(d, n, p=zipf / zipf.sum())]
    base = g.standard_normal((n, d))
    if kind == "raw scales":
        return base * np.logspace(-2, 2, d)
    return g.standard_normal((n, 1)) + 1e-4 * base if kind == "near-collinear" else base


def exact_moments(x: Floats, rewards: Floats, queries: Floats) -> tuple[Floats, Floats]:
    """Means and variances of `queries` in the ridge regression (l2 = 1) of `rewards` on `x`, by Cholesky."""
    d = x.shape[1]
    A = np.eye(d, dtype=np.longdouble)
    right: Any = np.zeros((d, 1 + len(queries)), dtype=np.longdouble)
    right[:, 1:] = queries.T
    for start in range(0, len(x), 10_000):
        wide, r = x[start : start + 10_000].astype(np.longdouble), rewards[start : start + 10_000]
        right[:, 0] += (wide * r[:, None]).sum(axis=0)
        for i in range(d):
            A[i] += (wide[:, i : i + 1] * wide).sum(axis=0)
    L = np.zeros_like(A)
    for j in range(d):
        L[j, j] = np.sqrt(A[j, j] - L[j, :j] @ L[j, :j])
        L[j + 1 :, j] = (A[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
        right[j] = (right[j] - L[j, :j] @ right[:j]) / L[j, j]
    return right[:, 0] @ right[:, 1:], (right[:, 1:] ** 2).sum(axis=0)
