"""Events per second of replaying every policy, beside a plain NumPy loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from time import process_time
from typing import Any

import numpy as np

from banditcore.bandit_log import BanditLog
from banditcore.evaluated import ReplayReport
from banditcore.evaluation import PolicySpec
from banditcore.policies import get_policy
from banditcore.types import Floats
from banditcore_simulations.replayed import replayed
from banditcore_simulations.trajectory import Method
from benchmarks.kernels.models import Arms

SIZES = ((10, 20), (50, 64))
LOGS: tuple[tuple[str, Method], ...] = (("uniform", "match"), ("biased", "rejection"))
SHARE = 0.2
"""Of a biased log's plays that are uniform: M is K / SHARE, and one row in so many is accepted."""
FLOOR = 0.02


@dataclass(frozen=True)
class Case:
    """A policy on a log of `events` rows, as many as take about a second."""

    policy: str
    params: dict[str, Any]
    arms: int
    features: int
    log: str
    method: Method
    events: int
    floor: float = FLOOR
    bound: float | None = None

    @property
    def spec(self) -> PolicySpec:
        return PolicySpec(self.policy, self.policy, self.params, self.floor)


FAMILIES: dict[str, tuple[dict[str, Any], int]] = {
    "lin_ucb": ({}, 200_000),
    "linear_ts": ({}, 100_000),
    "logistic_ts": ({}, 100_000),
    "hybrid_lin_ucb": ({}, 20_000),
    "epsilon_greedy": ({}, 200_000),
    "square_cb": ({}, 200_000),
    "beta_ts": ({}, 200_000),
    "shared_linear_ts": ({}, 2_000),
}
"""Parameters, and events at K 10 and d 20; a fifth of them at K 50 and d 64."""


def cases(scale: float) -> list[Case]:
    """All that is measured; `scale` times the events."""

    def case(policy: str, size: tuple[int, int], log: str, method: Method, events: float) -> Case:
        return Case(policy, FAMILIES[policy][0], *size, log, method, max(400, int(scale * events)))

    small, large = SIZES
    found = [
        case("lin_ucb", small, "uniform", "match", 600_000),
        case("lin_ucb", small, "biased", "rejection", 600_000),
        case("lin_ucb", small, "biased", "dr_ns", 200_000),
        case("lin_ucb", small, "half eligible", "match", 200_000),
        replace(case("lin_ucb", small, "uniform", "rejection", 100_000), floor=1.0, bound=1.0),
    ]
    for policy, (_, events) in FAMILIES.items():
        for size, share in ((small, 1.0), (large, 0.2)):
            for log, method in LOGS:
                if (policy, size) != ("lin_ucb", small):
                    found.append(case(policy, size, log, method, share * events))
    return found


@cache
def log_of(arms: int, features: int, log: str, events: int, per_arm: bool) -> BanditLog:
    """Clicks whose chance rises with x'theta; of `biased` the logging policy prefers one arm by the sign of x_1."""
    g = np.random.default_rng([arms, features, events])
    shape = (events, arms, features) if per_arm else (events, features)
    x, theta = g.standard_normal(shape), g.standard_normal((arms, features)) / np.sqrt(features)
    first = x[:, 0, 0] if per_arm else x[:, 0]
    liked = np.where(first > 0.0, 0, 1)
    explored = g.random(events) < (SHARE if log == "biased" else 1.0)
    shown = np.where(explored, g.integers(0, arms, events), liked)
    p = np.full(events, SHARE / arms if log == "biased" else 1.0 / arms)
    p[(shown == liked) & (log == "biased")] += 1.0 - SHARE
    own = x[np.arange(events), shown] if per_arm else x
    rewards = (g.random(events) < 1.0 / (1.0 + np.exp(-np.einsum("nd,nd->n", own, theta[shown])))).astype(float)
    eligible = None
    if log == "half eligible":
        # Half of the arms in a circle from a random one on; the arm shown is any of them.
        start = (shown - g.integers(0, arms // 2, events))[:, None]
        eligible, p = (np.arange(arms) - start) % arms < arms // 2, np.full(events, 2.0 / arms)
    return BanditLog.of(x, shown, rewards, p, eligible=eligible, n_arms=arms)


def measured(case: Case) -> dict[str, Any]:
    """The better of two times of two repeats, all included."""
    per_arm = get_policy(case.policy).posterior_class.own_features_only or case.policy == "shared_linear_ts"
    log = log_of(case.arms, case.features, case.log, case.events, per_arm)
    ask = partial(replayed, log, [case.spec], method=case.method, repeats=2, bound=case.bound)
    report: ReplayReport = ask()[0]
    found = {
        "policy": case.policy if case.floor == FLOOR else f"{case.policy}, floor {case.floor:g}",
        "K": case.arms,
        "d": case.features,
        "log": case.log,
        "method": case.method,
        "events": case.events,
        "accepted": round(report.accepted / report.rows, 4),
        "events_per_s": round(2 * case.events / min(seconds(ask), seconds(ask))),
    }
    if case.policy == "lin_ucb" and case.floor == FLOOR and case.log != "half eligible" and case.method != "dr_ns":
        rows = min(case.events, 20_000)
        taken = min(seconds(partial(plainly, log, case.method, rows)) for _ in range(2))
        found["numpy_events_per_s"] = round(rows / taken)
    return found


def seconds(call: Callable[[], Any]) -> float:
    """Of the processor: on one thread that is what others on the machine disturb the least."""
    start = process_time()
    call()
    return process_time() - start


def plainly(log: BanditLog, method: Method, limit: int) -> float:
    """The same for LinUCB as one would write it: NumPy, kept inverses, one row after the other. Mean reward."""
    rows = log.head().take(slice(limit))
    policy = get_policy("lin_ucb").make(log.n_arms, rows.contexts.shape[1], FLOOR, {})
    twin, uniform = Arms(policy.state()), np.random.default_rng(1).random(limit)
    bound, kept = 1.0 / rows.propensity.min(), list[float]()
    columns = (rows.arms, rows.rewards, rows.propensity, uniform)
    for x, arm, reward, p, u in zip(rows.contexts, *(column.tolist() for column in columns), strict=True):
        vector = _vector(twin, x, log.n_arms)
        if (vector.cumsum().searchsorted(u, "right") == arm) if method == "match" else u * (bound * p) < vector[arm]:
            twin.learn(arm, x, reward)
            kept.append(reward)
    return float(np.mean(kept))


def _vector(twin: Arms, x: Floats, arms: int) -> Floats:
    mean, form = twin.moments(x)
    vector = np.full(arms, FLOOR / arms)
    vector[(mean + np.sqrt(form)).argmax()] += 1.0 - FLOOR
    return vector
