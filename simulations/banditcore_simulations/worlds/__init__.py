"""Worlds by name: each is a module here with `make(rng, **parameters) -> World`; adding one is adding a file."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.evaluation.spec import parse_pairs, parse_policy, unknown
from banditcore.policies import Policy, get_policy
from banditcore_simulations.worlds._files import maker, policy_class
from banditcore_simulations.worlds.base import Event, World

__all__ = ["Event", "World", "make_policy", "make_world", "world_names", "world_parameters"]

_FILE = re.compile(r"(?P<path>[^=]*?\.py)(:(?P<function>\w+)(?=:|$))?(:(?P<params>.*))?$", re.DOTALL)
"""PATH.py, PATH.py:FUNCTION, PATH.py:PARAMETER=VALUE,.. and PATH.py:FUNCTION:PARAMETER=VALUE,.."""


def world_names() -> list[str]:
    """All there are, sorted."""
    return sorted(
        path.stem
        for path in Path(__file__).parent.glob("*.py")
        if not path.stem.startswith("_") and path.stem != "base"
    )


def make_world(text: str, seed: int) -> World:
    """The world NAME or NAME:PARAMETER=VALUE,.. of a seed; or of a file, as in my_world.py:arms=3 where it defines
    `make(rng, *, arms) -> World`, or my_world.py:other:arms=3 for its function `other`.

    Raises InvalidInput, with the nearest name where one is unknown.
    """
    name, make, params = _found(text)
    accepted = _accepted(name, make, params)
    made = _made(name, make, seed, accepted)
    if _FILE.match(text) and not _alike(made, _made(name, make, seed, accepted)):
        raise InvalidInput(f"world {name} is another each time: take all chance from rng in it", field="world")
    return made


def _made(name: str, make: Any, seed: int, params: dict[str, Any]) -> World:
    try:
        made = make(np.random.default_rng([seed, 0]), **params)
    except BanditcoreError:
        raise
    except Exception as error:
        raise InvalidInput(f"world {name} cannot be made: {type(error).__name__}: {error}", field="world") from error
    if not isinstance(made, World):
        raise InvalidInput(f"world {name}: its function returns {type(made).__name__}, not a World", field="world")
    return made


def _alike(one: World, other: World) -> bool:
    first, second = dict(one.constants), dict(other.constants)
    return first.keys() == second.keys() and all(
        np.array_equal(np.asarray(first[key]), np.asarray(second[key]), equal_nan=_may_be_nan(first[key]))
        for key in first
    )


def _may_be_nan(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def world_parameters(text: str) -> dict[str, Any]:
    """Names and defaults of those of a NAME or a file; `inspect.Parameter.empty` for what must be given."""
    _, make, _ = _found(text)
    parameters = list(inspect.signature(make).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def make_policy(text: str, world: World) -> Policy:
    """The policy NAME or NAME:PARAMETER=VALUE,.. for a world, or that of a file, as in my_policy.py:rate=0.1; it is
    told the features of arms where it takes them."""
    spec = parse_policy(_registered(text))
    features = {} if world.arm_features is None else {"arm_features": world.arm_features}
    taken = {key: value for key, value in features.items() if key in get_policy(spec.name).accepted(spec.params)}
    return replace(spec, params=taken | dict(spec.params)).make(world.n_arms, world.n_features)


def _registered(text: str) -> str:
    """With a file replaced by the name of the policy that it defines."""
    file = _FILE.match(text)
    if not file:
        return text
    return f"{policy_class(file['path']).name}:{file['params'] or ''}"


def _found(text: str) -> tuple[str, Any, dict[str, Any]]:
    """What it is called, the function that makes it, and its parameters as given."""
    file = _FILE.match(text)
    if not file:
        name, params = parse_pairs(text, "world")
        return name, _maker(name), params
    path, function = file["path"], file["function"] or "make"
    _, params = parse_pairs(f"world:{file['params'] or ''}", "world")
    return f"{path}:{function}" if file["function"] else path, maker(path, function), params


def _accepted(name: str, make: Any, params: dict[str, Any]) -> dict[str, Any]:
    accepted = list(inspect.signature(make).parameters.values())[1:]
    known = [parameter.name for parameter in accepted if parameter.kind is not parameter.VAR_KEYWORD]
    for key in params:
        if key not in known:
            raise unknown(f"parameter of world {name}", key, known)
    for parameter in accepted:
        if parameter.default is parameter.empty and parameter.name in known and parameter.name not in params:
            raise InvalidInput(f"world {name} needs {parameter.name}: write {name}:{parameter.name}=..", field="world")
    return params


@cache
def _maker(name: str) -> Any:
    if name not in world_names():
        raise unknown("world", name, [*world_names(), "a file ending in .py"])
    return import_module(f"{__name__}.{name}").make
