"""Definitions of every shape that is accepted, for tests of what carries them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from banditcore.config import MAX_REWARD, ExperimentSpec, parse_experiment

_DAY_S = 86_400.0
_KEYS = st.text(min_size=1, max_size=12)
_AMOUNTS = st.floats(0, MAX_REWARD, exclude_min=True)
_ATTRIBUTES = {
    "age": {"type": "numeric", "name": "age", "scale": 10.0},
    "spent": {"type": "numeric", "name": "spent"},
    "country": {"type": "category", "name": "country", "values": ["DE", "FR"]},
    "member": {"type": "boolean", "name": "member"},
    "image": {"type": "vector", "name": "image", "size": 3},
}


@st.composite
def specs(draw: st.DrawFn) -> ExperimentSpec:
    """Any valid definition: what may be left out is left out at times."""
    names = draw(st.lists(st.sampled_from(sorted(_ATTRIBUTES)), unique=True))
    goals = draw(_goals([name for name in names if _ATTRIBUTES[name]["type"] == "numeric"]))
    variants = draw(st.lists(_KEYS, min_size=2, max_size=4, unique=True))
    learned = [goal["name"] for goal in goals if goal["kind"] != "ratio"]
    data = {
        "control": draw(st.sampled_from(variants)),
        "holdout": draw(st.floats(0, 1, exclude_min=True, exclude_max=True)),
        "variants": variants,
        "policy": "uniform",
        "context": [_ATTRIBUTES[name] for name in names],
        "goals": goals,
        "learn": draw(st.sampled_from(learned)),
        "audiences": [name for name in names if name in ("country", "member") and draw(st.booleans())],
    }
    optional = {
        "exposure": st.sampled_from(["implied", "explicit"]),
        "salt": st.text(max_size=12),
        "target_lift": st.floats(0.001, 100),
        "units_per_day": _AMOUNTS,
        "duration": st.floats(1e-6, 3_650 * _DAY_S),
        "retention": st.floats(801 * _DAY_S, 36_500 * _DAY_S),
    }
    return parse_experiment("shop", data | draw(st.fixed_dictionaries({}, optional=optional)))


@st.composite
def _goals(draw: st.DrawFn, numeric: list[str]) -> list[dict[str, Any]]:
    """One to three goals that take rewards, the first of them without a role; ratios; and at most one primary."""
    found = [draw(_goal(f"goal-{index}", numeric)) for index in range(draw(st.integers(1, 3)))]
    for goal in found[1:]:
        if role := draw(st.sampled_from([None, "secondary", "guardrail"])):
            goal["role"] = role
    parts = [goal["name"] for goal in found]
    for index in range(draw(st.integers(0, 2))):
        found.append(draw(_ratio(f"ratio-{index}", parts, numeric)))
    if draw(st.booleans()):
        draw(st.sampled_from(found))["role"] = "primary"
    return found


@st.composite
def _goal(draw: st.DrawFn, name: str, numeric: list[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["binary", "value"]))
    binary = kind == "binary"
    optional = _shared(numeric) | {
        "window": st.floats(0.001, 400 * _DAY_S),
        "delay": st.floats(0, 400 * _DAY_S),
        "default": st.sampled_from([0.0, 1.0]) if binary else st.floats(-MAX_REWARD, MAX_REWARD),
        "baseline": st.floats(0, 1, exclude_min=True, exclude_max=True) if binary else _AMOUNTS,
    }
    if not binary:
        optional["cap"] = _AMOUNTS
    return {"name": name, "kind": kind, **draw(st.fixed_dictionaries({}, optional=optional))}


@st.composite
def _ratio(draw: st.DrawFn, name: str, parts: list[str], numeric: list[str]) -> dict[str, Any]:
    optional = _shared(numeric) | {
        "role": st.sampled_from(["secondary", "guardrail"]),
        "denominator": st.sampled_from([*parts, "decisions"]),
        "baseline": _AMOUNTS,
    }
    numerator = draw(st.sampled_from(parts))
    return {"name": name, "kind": "ratio", "numerator": numerator, **draw(st.fixed_dictionaries({}, optional=optional))}


def _shared(numeric: list[str]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "direction": st.sampled_from(["increase", "decrease"]),
        "margin": st.floats(0, 1, exclude_min=True, exclude_max=True),
        "spread": st.floats(0, 1_000, exclude_min=True),
        **({"covariate": st.sampled_from(numeric)} if numeric else {}),
    }
