"""Which policies play in which worlds, and what that costs them."""

from __future__ import annotations

from typing import NamedTuple

from banditcore.policies import Policy, get_policy, policy_names
from banditcore_simulations.gate import worlds
from banditcore_simulations.play import play
from banditcore_simulations.worlds import make_policy

EVENTS, SEEDS = 1_000, 100

ANYWHERE = (
    "epsilon_greedy",
    "fixed:arm=1",
    "hybrid_lin_ucb",
    "lin_ucb",
    "lin_ucb:half_life=200",
    "linear_ts",
    "linear_ts:half_life=200",
    "shared_linear_ts",
    "square_cb:gamma=50",
    "uniform",
)
CLICKS = ("beta_ts", "logistic_ts:base_rate=0.3", "logistic_ts:base_rate=0.3,half_life=200")
"""For rewards in 0..1 alone."""
LATE = ("beta_ts", "lin_ucb", "linear_ts", "logistic_ts:base_rate=0.3")
"""What becomes of a late reward is the same for every policy, so a few will do."""


class Case(NamedTuple):
    world: str
    policy: str

    def __str__(self) -> str:
        return f"{self.policy} in {self.world}"


CASES = (
    *(Case(world, policy) for world in ("numbers", "offers") for policy in ANYWHERE),
    *(Case(world, policy) for world in ("clicks", "masked") for policy in sorted((*ANYWHERE, *CLICKS))),
    *(Case("late", policy) for policy in LATE),
)


def missing() -> list[str]:
    """Policies of ours that no case plays."""
    played = {case.policy.partition(":")[0] for case in CASES}
    ours = [name for name in policy_names() if get_policy(name).__module__.startswith("banditcore.")]
    return [name for name in ours if name not in played]


def regrets(case: Case, seeds: int = SEEDS) -> list[float]:
    """(seeds,) what the policy loses in `EVENTS` visits against the optimal one."""
    return [regret(case, seed) for seed in range(seeds)]


def regret(case: Case, seed: int, policy: Policy | None = None) -> float:
    """Of one seed; policy: one to play in place of the case's."""
    world = worlds.make(case.world, seed)
    return round(play(world, policy or make_policy(case.policy, world), EVENTS, seed, points=1).total, 6)
