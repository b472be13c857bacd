"""What is believed against what ought to be: rounding, the click posterior, forgetting, the prior that data choose.

Each is held against the exact answer or the known truth, beside what it could have been instead: float32, a diagonal
posterior, fading without the prior.
"""

from __future__ import annotations

from banditcore_simulations.experiments.posteriors import clicks, forgetting, priors, rounding
from banditcore_simulations.experiments.posteriors.designs import KINDS as DESIGNS
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep

FLOAT32, CLICKS, NEW_ARM = "wrong: rounding in float32", "clicks", "new arm"
EVIDENCE, FAR = "l2 = auto", "l2 = auto, far from 1"
KINDS: Kinds = {
    "rounding": rounding.drift,
    FLOAT32: rounding.in_float32,
    CLICKS: clicks.clicks,
    "forgetting": forgetting.forgotten,
    "wrong: the prior is not put back": forgetting.bare,
    EVIDENCE: priors.evidence,
    FAR: priors.evidence,
    NEW_ARM: priors.new_arm,
}


def measure(point: Point, seed: int) -> Record:
    return measured(KINDS, point, seed)


def rounded(n: int, of_float32: int) -> list[Point]:
    """Updates."""
    designs = {rows: {"rows": rows} for rows in DESIGNS}
    return [*points("rounding", designs, n=n), *points(FLOAT32, designs, n=of_float32)]


def clicked(base_rates: tuple[float, ...], runs: int) -> list[Point]:
    """runs: data sets a seed."""
    return points(CLICKS, {f"{rate:.0%}": {"base_rate": rate} for rate in base_rates}, runs=runs)


def faded(steps: int) -> list[Point]:
    """steps: in which one direction is seen alone."""
    policies = {name: {"policy": name} for name in forgetting.POLICIES}
    return [
        *points("forgetting", policies, steps=steps),
        *points("wrong: the prior is not put back", {"": {}}, steps=steps),
    ]


def chosen(ratios: tuple[float, ...], of_evidence: int, of_new_arms: int) -> list[Point]:
    """Worlds a seed."""
    arms = {
        f"arms alike {alike:g}, {n} rows": {"alike": alike, "n": n}
        for alike, some in ((0.0, (0, 5, 20)), (0.9, (0, 5, 20)))
        for n in some
    }
    return [
        *points(EVIDENCE, {f"truth {ratio:g}": {"ratio": ratio} for ratio in ratios}, runs=of_evidence),
        *points(FAR, {"truth 64": {"ratio": 64.0}}, runs=of_evidence),
        *points(NEW_ARM, arms, runs=of_new_arms),
    ]


SWEEP = Sweep(
    [
        *rounded(200_000, 20_000),
        *clicked((0.05, 0.1, 0.3), 15),
        *faded(20_000),
        *chosen((2.0**-6, 0.25, 1.0, 8.0), 5, 15),
    ],
    measure,
    seeds=4,
)
SMALL = Sweep(
    [
        *rounded(10_000, 1_000),
        *clicked((0.05, 0.1, 0.3), 4),
        *faded(20_000),
        *chosen((2.0**-6, 0.25, 1.0, 8.0), 2, 10),
    ],
    measure,
    seeds=2,
)
