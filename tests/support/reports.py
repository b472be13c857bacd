"""Reports of every shape, for tests of what carries and prints them."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from typing import Any, Literal

from hypothesis import strategies as st

from banditcore.client.definition import DIRECTIONS, KINDS, ROLES, STATUSES
from banditcore.findings import (
    Advice,
    Alarm,
    AudienceReport,
    Check,
    Epoch,
    GoalReport,
    GroupReport,
    GuardrailReport,
    Lift,
    Look,
    OffPolicyReport,
    Power,
    Report,
    Traffic,
    VariantReport,
)

_WORDS = {"kind": KINDS, "role": ROLES, "direction": DIRECTIONS, "status": STATUSES, "group": ("POLICY", "HOLDOUT")}
NAN = math.nan
_LATEST_US = 253_402_300_799_000_000
"""The last time that a protobuf Timestamp can hold."""


def reports() -> st.SearchStrategy[Report]:
    """Any report: every field any value of its type, NaN and infinities among the numbers."""
    return _of(Report)


@functools.cache
def _of(kind: Any) -> st.SearchStrategy[Any]:
    """A strategy for a type; a new field of a finding needs nothing here."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        named = {field.name: _field(kind, field.name, hints[field.name]) for field in dataclasses.fields(kind)}
        return st.builds(kind, **named)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return st.lists(_of(parts[0]), max_size=2).map(tuple)
    if origin is types.UnionType:
        return st.one_of(*map(_of, parts))
    if origin is Literal:
        return st.sampled_from(parts)
    return _PLAIN[kind]


def _field(owner: Any, name: str, kind: Any) -> st.SearchStrategy[Any]:
    if name.endswith("_us"):
        return st.integers(0, _LATEST_US)
    if name == "number":
        return st.integers(1, 2**31 - 1)
    if kind is str and name in _WORDS and owner is not Alarm:
        return st.sampled_from(list(_WORDS[name]))
    return _of(kind)


_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(),
    int: st.integers(0, 2**63 - 1),
    str: st.text(max_size=20),
    bool: st.booleans(),
    type(None): st.none(),
}


def lift(estimate: float, margin: float = 0.08, difference: float = 0.01, **others: float) -> Lift:
    """A lift with a symmetric interval."""
    numbers = {"alpha": 0.05, "e_value": 31.4, "information": 0.62, **others}
    return Lift(
        estimate=estimate,
        low=estimate - margin,
        high=estimate + margin,
        difference=difference,
        difference_low=difference / 2,
        difference_high=difference * 1.5,
        **numbers,
    )


def group(units: int, mean: float, raw_mean: float | None = None) -> GroupReport:
    """A group of which nine in ten have matured."""
    return GroupReport(units, units * 9 // 10, units // 20, mean, mean, mean if raw_mean is None else raw_mean)


PURCHASE = GoalReport(
    goal="purchase",
    kind="binary",
    role="primary",
    direction="increase",
    learned=True,
    policy=group(90_210, 0.0571),
    holdout=group(10_020, 0.0509),
    status="ready",
    lift=lift(0.122, difference=0.0062, variance_ratio=0.81),
    outcome="better",
    recent=lift(0.142, 0.15, 0.0071),
    off_policy=OffPolicyReport(
        status="amber",
        reason="the effective sample size is 4 % of the decisions",
        policy_value=0.0312,
        control_value=0.0281,
        estimate=0.11,
        low=0.02,
        high=0.21,
        effective_sample_size=4_321.5,
        by_decision=0.118,
        by_decision_low=0.04,
        by_decision_high=0.19,
        agrees=True,
        explanation="Logging and holdout tell the same story.",
    ),
    audiences=(
        AudienceReport("country", "DE", group(40_000, 0.06), group(4_400, 0.05), "ready", lift(0.2), True),
        AudienceReport("country", "FR", group(900, 0.06), group(100, 0.05), "collecting", None, False),
    ),
)
REVENUE = GoalReport(
    goal="revenue",
    kind="value",
    role="secondary",
    direction="increase",
    learned=False,
    policy=group(90_210, 6.02, 6.31),
    holdout=group(10_020, 5.88, 5.9),
    status="ready",
    lift=lift(0.024, 0.11, 0.14),
    outcome="undecided",
    uncapped=lift(0.069, 0.3, 0.41),
)
RETURNS = GoalReport(
    goal="returns",
    kind="ratio",
    role="guardrail",
    direction="decrease",
    learned=False,
    policy=group(90_210, 0.081),
    holdout=group(10_020, 0.08),
    status="collecting",
    lift=None,
    note="HOLDOUT needs 21 more orders that were returned",
    guardrail=GuardrailReport(1.7, 200.0, False, 0.02, False),
)
SHOP = Report(
    experiment="shop",
    version=3,
    status="running",
    time_us=1_700_000_000_000_000,
    decisions=301_234,
    holdout_share=0.1,
    target_lift=0.1,
    model_position=290_001,
    goals=(PURCHASE, REVENUE, RETURNS),
    variants=(
        VariantReport("plain", True, True, 90_000, 0.3, 0.028, 0.0281, 0.0262, 0.0299, "", 0.04),
        VariantReport("free-shipping", False, True, 210_000, 0.7, 0.033, 0.0322, 0.0301, 0.0342, "", 0.96),
        VariantReport("countdown", False, False, 12, 0.0, NAN, NAN, NAN, NAN, "12 decisions are too few", NAN),
    ),
    checks=(
        Check("sample_ratio", "ok", 1.2, "The groups have the sizes they should have."),
        Check("join_rate", "warning", 0.71, "Only 71 % of the rewards name a decision: check the tracking."),
        Check("merges", "ok", 0.0, "No unit changed its group."),
    ),
    alarms=(Alarm(1_699_000_000_000_000, "harm", "returns", "Returns rose by more than chance allows."),),
    epochs=(Epoch(1, 0.2, 1_690_000_000_000_000), Epoch(2, 0.1, 1_695_000_000_000_000)),
    advice=Advice(False, "returns may be harmed by more than 2 %: wait"),
    power=Power(120_000.0, 0.083, 41.0, 0.5, "With 4,000 units a day it shows a lift of 8.3 % after 30 days."),
    history=(Look(1_699_000_000_000_000, "purchase", 0.1, -0.01, 0.2, 0.5, NAN, NAN, NAN),),
    traffic=(Traffic(1_699_000_000_000_000, 3_600.0, "country", "DE", "POLICY", "plain", 412),),
    caveats=("Units that share a household may have influenced one another",),
    behind=17,
)
"""A report in which everything that may be there is there."""
