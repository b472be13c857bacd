"""The lift of revenue while the holdout has few buyers: how often it is wrong over many looks, and what prevents it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from banditcore.estimators.lift import Moments
from banditcore.types import Floats
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep
from banditcore_simulations.looks import RULE, Looks, differences, share, value_looks

RATE, HELD_OUT, SPREAD = 0.05, 0.10, 1.2
LOOKS = 400
CAP = float(np.exp(2.326348 * SPREAD))
"""99 % quantile of what buyers spend, known before the start."""
CAPPED_MEAN = float(np.exp(SPREAD**2 / 2) * ndtr(2.326348 - SPREAD) + 0.01 * CAP)
HORIZONS = {100: (0.60, 25), 400: (0.30, 100)}
"""By the holdout's buyers at the end: the target for which the clock is then near 1, and the buyers at the first
look."""
PLANNED_ONLY: dict[str, Any] = {"open_alpha": 1e-9, "planned_alpha": 0.05}
NAMES = ("n", "buyers", "capped", "capped squares", "raw", "raw squares")
Group = dict[str, Floats]


def group(rng: np.random.Generator, runs: int, units: float, median: float = 1.0, spread: float = SPREAD) -> Group:
    """The sums of NAMES, each (runs, looks) and cumulated, of a group whose buyers spend lognormally."""
    n = np.round(np.arange(1, LOOKS + 1) * units / LOOKS).astype(np.int64)
    buyers = rng.binomial(np.diff(n, prepend=0), RATE, (runs, LOOKS))
    spent = rng.lognormal(np.log(median), spread, buyers.sum())
    at = np.repeat(np.arange(buyers.size), buyers.ravel())
    capped = np.minimum(spent, CAP)
    sums = [np.bincount(at, v, buyers.size).reshape(buyers.shape) for v in (capped, capped**2, spent, spent**2)]
    columns = [np.broadcast_to(n, buyers.shape), *(v.cumsum(axis=1) for v in [buyers, *sums])]
    return dict(zip(NAMES, columns, strict=True))


def without_a_lift(stream: list[int], runs: int, buyers: int, **of_policy: float) -> tuple[Group, Group]:
    """POLICY and HOLDOUT, until the holdout has so many buyers."""
    rng, units = np.random.default_rng(stream), buyers / RATE / HELD_OUT
    policy = group(rng, runs, units * (1 - HELD_OUT), **of_policy)
    return policy, group(rng, runs, units * HELD_OUT)


def looks_of(groups: tuple[Group, Group], what: str, pooled: str, least: int) -> Looks:
    policy, holdout = ([sums[name] for name in ("n", "buyers", what, f"{what} squares")] for sums in groups)
    return value_looks(policy, holdout, pooled=pooled, least=least)


def moments(groups: tuple[Group, Group], run: int, look: int) -> Any:
    """Of both groups."""
    found = []
    for sums in groups:
        n, buyers, y, yy, raw, raw_raw = (sums[name][run, look] for name in NAMES)
        found.append(Moments(int(n), int(buyers), float(y), float(yy), float(raw), float(raw_raw), float(n), float(n)))
    return tuple(found)


def same(seed: int, *, buyers: int, runs: int) -> Record:
    """No lift, 400 looks, the first at a quarter of the buyers; the first seed is held against the real rule as well,
    which looks from 100 buyers on."""
    target, least = HORIZONS[buyers]
    groups = without_a_lift([seed, 77], runs, buyers)
    right = looks_of(groups, "capped", "maximum", least)
    found: dict[str, float] = {
        "planned": share(right.outside(target, **PLANNED_ONLY)),
        "rule": share(right.outside(target, **RULE)),
        "peeked": share(looks_of(groups, "raw", "", least).peeked()),
        "differing": 0,
    }
    if seed == 0:
        real = looks_of(groups, "capped", "maximum", 100)
        some = np.flatnonzero(real.outside(target, **RULE).any(axis=1))[:2]
        found["differing"] = differences(
            real, lambda run, look: moments(groups, run, look), "value", [0, *some], target_lift=target, **RULE
        )
    return found


def parts(seed: int, *, runs: int) -> Record:
    """The planned boundary at .05 with 100 buyers at the end, without the cap and without the larger error."""
    target, least = HORIZONS[100]
    groups = without_a_lift([seed, 78], runs, 100)
    raw, capped, larger = (
        share(looks_of(groups, what, pooled, least).outside(target, **PLANNED_ONLY))
        for what, pooled in (("raw", ""), ("capped", ""), ("capped", "maximum"))
    )
    return {"raw": raw, "capped": capped, "larger": larger, "gap": min(raw, capped) - larger}


def unlike(seed: int, *, runs: int) -> Record:
    """Same capped mean, but the policy's buyers spend alike (sd of log .6): the pooled error believes the large
    group."""
    target, least = HORIZONS[400]
    groups = without_a_lift([seed, 79], runs, 400, median=CAPPED_MEAN * np.exp(-(0.6**2) / 2), spread=0.6)
    return {
        pooled: share(looks_of(groups, "capped", pooled, least).outside(target, **PLANNED_ONLY))
        for pooled in ("alone", "maximum")
    }


KINDS: Kinds = {"same revenue": same, "cap and error": parts, "unlike spread": unlike}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


BUYERS = {"100 buyers held out": {"buyers": 100}, "400 buyers held out": {"buyers": 400}}
SWEEP = Sweep(
    [
        *points("same revenue", BUYERS, runs=150),
        *points("cap and error", {"": {}}, runs=300),
        *points("unlike spread", {"": {}}, runs=150),
    ],
    measure,
    seeds=10,
)
SMALL = Sweep(
    [
        *points("same revenue", BUYERS, runs=150),
        *points("cap and error", {"": {}}, runs=300),
        *points("unlike spread", {"": {}}, runs=150),
    ],
    measure,
    seeds=2,
)
