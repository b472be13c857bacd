"""A world fitted to a log: its visitors, and models of what they reward."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from banditcore.bandit_log import BanditLog, Rows, concatenated
from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore.formats import read_log
from banditcore.types import Floats
from banditcore_simulations.worlds.base import Event, World

BINS = 10
STEPS = 50
"""Newton steps at most."""


class Fitted(NamedTuple):
    """A world and how well its model fits rows of the log that it was not fitted to."""

    world: World
    calibration: Floats
    """(bins, 4) held-out rows by predicted reward, tenths of them: how many, mean prediction, mean reward, its standard
    error."""
    explained: float
    """Share of the variance of held-out rewards that the model explains beyond the mean of each arm; below 0 where
    contexts only mislead it."""


def make(
    rng: np.random.Generator,
    *,
    log: str,
    l2: float = 1.0,
    cap: float = 20.0,
    held_out: float = 0.2,
    most: int = 100_000,
) -> World:
    """The world of `fitted_world` for a log that `read_log` can read.

    Its truth is the model's, not the log's: whatever the model missed is not there to be learned. It is good for
    engineering, for tests of load and of settings in a world of familiar looks, and never evidence of what a policy
    would earn; `banditcore evaluate` is for that. Optimal: the arm with the model's largest mean.
    """
    return fitted_world(read_log(log), rng, l2=l2, cap=cap, held_out=held_out, most=most).world


def fitted_world(
    log: BanditLog,
    rng: np.random.Generator,
    *,
    l2: float = 1.0,
    cap: float = 20.0,
    held_out: float = 0.2,
    most: int = 100_000,
) -> Fitted:
    """Visitors are drawn from the contexts of the first `most` rows, with the arms that were eligible then.

    Where all rewards are 0 or 1 they are clicks by a logistic regression of each arm; else a ridge regression of each
    arm and normal noise of the standard deviation of what it leaves. Rows weigh 1 / propensity, at most `cap`, scaled
    to mean 1 for each arm, so that the model fits those who visit and not only those to whom the arm was shown.
    l2: of the weights, not of the constant that the model adds. held_out: share of rows, at random, on which the
    calibration is measured. A constant 1 is appended to contexts that have none. Raises InvalidInput.
    """
    penalty, limit = check_number(l2, "l2", 0.0, above=True), check_number(cap, "cap", 1.0)
    share = check_number(held_out, "held_out", 0.01, 0.9)
    rows = _first(log, check_count(most, "most", 100))
    x = _with_constant(rows.contexts)
    test = rng.random(len(rows)) < share
    clicks = bool(np.isin(rows.rewards, (0.0, 1.0)).all())
    theta = np.zeros((x.shape[1] + 1, log.n_arms))
    for arm, name in enumerate(log.variants):
        mine = (rows.arms == arm) & ~test
        if not mine.any():
            raise InvalidInput(f"{log.source} has no row of {name} to fit: leave this variant out of it", field="log")
        weights = np.minimum(1.0 / rows.propensity[mine], limit)
        theta[:, arm] = _fit(x[mine], rows.rewards[mine], weights / weights.mean(), penalty, clicks)
    scores = np.einsum("nd,nd->n", x, theta[:-1].T[rows.arms]) + theta[-1, rows.arms]
    predicted = expit(scores) if clicks else scores
    noise = float((rows.rewards - predicted)[~test].std())
    everyone = np.ones((len(rows), log.n_arms), np.bool_) if rows.eligible is None else rows.eligible
    constants = {"rows": x, "mask": everyone, "theta": theta[:-1].copy(), "offset": theta[-1], "clicks": clicks}
    outcome: Any = "clicks" if clicks else "normal"
    world = World("fitted", log.n_arms, x.shape[1], visit, constants, outcome=outcome, noise=noise, uniforms=1)
    own = np.array([rows.rewards[(rows.arms == arm) & ~test].mean() for arm in range(log.n_arms)])[rows.arms[test]]
    return Fitted(
        world, _calibration(predicted[test], rows.rewards[test]), _explained(predicted[test], rows.rewards[test], own)
    )


def visit(world: Any, event: Event) -> None:
    row = int(event.uniforms[0] * world.rows.shape[0])
    event.context[:] = world.rows[row]
    event.eligible[:] = world.mask[row]
    event.means[:] = world.offset
    for i in range(event.context.size):
        for k in range(event.means.size):
            event.means[k] += world.theta[i, k] * event.context[i]
    if world.clicks:
        for k in range(event.means.size):
            event.means[k] = 1.0 / (1.0 + math.exp(-event.means[k]))


def _first(log: BanditLog, most: int) -> Rows:
    parts, count = [], 0
    for page in log.pages():
        parts.append(page.take(slice(most - count)))
        count += len(parts[-1])
        if count >= most:
            break
    rows = concatenated(parts) if parts else log.head()
    if rows.contexts.ndim != 2:
        raise InvalidInput(
            f"{log.source} has features for each arm in each row, which this world has no model for: choose "
            "many_arms:per_arm=true, or a log of (n, d) contexts",
            field="log",
        )
    return rows


def _with_constant(contexts: Floats) -> Floats:
    """So that linear policies have one."""
    if ((np.ptp(contexts, axis=0) == 0.0) & (contexts[0] != 0.0)).any():
        return contexts
    return np.hstack([contexts, np.ones((len(contexts), 1))])


def _fit(x: Floats, y: Floats, weights: Floats, l2: float, clicks: bool) -> Floats:
    """(d + 1,) weights and the constant that is added, which goes free of `l2`."""
    x = np.hstack([x, np.ones((len(x), 1))])
    penalty = np.diag(np.append(np.full(x.shape[1] - 1, l2), 0.0))
    if clicks:
        return _logistic(x, y, weights, penalty)
    return np.asarray(np.linalg.solve((x * weights[:, None]).T @ x + penalty, x.T @ (weights * y)))


def _logistic(x: Floats, y: Floats, weights: Floats, penalty: Floats) -> Floats:
    """By Newton's method with steps halved until they help. Half a click and half none of an average visitor join the
    rows, so that an arm that never got one, or always, has finite odds."""
    x = np.vstack([x, x.mean(axis=0), x.mean(axis=0)])
    y, weights = np.append(y, (0.0, 1.0)), np.append(weights, (0.5, 0.5))

    def loss(theta: Floats) -> float:
        z = x @ theta
        return float(weights @ (np.logaddexp(0.0, z) - y * z) + 0.5 * theta @ penalty @ theta)

    theta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = expit(x @ theta)
        slope = x.T @ (weights * (y - p)) - penalty @ theta
        step = np.linalg.solve((x * (weights * p * (1.0 - p))[:, None]).T @ x + penalty, slope)
        while loss(theta + step) > loss(theta) and np.abs(step).max() > 1e-9:
            step = 0.5 * step
        theta = theta + step
        if np.abs(step).max() < 1e-9:
            break
    return theta


def _calibration(predicted: Floats, rewards: Floats) -> Floats:
    parts = np.array_split(np.argsort(predicted, kind="stable"), min(BINS, max(1, len(predicted))))
    return np.array(
        [
            (len(part), predicted[part].mean(), rewards[part].mean(), rewards[part].std() / math.sqrt(len(part)))
            for part in parts
            if len(part)
        ]
    ).reshape(-1, 4)


def _explained(predicted: Floats, rewards: Floats, own: Floats) -> float:
    rest, whole = float(((rewards - predicted) ** 2).sum()), float(((rewards - own) ** 2).sum())
    return 1.0 - rest / whole if whole > 0.0 else 0.0
