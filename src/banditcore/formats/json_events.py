"""One line of DSJSON: which action was shown with what probability, what it cost, and the features around it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from banditcore.formats.checking import brief, shown
from banditcore.formats.hashing import Features

OWN = "banditcore"
"""Namespace of contexts that are to be read as they are, number by number."""
HEADER = "_banditcore"
"""Key beside the event for what DSJSON has no word for."""
_DEEPEST = 64


class Unusable(Exception):
    """(column, what is wrong with it)."""


class Apart(Exception):
    """(reason) of a line that is no decision to learn from, and no mistake either."""


@dataclass(slots=True)
class Event:
    """A decision; actions by their place in `_multi`, from 0."""

    raw: dict[str, Any]
    context: dict[str, Any]
    actions: list[dict[str, Any]]
    shown: int
    reward: float
    probability: float
    vector: list[float] | None
    """By place."""
    dropped: float
    """The part of such rows that was thrown away."""

    def ids(self) -> list[str | None]:
        """Names of the actions, where they have one."""
        return [_id(action) for action in self.actions]


def parsed(line: str) -> Event:
    """Raises Unusable or Apart."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unusable("the line", f"is no JSON, it may break off, found {brief(error)}") from None
    if not isinstance(raw, dict):
        raise Unusable("the line", f"must be an object, found {shown(raw)}")
    if "c" not in raw:
        if "EventId" in raw and "_label_cost" not in raw:
            raise Apart("outcome without its decision")
        raise Unusable("c", "is missing")
    if raw.get("_skipLearn") is True or raw.get("DeferredAction") is True:
        raise Apart("not activated")
    context = _object(raw["c"], "c")
    if "_outcomes" in raw or "_slots" in context:
        raise Unusable("_outcomes", "are of several slots: only one decision a line can be evaluated")
    actions = context.get("_multi")
    if not isinstance(actions, list) or not actions or not all(isinstance(action, dict) for action in actions):
        raise Unusable("c._multi", "must list the actions, one object each")
    order = _order(raw, len(actions))
    vector = _vector(raw, order, len(actions))
    place = _shown(raw, order, len(actions))
    if "_label_probability" not in raw and vector is None:
        raise Unusable("_label_probability", "is missing")
    # Without a sign on a zero.
    reward = 0.0 - number(raw, "_label_cost")
    own = number(raw, "_label_probability") if "_label_probability" in raw else (vector or [])[place]
    return Event(raw, context, actions, place, reward, own, vector, _dropped(raw))


