"""One linear model for all arms, told apart by their features: joint draws against independent marginals.

T = 3,000, without a floor; arms whose features are independent, and arms that resemble one another.
"""

from banditcore_simulations.lab.sweep import Point, Record, Sweep, record
from banditcore_simulations.play import play


def measure(point: Point, seed: int) -> Record:
    """A run of `shared_linear_ts` with that kind of vector."""
    world = f"many_arms:per_arm=true,arms={point['arms']},features={point['features']},common={point['common']}"
    kept = record(play(world, f"shared_linear_ts:vector={point['vector']},floor=0", point["events"], seed))
    return {name: kept[name] for name in ("regret", "steps", "regret_curve")}


def points(events: int, *sizes: tuple[int, int, float]) -> list[Point]:
    """Arms, features and the correlation between arms, each with both kinds of vector."""
    return [
        {"arms": arms, "features": features, "common": common, "vector": vector, "events": events}
        for arms, features, common in sizes
        for vector in ("joint", "marginal")
    ]


SWEEP = Sweep(points(3_000, (10, 8, 0.0), (50, 16, 0.0), (10, 8, 0.3), (10, 8, 0.8)), measure, seeds=24)
SMALL = Sweep(points(3_000, (10, 8, 0.0), (50, 16, 0.0), (10, 8, 0.8)), measure, seeds=4)
