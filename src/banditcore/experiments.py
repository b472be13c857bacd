"""Which experiments there are, under which definition, and how a definition may change.

A change is a new version. What was learned survives it as long as it means the same: another context, learned
goal, policy or prior opens a new epoch, a stream of its own that starts from the prior; variants come and go
within a stream. What would spoil the comparison with the holdout is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from banditcore.assignment import draw_number, holdout_bucket, salt_key, vector_seed
from banditcore.config import ExperimentSpec, GoalSpec
from banditcore.context import ContextSchema
from banditcore.errors import BanditcoreError, InvalidInput, NotAllowedNow, StoreCorrupt
from banditcore.identities import Identities
from banditcore.policies import get_policy
from banditcore.policies.base import Policy
from banditcore.storage.base import ExperimentRow, Transaction, VersionRow
from banditcore.types import ArmInfo, Experiment

# A snapshot is one value in SQLite, which ends at a billion bytes.
_MAX_STATE_BYTES = 2**29
Mask = npt.NDArray[np.bool_]
State = dict[str, npt.NDArray[Any]]


def definition(row: VersionRow) -> ExperimentSpec:
    """The definition as it was applied. Raises StoreCorrupt when it cannot be read any more."""
    try:
        return ExperimentSpec.model_validate_json(row.spec)
    except ValueError:
        raise StoreCorrupt(
            f"version {row.version} of experiment {row.experiment} is damaged in the store: restore a backup"
        ) from None


@dataclass(frozen=True, slots=True)
class Model:
    """An immutable snapshot that serves: a policy, and the position up to which it has learned."""

    policy: Policy
    position: int


class Chance(Protocol):
    """What is left to chance in a decision. In a log that others are to audit, keyed hashes of its id."""

    def draw(self, decision: bytes) -> float:
        """In [0, 1), asked once a decision, in order: draws the variant."""

    def seed(self, decision: bytes) -> int:
        """64 bits, asked before where the policy is `monte_carlo`: seeds the vector."""


@dataclass(frozen=True, slots=True)
class Live:
    """A definition in force, laid out for deciding."""

    row: ExperimentRow
    spec: ExperimentSpec
    version: int
    stream: int
    arms: tuple[ArmInfo, ...]
    schema: ContextSchema
    arm_of: dict[str, int]
    control: int
    offered: Mask | None
    """(K,) variants on offer; None when all are."""
    keys: tuple[str, ...]
    payloads: tuple[str, ...]
    bucket: Callable[[bytes], float]
    """Unit -> [0, 1): held out when below the holdout share."""
    draw: Callable[[bytes], float]
    """Decision id -> [0, 1): draws the variant."""
    seed: Callable[[bytes], int]
    """Decision id -> 64 bits: seeds vectors that are estimated from random numbers."""
    model: Model | None = None
    identities: Identities = field(default_factory=Identities, compare=False, repr=False)
    """Which units are the same customer; shared by all that are made from this one, and growing."""

    @classmethod
    def of(cls, row: ExperimentRow, version: VersionRow) -> Live:
        spec = definition(version)
        payloads = {variant.key: variant.payload for variant in spec.variants}
        arms = tuple(ArmInfo(key, payloads.get(key, ""), key in payloads) for key in json.loads(version.arms))
        arm_of = {arm.key: index for index, arm in enumerate(arms)}
        offered = np.array([arm.active for arm in arms])
        key = salt_key(spec.salt)
        return cls(
            row=row,
            spec=spec,
            version=version.version,
            stream=version.stream,
            arms=arms,
            schema=ContextSchema(spec.context),
            arm_of=arm_of,
            control=arm_of[spec.control],
            offered=None if offered.all() else offered,
            keys=tuple(arm.key for arm in arms),
            payloads=tuple(arm.payload for arm in arms),
            bucket=holdout_bucket(key),
            draw=draw_number(key),
            seed=vector_seed(key),
        )

    def describe(self) -> Experiment:
        return Experiment(
            spec=self.spec,
            version=self.version,
            status=self.row.status,
            arms=self.arms,
            stream=self.stream,
            n_features=self.schema.n_features,
            feature_names=self.schema.feature_names,
            position=self.model.position if self.model else 0,
            create_time_us=self.row.create_time,
            update_time_us=self.row.update_time,
        )

    def mask(self, eligible: Sequence[str], field: str = "eligible") -> Mask | None:
        """(K,) mask of the variants a request allows; None for all. Raises InvalidInput.

        While frozen, the control is all that is allowed: its propensity is then 1, and says so in the log.
        """
        if not eligible:
            return self.only_control if self.row.status == "frozen" else self.offered
        mask = np.zeros(len(self.arms), dtype=np.bool_)
        for key in eligible:
            arm = self.arm_of.get(key)
            if arm is None or not self.arms[arm].active:
                raise InvalidInput(
                    f"{field}: {key[:64]!r} is not a variant of {self.spec.name}", field=field, reason="UNKNOWN_VARIANT"
                )
            mask[arm] = True
        if not mask[self.control]:
            raise InvalidInput(
                f"{field} must include the control {self.spec.control!r}: held-out units get nothing else", field=field
            )
        return self.only_control if self.row.status == "frozen" else mask

    @property
    def only_control(self) -> Mask:
        mask = np.zeros(len(self.arms), dtype=np.bool_)
        mask[self.control] = True
        return mask


def build_policy(spec: ExperimentSpec, n_arms: int, n_features: int) -> Policy:
    """The policy of a definition at its prior. Raises InvalidInput naming the field under `policy`."""
    field = f"experiments.{spec.name}.policy"
    try:
        kind = get_policy(spec.policy.name)
        _known_params(kind, spec, field)
        return kind.make(n_arms, n_features, spec.policy.floor, spec.policy.params)
    except InvalidInput as error:
        inner = error.field or "name"
        path = inner if inner.startswith(field) else f"{field}.{inner}"
        raise InvalidInput(f"{path}: {error.message}", field=path) from None


def prior(live: Live) -> Policy:
    """The definition's policy before it has learned anything."""
    return build_policy(live.spec, len(live.arms), live.schema.n_features)