def _object(value: Any, column: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unusable(column, f"must be an object, found {shown(value)}")
    return value


def number(raw: dict[str, Any], column: str) -> float:
    """A number of the event. Raises Unusable."""
    if column not in raw:
        raise Unusable(column, "is missing")
    return _float(raw[column], column)


def _float(value: Any, column: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(column, f"is no number, found {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _order(raw: dict[str, Any], n: int) -> list[int] | None:
    """Places of the ranked actions, the first of which was shown."""
    listed = raw.get("a")
    if listed is None:
        return None
    if not isinstance(listed, list) or not listed or not all(type(action) is int for action in listed):
        raise Unusable("a", f"must list whole numbers, found {shown(listed)}")
    if 0 in listed:
        raise Unusable("a", "holds 0: it counts from 1, the file seems to count from 0")
    if len(set(listed)) < len(listed) or not all(1 <= action <= n for action in listed):
        raise Unusable("a", f"must hold different numbers of 1..{n}, found {shown(listed)}")
    return [action - 1 for action in listed]


def _vector(raw: dict[str, Any], order: list[int] | None, n: int) -> list[float] | None:
    """p, which stands in the order of a, by place."""
    listed = raw.get("p")
    if listed is None:
        return None
    if order is None:
        raise Unusable("a", "is missing: p is in its order")
    if not isinstance(listed, list) or len(listed) != len(order):
        raise Unusable("p", f"must list {len(order)} numbers, as a does, found {shown(listed)}")
    vector = [0.0] * n
    for place, value in zip(order, listed, strict=True):
        vector[place] = _float(value, "p")
    return vector


def _shown(raw: dict[str, Any], order: list[int] | None, n: int) -> int:
    """The place of what was shown, which everything that says so must agree on."""
    action, index = _whole(raw, "_label_Action"), _whole(raw, "_labelIndex")
    if action == 0:
        raise Unusable("_label_Action", "is 0: it counts from 1, the file seems to count from 0")
    if action is not None and not 1 <= action <= n:
        raise Unusable("_label_Action", f"must lie in 1..{n}, found {action}")
    if action is not None and index is not None and index != action - 1:
        wrong = f"contradicts _label_Action {action}: it counts from 0, the other from 1, found {index}"
        raise Unusable("_labelIndex", wrong)
    if index is not None and not 0 <= index < n:
        hint = ": it counts from 0, the file seems to count from 1" if index == n else ""
        raise Unusable("_labelIndex", f"must lie in 0..{n - 1}{hint}, found {index}")
    said = action - 1 if action is not None else index
    if said is None and order is None:
        raise Unusable("_label_Action", "is missing")
    if said is not None and order is not None and order[0] != said:
        raise Unusable("a", f"must begin with what was shown, {said + 1} (counted from 1), found {order[0] + 1}")
    return said if said is not None else (order or [0])[0]


def _whole(raw: dict[str, Any], column: str) -> int | None:
    value = raw.get(column)
    if value is None:
        return None
    if type(value) is not int:
        raise Unusable(column, f"must be a whole number, found {shown(value)}")
    return value


def _dropped(raw: dict[str, Any]) -> float:
    found = number(raw, "pdrop") if "pdrop" in raw else 0.0
    if not 0.0 <= found < 1.0:
        raise Unusable("pdrop", f"must lie in [0, 1), found {found:.6g}")
    return found


# Names and features


def _id(action: dict[str, Any]) -> str | None:
    own = [action.get("_tag"), action.get("id")]
    own += [inside.get("id") for inside in action.values() if isinstance(inside, dict)]
    return next((str(name) for name in own if isinstance(name, str | int) and not isinstance(name, bool)), None)


def raw_vector(holder: dict[str, Any]) -> list[float] | None:
    """Our own contexts, to be read as they are."""
    values = holder.get(OWN)
    return values if isinstance(values, list) and all(map(_plain, values)) else None


def _plain(value: Any) -> bool:
    """Whether it is a number that float64 has; an integer of JSON may be of any size."""
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def features(holder: dict[str, Any]) -> Features:
    """Of the context without `_multi`, or of one action."""
    found: Features = []
    for key, value in holder.items():
        if key == "_text" or not key.startswith("_"):
            if isinstance(value, dict | list):
                _contents(key, value, found)
            else:
                _scalar(" ", key, value, found)
    return found


def bare(action: dict[str, Any]) -> bool:
    """Whether an action says nothing but which one it is."""
    return all(name.rpartition("^")[2].partition("=")[0] in ("id", "constant") for name, _ in features(action))


def _contents(namespace: str, value: Any, found: Features, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise Unusable("c", f"is nested more than {_DEEPEST} deep")
    pairs = value.items() if isinstance(value, dict) else ((str(at), item) for at, item in enumerate(value))
    for key, item in pairs:
        if key.startswith("_") and key != "_text":
            continue
        if isinstance(item, dict | list):
            # A list only gathers objects; a key names them.
            _contents(namespace if isinstance(value, list) else f"{namespace}^{key}", item, found, depth + 1)
        else:
            _scalar(namespace, key, item, found)


def _scalar(namespace: str, key: str, value: Any, found: Features) -> None:
    if key == "_text" and isinstance(value, str):
        found.extend((f"{namespace}^{word}", 1.0) for word in value.split())
    elif isinstance(value, str):
        found.append((f"{namespace}^{key}={value}", 1.0))
    elif isinstance(value, bool):
        if value:
            found.append((f"{namespace}^{key}", 1.0))
    elif value is not None:
        found.append((f"{namespace}^{key}", _float(value, f"c.{key}")))
