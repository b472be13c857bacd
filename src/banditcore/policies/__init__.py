"""Policies: (posterior, context, eligible arms) -> probability vector. One file a policy, found by this folder.

A new policy is one new file here, or a class in another distribution named by an entry point of the group
`banditcore.policies`; it registers under its `name` by being defined, and `PolicyContract` then runs on it.
"""

import importlib
import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points

from banditcore.errors import InvalidInput
from banditcore.policies.base import Policy, registered
from banditcore.policies.beta_ts import BetaTS
from banditcore.policies.epsilon_greedy import EpsilonGreedy
from banditcore.policies.fixed import Fixed
from banditcore.policies.hybrid_lin_ucb import HybridLinUCB
from banditcore.policies.lin_ucb import LinUCB
from banditcore.policies.linear_ts import LinearTS
from banditcore.policies.logistic_ts import LogisticTS
from banditcore.policies.shared_linear_ts import SharedLinearTS
from banditcore.policies.square_cb import SquareCB
from banditcore.policies.uniform import Uniform

__all__ = [
    "BetaTS",
    "EpsilonGreedy",
    "Fixed",
    "HybridLinUCB",
    "LinUCB",
    "LinearTS",
    "LogisticTS",
    "Policy",
    "SharedLinearTS",
    "SquareCB",
    "Uniform",
    "get_policy",
    "policy_names",
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


@cache
def _load_plugins() -> None:
    """Once, and only when a name is asked for: reading the metadata of all distributions costs milliseconds."""
    for entry in entry_points(group="banditcore.policies"):
        entry.load()


def policy_names() -> tuple[str, ...]:
    """Names of all policies at hand, sorted."""
    _load_plugins()
    return tuple(sorted(registered))


def get_policy(name: str) -> type[Policy]:
    """The policy class of that name; InvalidInput with the nearest name if there is none."""
    if name not in registered:
        _load_plugins()
    if name in registered:
        return registered[name]
    near = get_close_matches(str(name), registered, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(policy_names())}."
    raise InvalidInput(f"There is no policy {name!r}; {hint}", field="policy")
