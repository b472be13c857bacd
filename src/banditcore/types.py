"""Plain frozen data that travels between the layers; no behaviour."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from banditcore.config import ExperimentSpec
from banditcore.errors import BanditcoreError

Floats = npt.NDArray[np.float64]
Value = float | int | bool | str | list[float] | Floats | None
"""One attribute of a request, as its schema entry wants it; None is "missing"."""


class Group(enum.IntEnum):
    """Which side of the lift a unit is on; fixed by the unit and the experiment's salt alone."""

    POLICY = 1
    HOLDOUT = 2


@dataclass(frozen=True, slots=True)
class ArmInfo:
    """One variant at its arm index; those no longer offered keep their index and are never eligible."""

    key: str
    payload: str
    active: bool


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as it stands: its definition in force and how far its model has learned."""

    spec: ExperimentSpec
    version: int
    status: str
    """"running", "paused" (no decisions, rewards still count), "archived" (the same, for good) or "frozen" (a guardrail
    alarmed: the control for everybody until it is resumed)."""
    arms: tuple[ArmInfo, ...]
    stream: int
    n_features: int
    feature_names: tuple[str, ...]
    position: int
    """Position up to which the serving model has learned."""
    create_time_us: int
    update_time_us: int


class Ask(NamedTuple):
    """One call for a decision, as `DecisionEngine.decide` takes it."""

    experiment: str
    unit: str
    attributes: Mapping[str, Value]
    eligible: Sequence[str] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to "which variant for this unit?", as it was logged."""

    id: str
    """48 hexadecimal digits: time-ordered, then a MAC."""
    experiment: str
    version: int
    """Version of the experiment's definition that was in force."""
    unit: str
    group: Group
    arm: int
    """Index of the variant, 0..K-1, in the order the experiment first declared its variants."""
    variant: str
    payload: str
    propensity: float
    """P(variant | context, group) in (0, 1]; for HOLDOUT always 1."""
    propensities: Floats
    """(K,) the whole vector the variant was drawn from; for HOLDOUT one-hot on the control."""
    model_position: int
    """Position in the stream up to which the answering model had learned."""
    time_us: int
    """Microseconds since the Unix epoch."""
    certificate: float = 0.0
    """How far `propensities` may be from the policy's ideal rule: 0 for closed forms; see `Policy.certificate`."""
    degraded: bool = False
    """True when the policy failed (control was served), or the store was away (drawn from the last model, not logged).

    Nothing is learned from it.
    """
    duplicate: bool = False
    """True when the request id had been answered before and this is that answer."""


@dataclass(frozen=True, slots=True)
class DecisionBatch:
    """n decisions of one call, in columns and in the caller's order."""

    experiment: str
    version: int
    variants: tuple[str, ...]
    """Keys by arm; `arms` index into it."""
    payloads: tuple[str, ...]
    model_position: int
    time_us: int
    ids: bytes
    """24 bytes a decision, one after the other."""
    groups: npt.NDArray[np.uint8]
    arms: npt.NDArray[np.int32]
    propensity: Floats
    """(n,) of the drawn variant."""
    propensities: Floats
    """(n, K)"""
    units: list[str]
    certificates: float | Floats = 0.0
    """(n,) error of each vector as its policy states it, or one number for all; see `Policy.certificate`."""
    degraded: bool = False
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Reward:
    """One observation of a goal for one decision."""

    decision_id: str
    goal: str
    value: float
    key: str = ""
    """Idempotency key within (decision, goal); needed only when one decision can earn a goal several times."""


@dataclass(frozen=True, slots=True)
class RewardResult:
    """What became of one reward: recorded when `error` is None (and, when late, recorded as late all the same)."""

    error: BanditcoreError | None = None
    duplicate: bool = False
    resolved: bool = False
    """True when the learner will learn from this reward; False for holdout, further rewards and other goals."""


@dataclass(frozen=True, slots=True)
class FeatureContribution:
    """Share of one feature in an arm's linear score: coefficient * value."""

    feature: str
    value: float
    contribution: float


@dataclass(frozen=True, slots=True)
class ArmExplanation:
    """Why an arm had the probability it had."""

    variant: str
    eligible: bool
    score: float
    propensity: float
    contributions: tuple[FeatureContribution, ...] = ()
    """Empty for policies without a linear score."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything needed to defend one decision, recomputed from snapshot and log."""

    decision: Decision
    policy: str
    floor: float
    method: str
    """How the vector was computed: "closed form", "quadrature" or "monte carlo"."""
    holdout_share: float
    holdout_bucket: float
    """Hash of the unit in [0, 1): HOLDOUT when below `holdout_share`."""
    draw: float
    """Uniform number in [0, 1) that chose the arm from the logged vector."""
    context: Floats
    """(d,) the encoded context."""
    arms: tuple[ArmExplanation, ...]
    recomputed: bool
    """True when the recomputed vector and variant equal the logged ones."""


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How a store fares."""

    up: bool
    """False while nothing can be made durable."""
    wal_bytes: int
    """Size of the write-ahead log; 0 where the store keeps none, -1 where that is not for us to see."""
    checkpoint_age_s: float
    """Seconds since all of the write-ahead log was last copied into the database; 0 and -1 as before."""
    free_bytes: int
    """Left on the disk of the data, 0 when it is full; -1 where that is not for us to see."""


@dataclass(frozen=True, slots=True)
class ExperimentHealth:
    """How far an experiment's serving model is behind its log."""

    name: str
    position: int
    """Position up to which the serving model has learned."""
    lag_events: int
    """Resolutions in the log that it has not learned from yet."""
    lag_s: float
    """Age of the oldest of them in seconds; 0 when there is none."""
    open_decisions: int
    """Decisions that may still teach: neither rewarded on the learned goal, nor past its window."""
    degraded: int
    """Decisions since this engine was opened in which the policy failed and the control was served."""


@dataclass(frozen=True, slots=True)
class Health:
    """What an operator watches."""

    store: StoreHealth
    experiments: tuple[ExperimentHealth, ...]
    """By name."""
