"""Everything needed to defend one decision, recomputed from snapshot and log."""

from __future__ import annotations

import numpy as np

from banditcore.assignment import id_stream, unknown_decision
from banditcore.deciding import History
from banditcore.errors import NotAllowedNow
from banditcore.experiments import Live, Mask, Model
from banditcore.learner import Fold
from banditcore.recompute import live_versions, recompute
from banditcore.storage.base import DecisionRow, Reader
from banditcore.types import ArmExplanation, Decision, Explanation, FeatureContribution, Floats, Group


def explain(reader: Reader, decision: bytes, text: str, history: History) -> Explanation:
    """Raises NotFound when the decision is not in the log, NotAllowedNow when its model cannot be folded any more."""
    stream = id_stream(decision)
    row = reader.decision(stream, decision)
    if row is None:
        raise unknown_decision(text)
    live = next(live for live in live_versions(reader, history.name(reader, stream)) if live.version == row.version)
    if not reader.trimmed(stream).reaches(row.version, row.model_position):
        raise NotAllowedNow(
            f"decision_id {text}: what its model had learned from is deleted, as it is older than the retention of"
            f" {live.spec.name}; explain decisions while they are younger",
            field="decision_id",
            reason="BEYOND_RETENTION",
        )
    fold = Fold.start(reader, live, up_to=row.model_position)
    while fold.read(reader, stream, up_to=row.model_position):
        pass
    model = Model(fold.policy, fold.position)
    again = recompute(live, model, [row])
    context = np.frombuffer(row.context, dtype="<f8")
    return Explanation(
        decision=logged_decision(live, row),
        policy=live.spec.policy.name,
        floor=live.spec.policy.floor,
        method=model.policy.method,
        holdout_share=live.spec.holdout,
        holdout_bucket=float(again.buckets[0]),
        draw=float(again.draws[0]),
        context=context,
        arms=_arms(
            live, row, context, model.policy.scores(context.reshape(1, -1))[0], model.policy.contributions(context)
        ),
        recomputed=not again.differences[0],
    )


def logged_decision(live: Live, row: DecisionRow) -> Decision:
    """A row of the log as the caller saw it."""
    vector = np.frombuffer(row.propensities, dtype="<f8")
    return Decision(
        id=row.id.hex(),
        experiment=live.spec.name,
        version=row.version,
        unit=row.unit,
        group=Group(row.group),
        arm=row.arm,
        variant=live.arms[row.arm].key,
        payload=live.arms[row.arm].payload,
        propensity=float(vector[row.arm]),
        propensities=vector,
        model_position=row.model_position,
        time_us=row.time,
        certificate=row.certificate,
        degraded=bool(row.degraded),
    )


def _arms(
    live: Live, row: DecisionRow, context: Floats, scores: Floats, contributions: Floats | None
) -> tuple[ArmExplanation, ...]:
    vector = np.frombuffer(row.propensities, dtype="<f8")
    eligible = _eligible(live, row)
    return tuple(
        ArmExplanation(
            variant=arm.key,
            eligible=bool(eligible[index]),
            score=float(scores[index]),
            propensity=float(vector[index]),
            contributions=() if contributions is None else _features(live, context, contributions[index]),
        )
        for index, arm in enumerate(live.arms)
    )


def _eligible(live: Live, row: DecisionRow) -> Mask:
    if row.eligible is not None:
        return np.frombuffer(row.eligible, dtype=np.bool_)
    return np.ones(len(live.arms), dtype=np.bool_) if live.offered is None else live.offered


def _features(live: Live, context: Floats, contributions: Floats) -> tuple[FeatureContribution, ...]:
    return tuple(
        FeatureContribution(name, float(value), float(part))
        for name, value, part in zip(live.schema.feature_names, context, contributions, strict=True)
    )
