"""The posterior of clicks against the exact one, and what it is without covariances."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from banditcore.posteriors import LogisticPosterior
from banditcore.types import Floats
from banditcore_simulations.experiments.clicks.diagonal import DiagonalPosterior
from banditcore_simulations.lab.sweep import Record

ROWS = 500
FROM, TO = -1.0, 3.0
"""Of the feature: its mean is 1, its standard deviation 1."""
QUERIES = np.column_stack([np.linspace(FROM, TO, 9), np.ones(9)])


def clicks(seed: int, *, base_rate: float, runs: int) -> Record:
    """Means over `runs` data sets of a feature of mean 1 and an intercept.

    On single data sets the width strays more where clicks are few: one pass over 25 of them depends on their order.
    """
    found = np.array([data_set(seed * runs + one, base_rate) for one in range(runs)])
    offs, shown = found[:, :4], found[:, 4:]
    return {
        **dict(zip(("predictor", "sd", "ratio", "diagonal sd"), offs.mean(axis=0), strict=True)),
        "largest sd": offs[:, 1].max(),
        "feature": QUERIES[:, 0].tolist(),
        **dict(zip(NAMES, shown.reshape(runs, 2, -1).mean(axis=0).tolist(), strict=True)),
    }


NAMES = ("sd over exact", "diagonal sd over exact")


def data_set(number: int, base_rate: float) -> Floats:
    """Errors of the predictor, of its sd, the mean ratio of sds, the diagonal's error; then ratios at all queries."""
    g = np.random.default_rng(number)
    x = np.column_stack([1.0 + g.standard_normal(ROWS), np.ones(ROWS)])
    slope, rate = 0.5 * g.standard_normal(2)
    offset = float(logit(base_rate))
    y = (g.random(ROWS) < expit(offset + rate + slope * (x[:, 0] - 1.0))).astype(float)
    mean, sd = exact_clicks(x, y, offset)
    ours, ratio = moments(LogisticPosterior(1, 2, base_rate=base_rate), x, y)
    diagonal = moments(DiagonalPosterior(1, 2, base_rate=base_rate), x, y)[1] / sd
    ratio /= sd
    off = np.linalg.norm(ours - mean) / np.linalg.norm(offset + mean)
    return np.array([off, error(ratio), ratio.mean(), error(diagonal), *ratio, *diagonal])


def error(ratio: Floats) -> float:
    """Root mean square, relative."""
    return float(np.sqrt(np.mean((ratio - 1.0) ** 2)))


def moments(posterior: LogisticPosterior, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation at the queries, the rows learned one by one."""
    posterior.learn(x, np.zeros(len(x), dtype=np.int64), y, None)
    mean, sd = np.empty((len(QUERIES), 1)), np.empty((len(QUERIES), 1))
    posterior.moments(QUERIES, 1.0, mean, sd)
    return mean[:, 0], sd[:, 0]


def exact_clicks(x: Floats, y: Floats, offset: float) -> tuple[Floats, Floats]:
    """Mean and standard deviation of x'theta at the queries, theta ~ N(0, I), by a grid of 61 x 61 around the mode."""
    theta = np.zeros(2)
    for _ in range(60):
        p = expit(offset + x @ theta)
        H = (x * (p * (1.0 - p))[:, None]).T @ x + np.eye(2)
        step = np.linalg.solve(H, x.T @ (y - p) - theta)
        theta += step / max(1.0, np.abs(step).max())
    t = np.linspace(-7.0, 7.0, 61)
    grid = theta + np.stack(np.meshgrid(t, t), axis=-1).reshape(-1, 2) @ np.linalg.inv(np.linalg.cholesky(H))
    z = offset + grid @ x.T
    log_p = z @ y - np.log1p(np.exp(z)).sum(axis=1) - 0.5 * (grid**2).sum(axis=1)
    w = np.exp(log_p - log_p.max())
    w /= w.sum()
    mean: Floats = w @ grid @ QUERIES.T
    sd: Floats = np.sqrt(w @ (grid @ QUERIES.T - mean) ** 2)
    return mean, sd
