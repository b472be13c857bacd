"""The lift of conversions where its parts are put to the test: scale, power, a late last look, alarms of harm.

Shares of runs that claim something; stated is the risk of a fresh choice of seeds with sound code.
"""

from __future__ import annotations

import numpy as np

from banditcore.estimators.lift.confidence_sequence import design_information, one_sided_e_value
from banditcore.types import Floats
from banditcore_simulations.experiments.peeking.world import groups
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep
from banditcore_simulations.looks import RULE, Looks, binary_looks, share

LIFT = 0.10
POWER_80_DRIFT = 2.801585


def scales(seed: int, *, rate: float, held_out: float, runs: int) -> Record:
    """Same data, same open boundary at .05, first look at 10 conversions of the holdout; only the scale differs.

    Planned for a lift of 50 %, so that much is decided while the holdout has few conversions.
    """
    lift = 0.5
    both = groups(np.random.default_rng([seed, 7]), runs, 400, rate, held_out, lift, 0.0, 1.0)
    logs = binary_looks(*both, least=10)
    # Of m_T / m_C - 1 the delta method has the relative error of the log ratio times m_T / m_C.
    plain = Looks(np.expm1(logs.estimate), logs.variance * np.exp(2 * logs.estimate), logs.shown)
    clock = logs.clock(lift)
    return {name: share(one.outside(lift, 0.05, clock=clock)) for name, one in (("plain", plain), ("log", logs))}


def brownian(runs: int, looks: int, drift: float, until: float, seed: int) -> Looks:
    """What conversions are in the limit: paths of z sqrt(r) with `drift`, `looks` to r = 1 and on to `until`."""
    rng = np.random.default_rng([seed, 8])
    r = np.arange(1, round(until * looks) + 1) / looks
    path: Floats = rng.standard_normal((runs, r.size)).cumsum(axis=1) / np.sqrt(looks) + drift * r
    variance = np.broadcast_to(1.0 / (r * design_information(LIFT)), path.shape)
    estimate = path / r / np.sqrt(design_information(LIFT))
    return Looks(estimate, variance, np.ones_like(path, dtype=np.bool_))


def power(seed: int, *, looks: int, runs: int) -> Record:
    """Of paths to twice the size at which a single look would have power .80 at the target lift."""
    paths = brownian(runs, looks, POWER_80_DRIFT, 2.0, seed)
    both, alone = paths.outside(LIFT, **RULE), paths.outside(LIFT, 0.05)
    return {"both": share(both[:, :looks]), "open": share(alone[:, :looks]), "open, later": share(alone)}


def overshoot(seed: int, *, runs: int) -> Record:
    """Looks close to each other up to the horizon, then one at 1.3 of it, judged as if it were at 1."""
    looks = brownian(runs, 200, 0.0, 1.3, seed)
    looks.shown[:, 199:259] = False
    return {"wrong": share(looks.outside(LIFT, 1e-9, 0.04))}


def harm(seed: int, *, better: float, runs: int) -> Record:
    """One-sided evidence of harm at .01 where there is none."""
    drift = POWER_80_DRIFT * (np.log1p(better) / np.log1p(LIFT))
    looks = brownian(runs, 100, drift, 2.0, seed)
    z = looks.estimate / np.sqrt(looks.variance)
    alarmed = np.zeros(runs, np.bool_)
    for look, row in enumerate(-z.T):
        for run in np.flatnonzero(row > 2.0):  # below 2 there is no alarm at .01
            alarmed[run] |= one_sided_e_value(float(row[run]), (look + 1) / 100, 0.01) >= 100.0
    return {"alarmed": float(alarmed.mean())}


KINDS: Kinds = {"scale": scales, "power": power, "late last look": overshoot, "harm": harm}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


SCALES = {
    "conversion 5 %, holdout 10 %": {"rate": 0.05, "held_out": 0.10},
    "conversion 1 %, holdout 10 %": {"rate": 0.01, "held_out": 0.10},
    "conversion 2 %, holdout 5 %": {"rate": 0.02, "held_out": 0.05},
}
HARMS = {"no lift": {"better": 0.0}, "better by 3 %": {"better": 0.03}}
SWEEP = Sweep(
    [
        *points("scale", SCALES, runs=300),
        *points("power", {"": {"looks": 400}}, runs=2_000),
        *points("late last look", {"": {}}, runs=2_000),
        *points("harm", HARMS, runs=300),
    ],
    measure,
    seeds=10,
)
SMALL = Sweep(
    [
        *points("scale", SCALES, runs=500),
        *points("power", {"": {"looks": 200}}, runs=1_000),
        *points("late last look", {"": {}}, runs=2_000),
        *points("harm", HARMS, runs=250),
    ],
    measure,
    seeds=2,
)
