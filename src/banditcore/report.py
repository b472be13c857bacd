"""What an experiment has shown so far: lift per goal against the holdout, traffic and raw means per variant."""

from __future__ import annotations

import json

from banditcore.config import ExperimentSpec, GoalSpec
from banditcore.estimators.lift import Moments, lift, why_collecting
from banditcore.experiments import definition
from banditcore.ledger import matured_bound
from banditcore.storage.base import GoalQuery, Reader, VersionRow
from banditcore.types import Experiment, GoalReport, Group, GroupReport, Report, VariantReport

_MINIMUM_CONVERTED = {"binary": 25, "value": 100}
"""Units with an outcome that each group needs first; values have heavier tails than conversions."""


def report(reader: Reader, experiment: Experiment, now_us: int) -> Report:
    """The report as of `now_us`. Units are what is counted; only closed windows count, in both groups alike."""
    versions = reader.versions(experiment.spec.name)
    counts = reader.group_counts(tuple({row.stream: None for row in versions}))
    spec = experiment.spec
    return Report(
        experiment=spec.name,
        version=experiment.version,
        status=experiment.status,
        time_us=now_us,
        decisions=sum(decisions for decisions, _ in counts.values()),
        holdout_share=spec.holdout,
        model_position=experiment.position,
        goals=tuple(_goal(reader, spec, goal, versions, counts, now_us) for goal in spec.goals),
        variants=_variants(reader, experiment, versions, now_us),
    )


def goal_query(spec: ExperimentSpec, goal: GoalSpec, versions: list[VersionRow], now_us: int) -> GoalQuery:
    """Which outcomes count for a goal as of `now_us`; `versions` are all definitions of the experiment."""
    having = [row for row in versions if definition(row).goal(goal.name)]
    return GoalQuery(
        streams=tuple({row.stream: None for row in versions}),
        goal=goal.name,
        versions=tuple(row.version for row in having),
        binary=goal.kind == "binary",
        default=goal.default,
        closed_before=matured_bound(goal, now_us),
        explicit_exposure=spec.exposure == "explicit",
    )


def _goal(
    reader: Reader,
    spec: ExperimentSpec,
    goal: GoalSpec,
    versions: list[VersionRow],
    counts: dict[int, tuple[int, int]],
    now_us: int,
) -> GoalReport:
    found = reader.outcome_moments(goal_query(spec, goal, versions, now_us))
    moments = {group: Moments(*found.get(group, (0, 0, 0.0, 0.0))) for group in Group}
    policy, holdout = moments[Group.POLICY], moments[Group.HOLDOUT]
    least = _MINIMUM_CONVERTED[goal.kind]
    status, measured = lift(policy, holdout, target_lift=spec.target_lift, minimum_converted=least)
    return GoalReport(
        goal=goal.name,
        kind=goal.kind,
        learned=goal.name == spec.learn,
        policy=_group(counts, Group.POLICY, policy),
        holdout=_group(counts, Group.HOLDOUT, holdout),
        status=status,
        lift=measured,
        note=why_collecting(policy, holdout, least),
    )


def _group(counts: dict[int, tuple[int, int]], group: Group, moments: Moments) -> GroupReport:
    return GroupReport(
        units=counts.get(group, (0, 0))[1],
        matured_units=moments.n,
        converted_units=moments.converted,
        mean=moments.mean,
        variance=moments.variance,
    )


def _variants(
    reader: Reader, experiment: Experiment, versions: list[VersionRow], now_us: int
) -> tuple[VariantReport, ...]:
    spec = experiment.spec
    streams = {row.stream: json.loads(row.arms) for row in versions}
    outcomes = reader.arm_outcomes(goal_query(spec, spec.learned_goal, versions, now_us))
    sums: dict[str, tuple[int, int, float]] = {arm.key: (0, 0, 0.0) for arm in experiment.arms}
    for (stream, arm), (decisions, matured, total) in outcomes.items():
        key = streams[stream][arm]
        before = sums.get(key, (0, 0, 0.0))
        sums[key] = (before[0] + decisions, before[1] + matured, before[2] + total)
    everything = sum(decisions for decisions, _, _ in sums.values())
    active = {arm.key for arm in experiment.arms if arm.active}
    return tuple(
        VariantReport(
            variant=key,
            control=key == spec.control,
            active=key in active,
            decisions=decisions,
            share=decisions / everything if everything else 0.0,
            raw_mean=total / matured if matured else float("nan"),
        )
        for key, (decisions, matured, total) in sums.items()
    )
