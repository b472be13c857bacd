"""Thompson sampling on clicks, and what it could have been instead: other likelihoods, priors and widths.

T = 20,000, 5 arms, 6 features with the constant, 5 % clicks where all others are 0, features correlated by .8. At a
spread of 1 weights come from the prior that the policy assumes.
"""

from banditcore_simulations.experiments.clicks.diagonal import DiagonalTS
from banditcore_simulations.lab.sweep import Point, Record, Sweep, record
from banditcore_simulations.play import play

RIGHT = "logistic_ts"
HALF, GREEDY = "exploration .5", "greedy"
POLICIES = {
    RIGHT: "logistic_ts:floor=0",
    "variance fixed at .25": "linear_ts:noise_shape=1e12,noise_scale=0.25e12,floor=0",
    "diagonal posterior": "",
    "prior not centred": "logistic_ts:base_rate=0.5,floor=0",
    "linear_ts": "linear_ts:floor=0",
    HALF: "logistic_ts:exploration=0.5,floor=0",
    GREEDY: "epsilon_greedy:over=logistic,epsilon=0,floor=0",
}
FULL = 20_000


def world(spread: float, correlation: float) -> str:
    """Of the sweep."""
    return f"logistic:arms=5,features=6,base_rate=0.05,spread={spread},correlation={correlation}"


def measure(point: Point, seed: int) -> Record:
    """A run of the policy called so above."""
    policy = POLICIES[point["policy"]] or DiagonalTS(5, 6)
    run = play(world(point["spread"], point["correlation"]), policy, point["events"], seed)
    kept = record(run)
    return {name: kept[name] for name in ("regret", "steps", "regret_curve")}


def points(events: int, *which: tuple[str, float, float]) -> list[Point]:
    """Policies with the spread of the weights and the correlation of the features."""
    return [
        {"policy": policy, "spread": spread, "correlation": correlation, "events": events}
        for policy, spread, correlation in which
    ]


SWEEP = Sweep(
    points(
        FULL,
        (RIGHT, 0.25, 0.8),
        *((name, 0.5, 0.8) for name in POLICIES),
        *((name, 1.0, 0.8) for name in (RIGHT, "prior not centred", "linear_ts")),
        (RIGHT, 0.5, 0.0),
    ),
    measure,
    seeds=24,
)
SMALL = Sweep(
    points(
        FULL,
        *((RIGHT, spread, 0.8) for spread in (0.25, 0.5, 1.0)),
        ("variance fixed at .25", 0.5, 0.8),
    ),
    measure,
    seeds=4,
)
