"""The prior that data choose: the regulariser by evidence, and what a new arm takes over from the others."""

from __future__ import annotations

import numpy as np

from banditcore.policies import LinearTS
from banditcore.types import Floats
from banditcore_simulations.lab.sweep import Record
from banditcore_simulations.play import Looked, look
from banditcore_simulations.worlds import make_world

ROWS, FEW, QUERIES = 4_000, 300, 300


def evidence(seed: int, *, ratio: float, runs: int) -> Record:
    """K = 10, d = 8, noise variance / prior variance is `ratio`: the least and the largest l2 = auto over that after
    4,000 rows; gain: error of means after 300 over that with l2 = 1, a mean of `runs` worlds."""
    chosen, gains = zip(*(chosen_and_gain(seed * runs + one, ratio) for one in range(runs)), strict=True)
    return {"least": min(chosen) / ratio, "most": max(chosen) / ratio, "gain": np.mean(gains)}


def chosen_and_gain(number: int, ratio: float) -> tuple[float, float]:
    """In one world."""
    world = looked(number, ROWS + QUERIES, spread=1.0 / np.sqrt(ratio))
    arms = np.random.default_rng([number, 1]).integers(0, 10, ROWS)
    auto, plain = LinearTS(10, 8, l2="auto"), LinearTS(10, 8, l2=1.0)
    missed = [learned(policy, world, arms, slice(0, FEW), slice(ROWS, None)) for policy in (auto, plain)]
    learned(auto, world, arms, slice(FEW, ROWS), slice(ROWS, None))
    return float(auto.state()["l2"][0]), missed[0] / missed[1]


def looked(number: int, visits: int, arms: int = 10, spread: float = 1.0, alike: float = 0.0) -> Looked:
    """Visits of a linear world with eight features, weights of N(0, spread^2) and noise 1."""
    scale = spread * np.sqrt(8.0)
    return look(make_world(f"linear:arms={arms},features=8,spread={scale},alike={alike}", number), visits, number)


def learned(
    policy: LinearTS, world: Looked, arms: np.ndarray, rows: slice, asked: slice, arm: int | None = None
) -> float:
    """Learns the rows; root mean square error of means there where it is asked, of all arms or of one."""
    played = arms[rows]
    policy.update(world.contexts[rows], played, world.rewards[rows][np.arange(len(played)), played])
    off: Floats = policy.scores(world.contexts[asked]) - world.means[asked]
    return float(np.sqrt(np.mean((off if arm is None else off[:, arm]) ** 2)))


def new_arm(seed: int, *, alike: float, n: int, runs: int) -> Record:
    """Five arms with 400 rows each, then n rows of a sixth: logarithms, one a world, of the error of its means with
    inheritance over that without."""
    return {"log ratios": [inherited(seed * runs + one, alike, n) for one in range(runs)]}


def inherited(number: int, alike: float, n: int) -> float:
    """In one world."""
    world = looked(number, 2_500, arms=6, alike=alike)
    arms = np.append(np.random.default_rng([number, 1]).integers(0, 5, 2_000), np.full(n, 5))
    missed = [
        learned(LinearTS(6, 8, mature_after=after), world, arms, slice(0, 2_000 + n), slice(2_100, None), 5)
        for after in (100, 0)
    ]
    return float(np.log(missed[0] / missed[1]))
