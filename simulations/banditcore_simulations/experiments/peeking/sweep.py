"""Looking at a lift again and again: the rule of reports against intervals that allow for one look.

Experiments of two groups, looked at 400 times up to one and a half planned horizons, with no lift and with the lift
that was planned for. Rules: "planned and open", as reports have it (.04 and .01); "open", its open boundary alone at
.05; "peeked", a 95 % interval at every look; "one look", the same at the planned horizon alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore_simulations.experiments.peeking.world import Group, groups, log_lift
from banditcore_simulations.lab.sweep import Point, Record, Sweep
from banditcore_simulations.looks import RULE, Looks, Truths, binary, binary_looks, differences

LOOKS, BEYOND = 400, 1.5
RULES = ("planned and open", "open", "peeked", "one look")
KEPT = slice(3, None, 4)
"""Looks of a trajectory."""


def measure(point: Point, seed: int) -> Record:
    """Shares of runs that claim a lift, by rule, how long that takes, and one run as it is seen."""
    rng, target, lift = np.random.default_rng([seed, 6]), point["target"], point["lift"]
    both = groups(rng, point["runs"], LOOKS, point["rate"], point["held_out"], target, lift, BEYOND)
    looks = binary_looks(*both)
    r, found = looks.clock(target), {}
    claims, past = claimed(looks, target), looks.shown & (r >= 1.0)
    horizon = np.where(past.any(axis=1), past.argmax(axis=1), LOOKS)
    for rule in RULES:
        first = np.where(claims[rule].any(axis=1), claims[rule].argmax(axis=1), LOOKS)
        when = np.append(r, np.full((len(r), 1), np.inf), axis=1)[np.arange(len(r)), first]
        found[f"claims, {rule}"] = float(np.isfinite(when).mean())
        found[f"by the horizon, {rule}"] = float((first <= np.minimum(horizon, LOOKS - 1)).mean())
        found[f"time, {rule}"] = float(np.minimum(when, BEYOND).mean())
    truth = log_lift(lift)
    holds = ~looks.outside(target, **RULE, truth=truth).any(axis=1)
    return found | {
        "covered": float(holds.mean()),
        "differing": compared(looks, both, target, seed),
        **seen(looks, target),
    }


def claimed(looks: Looks, target: float) -> dict[str, Truths]:
    """(runs, looks) by rule."""
    z = looks.peeked()
    past = looks.shown & (looks.clock(target) >= 1.0)
    return {
        "planned and open": looks.outside(target, **RULE),
        "open": looks.outside(target, 0.05),
        "peeked": z,
        "one look": z & past & (past.cumsum(axis=1) == 1),
    }


def compared(looks: Looks, both: tuple[Group, Group], target: float, seed: int) -> int:
    """Looks at which the real rule says something else: of the first seed's first run and some that claim."""
    if seed:
        return 0
    some = np.flatnonzero(looks.outside(target, **RULE).any(axis=1))[:2]

    def at(run: int, look: int) -> Any:
        return tuple(binary(n[look], x[run, look]) for n, x in both)

    return differences(looks, at, "binary", [0, *some], target_lift=target, **RULE)


def seen(looks: Looks, target: float) -> dict[str, Any]:
    """Estimate and 95 % interval of the first run as relative lifts; where nothing is shown, NaN."""
    estimate = np.where(looks.shown, looks.estimate, np.nan)[0, KEPT]
    margin, naive = looks.margin(target, **RULE)[0, KEPT], 1.959964 * np.sqrt(looks.variance[0, KEPT])
    curves = {
        "estimate": estimate,
        "low": estimate - margin,
        "high": estimate + margin,
        "naive_low": estimate - naive,
        "naive_high": estimate + naive,
    }
    part = (np.arange(LOOKS)[KEPT] + 1.0) * BEYOND / LOOKS
    return {"part": part.tolist()} | {name: np.expm1(curve).tolist() for name, curve in curves.items()}


CASES = ((0.05, 0.10, 0.10), (0.05, 0.05, 0.10), (0.01, 0.10, 0.10), (0.01, 0.05, 0.10), (0.01, 0.05, 0.30))


def points(runs: int, *cases: tuple[float, float, float]) -> list[Point]:
    """Each without a lift and with the one planned for."""
    names = ("rate", "held_out", "target")
    return [
        dict(zip(names, case, strict=True)) | {"lift": lift, "runs": runs} for case in cases for lift in (0.0, case[2])
    ]


SWEEP = Sweep(points(300, *CASES), measure, seeds=10)
SMALL = Sweep(points(200, CASES[0], CASES[4]), measure, seeds=2)
