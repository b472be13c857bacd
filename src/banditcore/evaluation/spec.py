"""Policies by name and parameters, as they are written on a command line: `lin_ucb:alpha=0.5,floor=0.01`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.policies import Policy, get_policy

FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A policy without its sizes."""

    label: str
    """As it was written."""
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    floor: float | None = None
    """None: the policy's default."""

    def make(self, n_arms: int, n_features: int) -> Policy:
        """The policy at its prior. Raises InvalidInput."""
        kind: Any = get_policy(self.name)
        _check_known(self.name, self.params)
        floor = {} if self.floor is None else {FLOOR: self.floor}
        policy: Policy = kind(n_arms, n_features, **floor, **self.params)
        return policy

    def make_for(self, log: BanditLog, n_features: int) -> Policy:
        """The policy for a log whose contexts have d numbers. Raises InvalidInput, also where it needs contexts and
        the log has none."""
        try:
            return self.make(log.n_arms, n_features)
        except InvalidInput as error:
            if error.field != "n_features" or n_features:
                raise
            raise InvalidInput(
                f"{self.label} needs contexts, and the log has none: choose a policy without, such as beta_ts.",
                field="policy",
            ) from None


def parse_policy(text: str) -> PolicySpec:
    """Of NAME or NAME:PARAMETER=VALUE,..; values are JSON, or else words. Raises InvalidInput with the nearest name."""
    name, params = parse_pairs(text, "policy")
    floor = params.pop(FLOOR, None)
    _check_known(name, params)
    return PolicySpec(text, name, params, floor)


def parse_pairs(text: str, field: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of NAME or NAME:PARAMETER=VALUE,..; InvalidInput names the `field`."""
    name, _, rest = text.partition(":")
    return name, dict(_pair(pair, text, field) for pair in _split(rest))


def _check_known(name: str, params: Mapping[str, Any]) -> None:
    known = get_policy(name).accepted(params)
    for key in params:
        if key not in known:
            raise unknown(f"parameter of {name}", key, [*known, FLOOR])


def _split(text: str) -> list[str]:
    """At the commas outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def _pair(pair: str, text: str, field: str) -> tuple[str, Any]:
    key, sign, value = pair.partition("=")
    if not sign:
        raise InvalidInput(f"{text}: {pair!r} is no PARAMETER=VALUE", field=field)
    try:
        return key.strip(), json.loads(value)
    except ValueError:
        return key.strip(), value.strip()


def unknown(what: str, name: str, known: Any) -> InvalidInput:
    """The error for a name that is not among the known ones, with the nearest, or else all of them."""
    near = get_close_matches(name, list(known), 1)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(sorted(known)) or 'none'}"
    return InvalidInput(f"{name!r} is no {what}; {hint}", field=what.split()[0])
