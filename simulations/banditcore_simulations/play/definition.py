"""A world and a policy as the definition of an experiment, for an engine or a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.config import ExperimentSpec, parse_experiment
from banditcore.errors import InvalidInput
from banditcore.learner import digest
from banditcore.policies import Policy, get_policy
from banditcore.types import Reward
from banditcore_simulations.play.holdout import SALT
from banditcore_simulations.worlds.base import World

NAME = "simulation"
PROMPT_S = 1.0
"""Window of the goals where no reward is late."""
NOBODY = 2.0**-1000
"""A definition holds out some share: this one is below every hash."""


def variant(arm: int) -> str:
    """What an arm is called towards an engine."""
    return f"arm-{arm}"


def definition(world: World, policy: Policy, holdout: float, *, window_s: float | None = None) -> ExperimentSpec:
    """Raises InvalidInput where no definition can say what world and policy are.

    window_s: of the goals, where it is not the world's.
    """
    _check(world, policy)
    return parse_experiment(
        NAME,
        {
            "variants": [variant(arm) for arm in range(world.n_arms)],
            "control": variant(world.control),
            "holdout": holdout or NOBODY,
            "salt": SALT,
            "context": [{"name": "x", "type": "vector", "size": world.n_features}] if world.n_features else [],
            "goals": [
                {"name": goal, "kind": _kind(world, policy, goal), "window": window_s or world.window or PROMPT_S}
                for goal in world.goals
            ],
            "learn": world.goals[0],
            "policy": {"name": policy.name, "floor": policy.floor, "params": _parameters(policy)},
        },
    )


def eligible(world: World, step: int, mask: npt.NDArray[np.bool_]) -> list[str]:
    """The variants of a visit in which some are not eligible, by a mask (K,); empty where all are.

    Raises InvalidInput where the control is not.
    """
    if mask.all():
        return []
    if not mask[world.control]:
        raise InvalidInput(
            f"world {world.name}, visit {step}: its control, arm {world.control}, is not eligible, and an"
            " engine always offers the control: play it in kernel mode",
            field="mode",
        )
    return [variant(int(arm)) for arm in np.flatnonzero(mask)]


def earned(world: World, outcomes: Sequence[float], decision_id: str) -> list[Reward]:
    """What a visit earned: the learned goal, and of the others those that are not 0, which they are by default."""
    goals = zip(world.goals, outcomes, strict=True)
    return [Reward(decision_id, goal, value) for at, (goal, value) in enumerate(goals) if value or not at]


def _check(world: World, policy: Policy) -> None:
    if world.per_arm:
        raise InvalidInput(
            f"world {world.name} has a context for every arm, and a request to an engine has one: play it in kernel"
            " mode",
            field="mode",
        )
    if get_policy(policy.name) is not type(policy):
        raise InvalidInput(
            f"{policy.name} is not the policy that is registered by this name, which an engine makes by itself: play"
            " it in kernel mode",
            field="policy",
        )
    fresh = type(policy).make(policy.n_arms, policy.n_features, policy.floor, policy.parameters())
    if digest(fresh.state()) != digest(policy.state()):
        raise InvalidInput(
            f"{policy.name} has learned already, and an engine starts from the prior: make a new one", field="policy"
        )
    if (policy.n_arms, policy.n_features) != (world.n_arms, world.n_features):
        raise InvalidInput(
            f"{policy.name} has {policy.n_arms} arms and {policy.n_features} features, world {world.name}"
            f" {world.n_arms} and {world.n_features}: make it for the world",
            field="policy",
        )


def _kind(world: World, policy: Policy, goal: str) -> str:
    clicks = world.outcome == "clicks" or policy.reward_kind == "unit_interval"
    return "binary" if clicks and goal == world.goals[0] else "value"


def _parameters(policy: Policy) -> dict[str, Any]:
    """As numbers, words and lists of them."""
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in policy.parameters().items()
    }
    return {name: value for name, value in plain.items() if value is not None}