def resumed(live: Live, state: State) -> Policy:
    """The definition's policy with what was learned under an earlier one of the same stream."""
    policy = prior(live)
    policy.resume(state)
    return policy


def _known_params(kind: type[Policy], spec: ExperimentSpec, field: str) -> None:
    known = kind.accepted(spec.policy.params)
    for name in spec.policy.params:
        if name not in known:
            takes = ", ".join(known) or "no parameters"
            raise InvalidInput(f"unknown parameter; {spec.policy.name} takes {takes}", field=f"{field}.{name}")


def check(spec: ExperimentSpec) -> None:
    """Refuses a definition whose policy cannot serve it. Raises InvalidInput naming the field."""
    field = f"experiments.{spec.name}.policy"
    policy = _checked_policy(spec, len(spec.variants))
    if (policy.deterministic or policy.monte_carlo) and spec.policy.floor == 0:
        raise InvalidInput(
            f"{field}.floor must be above 0: {policy.name} alone gives most variants the probability 0,"
            " and nothing could be evaluated from its log",
            field=f"{field}.floor",
        )
    if policy.reward_kind == "unit_interval" and spec.learned_goal.kind != "binary":
        raise InvalidInput(
            f"{field}: {policy.name} learns from binary goals only: make {spec.learn} binary or learn another",
            field=field,
        )
    if policy.posterior.own_features_only:
        raise InvalidInput(
            f"{field}.arm_features is required: a request's context is the same for all variants, which only their"
            " own features tell apart; give one row a variant",
            field=f"{field}.arm_features",
        )


def _checked_policy(spec: ExperimentSpec, n_arms: int) -> Policy:
    """The policy at its prior, made only once it is known to fit into memory. Raises InvalidInput."""
    field = f"experiments.{spec.name}.policy"
    kind, n_features = get_policy_of(spec, field), ContextSchema(spec.context).n_features
    try:
        size = kind.size(n_arms, n_features, spec.policy.params)
    except InvalidInput as error:
        raise InvalidInput(f"{field}.{error.field}: {error.message}", field=f"{field}.{error.field}") from None
    if size > _MAX_STATE_BYTES:
        raise InvalidInput(
            f"{field}: {kind.name} with {n_arms} variants, removed ones included, of {n_features} features needs"
            " more than 512 MiB: use fewer features",
            field=field,
        )
    if n_features == 0 and build_policy(spec, n_arms, 1).needs_context:
        raise InvalidInput(f"{field}: {kind.name} needs a context: declare attributes under context", field=field)
    return build_policy(spec, n_arms, n_features)


def get_policy_of(spec: ExperimentSpec, field: str) -> type[Policy]:
    try:
        return get_policy(spec.policy.name)
    except BanditcoreError as error:
        raise InvalidInput(f"{field}.name: {error.message}", field=f"{field}.name") from None


def put(tx: Transaction, spec: ExperimentSpec, now_us: int) -> tuple[ExperimentRow, VersionRow]:
    """Writes a definition as the next version, or nothing when it is the one in force."""
    row = next((row for row in tx.experiments() if row.name == spec.name), None)
    if row is None:
        return _write(tx, ExperimentRow(spec.name, "running", 1, now_us, now_us), spec, None)
    versions = tx.versions(spec.name)
    current = versions[-1]
    history = [definition(version) for version in versions]
    old = history[-1]
    if old == spec:
        return row, current
    _refuse(row, history, spec)
    changed = ExperimentRow(row.name, row.status, row.version + 1, row.create_time, now_us)
    return _write(tx, changed, spec, None if _new_epoch(old, spec) else current)


