"""Vectors of kernels against other rules for the same integrals."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, betaincinv
from scipy.stats import beta

from banditcore.kernels import beta_argmax, gaussian_argmax, reference
from banditcore.types import Floats
from banditcore_simulations.lab.sweep import Record

RATIOS = (1.0, 10.0, 100.0, 1e4)
"""Of the widest arm's standard deviation to the narrowest."""


def gaussian(seed: int, *, arms: int, runs: int) -> Record:
    """Largest errors of `runs` vectors of each ratio, against panels of 40 nodes; doubt: how far their own sum is from
    1."""
    g = np.random.default_rng([arms, seed])
    errors, certificates, doubts = [], [], []
    for ratio in RATIOS:
        for _ in range(runs):
            mu, sd = gaussian_case(g, arms, ratio)
            p, certificate = gaussian_argmax(mu, sd)
            truth = reference.gaussian_argmax(mu, sd)
            errors.append(np.abs(p - truth).max())
            certificates.append(certificate)
            doubts.append(abs(truth.sum() - 1.0))
    return {"error": max(errors), "certificate": max(certificates), "doubt": max(doubts)}


def gaussian_case(g: np.random.Generator, arms: int, ratio: float) -> tuple[Floats, Floats]:
    """(arms,) means and standard deviations."""
    sd = ratio ** g.random(arms)
    return g.standard_normal(arms) * g.choice([0.0, 0.3, 1.0, 3.0]) * np.median(sd), sd


def rates(seed: int, *, arms: int, trials: float, runs: int) -> Record:
    """The same of Beta vectors; every second has an arm that nobody has seen."""
    g = np.random.default_rng([int(arms + trials), seed])
    errors, doubts = [], []
    for case in range(runs):
        total, rate = trials * (0.2 + 0.8 * g.random(arms)), g.uniform(0.02, 0.2, arms)
        total[0] *= case % 2
        a, b = 1.0 + total * rate, 1.0 + total * (1.0 - rate)
        truth = beta_by_quantiles(a, b)
        errors.append(np.abs(beta_argmax(a, b)[0] - truth).max())
        doubts.append(abs(truth.sum() - 1.0))
    return {"error": max(errors), "doubt": max(doubts)}


def beta_by_quantiles(a: Floats, b: Floats) -> Floats:
    """P(Beta(a_k, b_k) is the largest) by Gauss-Legendre in x between the quantiles of all arms."""
    levels = np.concatenate([10.0 ** -np.arange(16.0, 1.0, -2.0), [0.1, 0.3, 0.5]])
    above = 1.0 - betaincinv(b[:, None], a[:, None], levels)
    cuts = np.concatenate([betaincinv(a[:, None], b[:, None], levels), above], axis=1)
    low, high = cuts[:, 0].max(), cuts.max()
    cuts = np.unique(np.clip(cuts, low, high))
    apart = np.diff(cuts) > 1e-3 * (high - low) / len(cuts)
    cuts = np.append(cuts[:-1][apart], high)
    node, weight = np.polynomial.legendre.leggauss(20)
    half = 0.5 * np.diff(cuts)
    x = ((cuts[:-1] + half)[:, None] + half[:, None] * node).ravel()
    below = np.maximum(betainc(a[:, None], b[:, None], x), 1e-300)
    density = beta.pdf(x, a[:, None], b[:, None])
    found: Floats = (density / below * below.prod(axis=0)) @ (half[:, None] * weight).ravel()
    return found
