"""Where linear policies fail, shown plainly, and what puts them right.

Means that are products or waves of features, a threshold, noise without a variance, and a feature that is missing:
policies that are told nothing but a constant, the plain features, or what the world takes.
"""

from banditcore_simulations.experiments.misspecification.world import KINDS, make
from banditcore_simulations.lab.sweep import Point, Record, Sweep, record
from banditcore_simulations.play import play
from banditcore_simulations.play.looking import linear_loss

FULL = 20_000
CONTEXT_FREE = "linear_ts without features"
LOGISTIC = "logistic_ts"
POLICIES = {
    "linear_ts": "linear_ts:floor=0",
    "lin_ucb": "lin_ucb:floor=0",
    CONTEXT_FREE: "linear_ts:floor=0",
    LOGISTIC: "logistic_ts:base_rate=0.5,l2=0.01,floor=0",
}


def measure(point: Point, seed: int) -> Record:
    """Regret, of the second half by itself, and what the best linear approximation of every arm loses a visit."""
    world = make(point["kind"], point["form"])
    run = play(world, POLICIES[point["policy"]], point["events"], seed, points=50)
    kept = record(run)
    half = float(run.regret[len(run.regret) // 2 - 1])
    return {
        "regret": run.total,
        "first_half": 2.0 * half / point["events"],
        "second_half": 2.0 * (run.total - half) / point["events"],
        "linear_loss": linear_loss(make(point["kind"], "given"), 2_000, seed).linear,
        "steps": kept["steps"],
        "regret_curve": kept["regret_curve"],
    }


def points(events: int, *kinds: str) -> list[Point]:
    """Every form of a kind, and the policies it is for."""
    found: list[Point] = []
    for kind in kinds:
        right = [LOGISTIC] if kind == "threshold" else ["linear_ts", "lin_ucb"]
        forms = {"nothing": [CONTEXT_FREE], "given": ["linear_ts", "lin_ucb"], "right": right}
        found += [
            {"kind": kind, "form": form, "policy": policy, "events": events}
            for form, policies in forms.items()
            for policy in policies
        ]
    return found


SWEEP = Sweep(points(FULL, *KINDS), measure, seeds=8)
SMALL = Sweep(points(4_000, "product", "missing"), measure, seeds=2)