def put_status(tx: Transaction, name: str, status: str, now_us: int) -> ExperimentRow:
    """Writes a new status beside the version in force, which another process may just have changed.

    The same status again changes nothing. Raises NotAllowedNow for an experiment that is archived.
    """
    row = next(row for row in tx.experiments() if row.name == name)
    if row.status == status:
        return row
    if row.status == "archived":
        raise NotAllowedNow(
            f"{name} is archived, which is final: declare a new experiment",
            field="experiment",
            reason="EXPERIMENT_ARCHIVED",
        )
    number = min(version.stream for version in tx.versions(name))
    if status == "running" and row.status == "paused" and tx.frozen(number):
        # A pause does not end what harm began; resuming once more does.
        status = "frozen"
    elif status == "running" and row.status == "frozen":
        tx.resume_alarms(number, now_us)
    changed = replace(row, status=status, update_time=now_us)
    tx.put_experiment(changed)
    return changed


def _write(
    tx: Transaction, row: ExperimentRow, spec: ExperimentSpec, same_stream: VersionRow | None
) -> tuple[ExperimentRow, VersionRow]:
    keys = [variant.key for variant in spec.variants]
    known: list[str] = json.loads(same_stream.arms) if same_stream else []
    arms = known + [key for key in keys if key not in known]
    if _checked_policy(spec, len(keys)).counts_arms(spec.policy.params) and arms != keys:
        raise NotAllowedNow(
            f"experiments.{spec.name}.variants cannot change under {spec.policy.name}, whose parameters count variants"
            f" in the order first declared ({', '.join(arms)}): declare a new experiment",
            field=f"experiments.{spec.name}.variants",
            reason="FIXED_BY_POLICY",
        )
    _checked_policy(spec, len(arms))
    stream = same_stream.stream if same_stream else tx.new_stream(spec.name)
    version = VersionRow(
        spec.name, row.version, stream, spec.model_dump_json(), json.dumps(arms, ensure_ascii=False), row.update_time
    )
    tx.put_experiment(row)
    tx.put_version(version)
    return row, version


def _refuse(row: ExperimentRow, history: list[ExperimentSpec], new: ExperimentSpec) -> None:
    if row.status == "archived":
        raise NotAllowedNow(
            f"{row.name} is archived: declare a new experiment", field="name", reason="EXPERIMENT_ARCHIVED"
        )
    # The target tunes the interval, and tuning it to the data would make the interval err; exposure says which
    # decisions count, those already made included. The holdout share may move, which begins a new epoch.
    for name in ("control", "salt", "exposure", "target_lift", "audiences"):
        if getattr(history[-1], name) != getattr(new, name):
            _fixed(new, name, f"is {getattr(history[-1], name)!r}")
    primary = history[-1].primary_goal.name
    if primary != new.primary_goal.name:
        # Another one would be another test, with another chance to err.
        _fixed(new, "goals", f"have the primary one {primary}")
    for goal in new.goals:
        # Also one that was taken out for a while: its rewards are still there.
        if any((before := old.goal(goal.name)) is not None and _sense(before) != _sense(goal) for old in history):
            _fixed(new, f"goals.{goal.name}", "was defined otherwise")


def _sense(goal: GoalSpec) -> dict[str, Any]:
    """What a goal means; what it is expected to be may change."""
    return goal.model_dump(exclude={"baseline", "spread"})


def _fixed(spec: ExperimentSpec, name: str, before: str) -> None:
    raise NotAllowedNow(
        f"experiments.{spec.name}.{name} {before} and cannot change: units already counted would mean something"
        " else; declare a new experiment or goal",
        field=f"experiments.{spec.name}.{name}",
        reason="FIXED_BY_HOLDOUT",
    )


def _new_epoch(old: ExperimentSpec, new: ExperimentSpec) -> bool:
    both = min(len(old.variants), len(new.variants))
    return _meaning(old, both) != _meaning(new, both)


def _meaning(spec: ExperimentSpec, n_arms: int) -> tuple[Any, ...]:
    """What the learned numbers of the first arms depend on; a parameter that only serving reads is left out."""
    policy = build_policy(spec, len(spec.variants), ContextSchema(spec.context).n_features)
    given = policy.accepted(spec.policy.params) | spec.policy.params
    params = {
        name: value[:n_arms] if isinstance(value, list) and policy.counts_arms([name]) else value
        for name, value in given.items()
        if not policy.serves_only(name)
    }
    return spec.context, spec.learn, spec.exposure, spec.policy.name, sorted(params.items())
