"""Every case: what the library does, and its NumPy twin doing the same. Read the ratio, not the microseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from banditcore.kernels import beta_argmax, draw, gaussian_argmax
from banditcore.policies import Policy
from benchmarks.kernels import vectors
from benchmarks.kernels.models import Arms, Clicks, Hybrid
from benchmarks.kernels.teaching import ROWS, more_lessons, once_each, queries, taught, taught_own

ARMS = (2, 10, 100, 1000)
FEATURES = (8, 32, 128)
GAUSSIAN_ARMS = (10, 100, 1000, 10_000)
RATIOS = (1.0, 10.0, 1e4)
"""Of the widest to the narrowest standard deviation: how differently well arms are known."""
FLOOR = 0.02
DRAWS = 256
BATCH_WORK = 2e9
"""Multiplications that a batch may take about; it has 1,000 rows where that is fewer."""


@dataclass(frozen=True)
class Case:
    ours: Callable[[], Any]
    twin: Callable[[], Any]
    decisions: int = 1
    """That one call makes: times are per decision."""
    cycle: int = 1
    """Calls after which the same rows come again: some are cheaper than others, all together cost what they cost."""
    learned: Callable[[], tuple[Any, Any]] | None = None
    """What both sides know, where calls return nothing to compare."""


@lru_cache(maxsize=2)
def taught_once(name: str, K: int, d: int) -> Policy:
    return taught(name, K, d)


def decide(K: int, d: int) -> Case:
    policy = taught_once("lin_ucb", K, d)
    return bounded(policy, Arms(policy.posterior.arrays()))


def bounded(policy: Policy, twin: Arms) -> Case:
    """A decision made of means and widths."""
    ours, theirs = (queries(policy.n_arms, policy.n_features) for _ in range(2))

    def by_hand() -> int:
        mean, forms = twin.moments(next(theirs)[0])
        return vectors.draw(vectors.floored(vectors.best_of(mean + np.sqrt(forms)), FLOOR), 0.5)

    return Case(lambda: draw(policy.propensities(next(ours))[0], 0.5), by_hand, cycle=ROWS)


def vector(K: int, d: int) -> Case:
    policy = taught_once("linear_ts", K, d)
    return thompson(policy, Arms(policy.posterior.arrays()))


def thompson(policy: Policy, twin: Arms) -> Case:
    ours, theirs = (queries(policy.n_arms, policy.n_features) for _ in range(2))
    width = np.sqrt(policy.posterior.noise_variance())

    def by_hand() -> Any:
        mean, forms = twin.moments(next(theirs)[0])
        return vectors.floored(vectors.gaussian_argmax(mean, width * np.sqrt(forms)), FLOOR)

    return Case(lambda: policy.propensities(next(ours))[0], by_hand, cycle=ROWS)


def update(K: int, d: int) -> Case:
    policy = taught_once("lin_ucb", K, d)
    policy.update(*once_each(policy))  # from 24 arms on, an arm's first row after a warm start renews its bounds
    return learning(policy, Arms(policy.posterior.arrays()))


def learning(policy: Policy, twin: Arms) -> Case:
    ours, theirs = more_lessons(policy), more_lessons(policy)

    def by_hand() -> None:
        row = next(theirs)
        twin.learn(int(row.arm[0]), row.context[0], float(row.reward[0]))

    return Case(
        lambda: policy.update(*next(ours)), by_hand, learned=lambda: (policy.posterior.arrays()["m"], twin.mean)
    )


def batch(K: int, d: int) -> Case:
    policy = taught_once("lin_ucb", K, d)
    twin, rows = Arms(policy.posterior.arrays()), queries(K, d)
    n = int(np.clip(BATCH_WORK / (K * d * d), 64, 1000))
    X = np.concatenate([next(rows) for _ in range(n)])

    def by_hand() -> Any:
        means, forms = twin.batch_moments(X)
        return vectors.floored(vectors.best_of(means + np.sqrt(forms)), FLOOR)

    return Case(lambda: policy.propensities(X), by_hand, n)


def gaussian(K: int, ratio: float) -> Case:
    """The kernel itself, on means that differ as much as the widest arm is wide."""
    g = np.random.default_rng(K)
    mu, sd = g.standard_normal(K), ratio ** -g.random(K)
    sd[0], sd[-1] = 1.0, 1.0 / ratio
    return Case(lambda: gaussian_argmax(mu, sd)[0], lambda: vectors.gaussian_argmax(mu, sd))


def logistic_vector() -> Case:
    policy = taught("logistic_ts", 10, 20)
    return thompson(policy, Clicks(policy.posterior.arrays(), 0.0))


def logistic_update() -> Case:
    policy = taught("logistic_ts", 10, 20, base_rate=0.05)
    return learning(policy, Clicks(policy.posterior.arrays(), float(np.log(0.05 / 0.95))))


def hybrid_decide() -> Case:
    policy = taught("hybrid_lin_ucb", 10, 20)
    return bounded(policy, hybrid_twin(policy))


def hybrid_update() -> Case:
    policy = taught("hybrid_lin_ucb", 10, 20)
    return learning(policy, hybrid_twin(policy))


def hybrid_twin(policy: Policy) -> Hybrid:
    return Hybrid(policy.posterior.arrays() | policy.posterior.common())


def joint(K: int = 50, d: int = 16) -> Case:
    policy = taught_own("shared_linear_ts", K, d, draws=DRAWS)
    ours, theirs = queries(K, d, own=True), queries(K, d, own=True)
    known, width, seeds = policy.posterior.common(), np.sqrt(policy.posterior.noise_variance()), [7]

    def by_hand() -> Any:
        p = vectors.joint_argmax(next(theirs)[0], known["m"][0], known["S"][0], width, 7, DRAWS)
        return vectors.floored(p, FLOOR)

    return Case(lambda: policy.propensities(next(ours), seeds=seeds)[0], by_hand, cycle=ROWS)


def marginal(K: int = 50, d: int = 16) -> Case:
    policy = taught_own("shared_linear_ts", K, d, vector="marginal")
    ours, theirs = queries(K, d, own=True), queries(K, d, own=True)
    twin, width = Arms(policy.posterior.common()), np.sqrt(policy.posterior.noise_variance())

    def by_hand() -> Any:
        features = next(theirs)[0]
        forms = np.einsum("kd,kd->k", features @ twin.inverse[0], features)
        return vectors.floored(vectors.gaussian_argmax(features @ twin.mean[0], width * np.sqrt(forms)), FLOOR)

    return Case(lambda: policy.propensities(next(ours))[0], by_hand, cycle=ROWS)


def square_cb() -> Case:
    policy = taught("square_cb", 10, 20, gamma=10.0)
    seen, noise = policy.posterior.seen(), policy.posterior.noise_variance()
    return ranked(policy, lambda scores: vectors.inverse_gaps(scores, 10.0 * np.sqrt((1.0 + seen) / noise)))


def epsilon_greedy() -> Case:
    policy = taught("epsilon_greedy", 10, 20, epsilon=0.1)
    return ranked(policy, lambda scores: vectors.floored(vectors.best_of(scores), 0.1))


def ranked(policy: Policy, rule: Callable[[Any], Any]) -> Case:
    """A decision made of the means alone."""
    twin, ours, theirs = Arms(policy.posterior.arrays()), queries(10, 20), queries(10, 20)

    def by_hand() -> int:
        return vectors.draw(vectors.floored(rule(twin.means(next(theirs)[0])), FLOOR), 0.5)

    return Case(lambda: draw(policy.propensities(next(ours))[0], 0.5), by_hand, cycle=ROWS)


def beta() -> Case:
    """The kernel itself: the policy computes a vector once an update."""
    a, b = np.linspace(1.0, 46.0, 10), np.linspace(100.0, 460.0, 10)
    return Case(lambda: beta_argmax(a, b)[0], lambda: vectors.beta_argmax(a, b))


KINDS: dict[str, Callable[[int, int], Case]] = {"decide": decide, "vector": vector, "update": update, "batch": batch}

CASES: dict[str, Callable[[], Case]] = {
    # arms and features outside, so that what was taught for one serves all four
    **{f"{kind} K={K} d={d}": partial(build, K, d) for K in ARMS for d in FEATURES for kind, build in KINDS.items()},
    **{f"gaussian K={K} sd ratio {ratio:g}": partial(gaussian, K, ratio) for K in GAUSSIAN_ARMS for ratio in RATIOS},
    "logistic_ts vector": logistic_vector,
    "logistic_ts update": logistic_update,
    "hybrid_lin_ucb decide": hybrid_decide,
    "hybrid_lin_ucb update": hybrid_update,
    "shared_linear_ts joint K=50 d=16": joint,
    "shared_linear_ts marginal K=50 d=16": marginal,
    "square_cb decide": square_cb,
    "epsilon_greedy decide": epsilon_greedy,
    "beta_ts vector": beta,
}
"""Name -> builder; K = 10, d = 20 where the name does not say."""
