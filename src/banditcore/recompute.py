"""Recomputes logged decisions: what explanations show and what an audit compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditcore.deciding import law
from banditcore.experiments import Live, Mask, Model
from banditcore.kernels import draw_many
from banditcore.storage.base import DecisionRow, Reader
from banditcore.types import Floats, Group

TOLERANCE = 1e-12
"""Largest difference of a probability: other releases of the maths library may round differently."""
QUADRATURE = 2e-8
"""The same between releases that integrate in another way, each within 1e-8 of the integral."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """n decisions made by one model under one definition, made again."""

    vectors: Floats
    buckets: Floats
    draws: Floats
    differences: list[str]
    """What differs from the log, per decision; empty text for none."""
    identical: int
    """Decisions whose vector is equal to the last bit."""


def live_versions(reader: Reader, experiment: str) -> list[Live]:
    """Every definition of an experiment, oldest first."""
    row = next(row for row in reader.experiments() if row.name == experiment)
    return [Live.of(row, version) for version in reader.versions(experiment)]


def recompute(live: Live, model: Model | None, rows: list[DecisionRow]) -> Recomputed:
    """Decides again for `rows`, all of `live.version` and `model.position`, and compares with what was logged.

    Without a model the vectors of a policy are taken as logged; group and draw are made again all the same.
    """
    contexts = np.frombuffer(b"".join(row.context for row in rows), dtype="<f8").reshape(len(rows), -1)
    logged = np.frombuffer(b"".join(row.propensities for row in rows), dtype="<f8").reshape(len(rows), -1)
    buckets = np.array([live.bucket(row.unit.encode()) for row in rows])
    draws = np.array([live.draw(row.id) for row in rows])
    groups = [int(Group.HOLDOUT if bucket < live.spec.holdout else Group.POLICY) for bucket in buckets]
    vectors = logged if model is None else _laws(live, model, rows, contexts, groups)
    arms = draw_many(np.ascontiguousarray(logged), draws)
    tolerance = QUADRATURE if model and model.policy.method == "quadrature" else TOLERANCE
    differences = [
        _difference(row, groups[index], int(arms[index]), logged[index], vectors[index], tolerance)
        for index, row in enumerate(rows)
    ]
    identical = int((vectors == logged).all(axis=1).sum())
    return Recomputed(vectors, buckets, draws, differences, identical)


def _laws(live: Live, model: Model, rows: list[DecisionRow], contexts: Floats, groups: list[int]) -> Floats:
    """(n, K) what each was drawn from; where the policy had not answered, the control."""
    vectors = np.zeros((len(rows), len(live.arms)))
    vectors[:, live.control] = 1.0
    asked = [index for index, row in enumerate(rows) if not row.degraded]
    if asked:
        of_asked = [rows[index] for index in asked]
        some, masks = [groups[index] for index in asked], _masks(live, of_asked)
        vectors[asked], _, _ = law(live, model, contexts[asked], masks, some, [row.id for row in of_asked])
    return vectors


def _masks(live: Live, rows: list[DecisionRow]) -> Mask | None:
    if all(row.eligible is None for row in rows):
        return live.offered
    default = np.ones(len(live.arms), dtype=np.bool_) if live.offered is None else live.offered
    return np.stack([default if row.eligible is None else np.frombuffer(row.eligible, dtype=np.bool_) for row in rows])


def _difference(row: DecisionRow, group: int, arm: int, logged: Floats, vector: Floats, tolerance: float) -> str:
    if row.group != group:
        return f"group {Group(row.group).name} was logged, the hash of the unit says {Group(group).name}"
    gap = float(np.abs(logged - vector).max())
    if not gap <= tolerance:
        return f"the logged vector differs from the recomputed one by {gap:.3g}"
    if row.arm != arm:
        return f"arm {row.arm} was logged, the draw gives arm {arm}"
    return ""
