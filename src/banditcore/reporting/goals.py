"""What each goal shows: lift, verdict, guardrails, audiences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from banditcore.config import GoalSpec
from banditcore.course import Course
from banditcore.estimators.e_bh import discoveries
from banditcore.estimators.lift import HARM_ALPHA, OPEN_ALPHA, PLANNED_ALPHA, Stratum, harm, lift, verdict
from banditcore.estimators.lift.moments import Moments
from banditcore.findings import (
    AudienceReport,
    GoalReport,
    GroupReport,
    GuardrailReport,
    Lift,
    Outcome,
    Verdict,
)
from banditcore.storage.tallied import EVERYTHING, Slice
from banditcore.types import Group

LEVEL = PLANNED_ALPHA + OPEN_ALPHA
"""Error of an interval, and of the discoveries among goals and among audiences."""


@dataclass(frozen=True, slots=True)
class Tallies:
    """What has been counted of an experiment, and which epochs may be used."""

    course: Course
    moments: dict[Slice, Moments]
    sound: tuple[int, ...]
    """Epochs whose groups have the sizes that were drawn."""

    def of(self, goal: str, epochs: Sequence[int], group: Group, audience: str = "", trait: str = "") -> Moments:
        """Added up over the epochs."""
        found = [self.moments.get(Slice(goal, epoch, audience, trait, int(group))) for epoch in epochs]
        return sum((each for each in found if each), Moments())

    def strata(self, goal: str, audience: str = "", trait: str = "") -> list[Stratum]:
        return [
            (
                self.of(goal, [epoch], Group.POLICY, audience, trait),
                self.of(goal, [epoch], Group.HOLDOUT, audience, trait),
            )
            for epoch in self.sound
        ]

    def group(self, goal: GoalSpec, group: Group, audience: str = "", trait: str = "") -> GroupReport:
        every = [epoch.number for epoch in self.course.epochs]
        units = self.of(EVERYTHING, every, group, audience, trait)
        moments = self.of(goal.name, every, group, audience, trait)
        ratio = goal.kind == "ratio"
        nothing = float("nan")
        per = moments.d if ratio else moments.n
        return GroupReport(
            units=units.n,
            matured_units=moments.n,
            converted_units=moments.converted,
            mean=moments.y / per if per else nothing,
            variance=nothing if ratio else moments.variance,
            raw_mean=moments.raw / per if per else nothing,
        )


def goal_report(tallies: Tallies, goal: GoalSpec, answered: Verdict | None, alarmed: bool, now_us: int) -> GoalReport:
    """A goal by itself; `answered` is its verdict if it has one already, `alarmed` whether it has done harm."""
    spec, primary = tallies.course.spec, goal.role == "primary"
    blank = GoalReport(
        goal=goal.name,
        kind=goal.kind,
        role=goal.role or "",
        direction=goal.direction,
        learned=goal.name == spec.learn,
        policy=tallies.group(goal, Group.POLICY),
        holdout=tallies.group(goal, Group.HOLDOUT),
        status="blanked",
        lift=None,
        note="the sizes of the groups are not those that were drawn: see the checks",
        guardrail=_guardrail(tallies, goal, None, alarmed),
    )
    if not tallies.sound:
        return blank
    strata = tallies.strata(goal.name)
    alphas = (OPEN_ALPHA, PLANNED_ALPHA) if primary else (LEVEL, 0.0)
    status, note, found = lift(
        strata, goal.kind, target_lift=spec.target_lift, open_alpha=alphas[0], planned_alpha=alphas[1]
    )
    uncapped = None
    if goal.cap is not None:
        _, _, uncapped = lift(
            strata, goal.kind, target_lift=spec.target_lift, open_alpha=LEVEL, planned_alpha=0.0, capped=False
        )
    if primary and answered is None and found is not None:
        answered = verdict(found, goal.direction, now_us, PLANNED_ALPHA)
    return replace(
        blank,
        status=status,
        lift=found,
        note=note,
        verdict=answered,
        outcome=answered.outcome if answered else "undecided",
        uncapped=uncapped,
        guardrail=_guardrail(tallies, goal, found, alarmed),
        audiences=_audiences(tallies, goal) if primary else (),
    )


def _guardrail(tallies: Tallies, goal: GoalSpec, found: Lift | None, alarmed: bool) -> GuardrailReport | None:
    if goal.role != "guardrail":
        return None
    spec = tallies.course.spec
    # All there ever were: one that is taken out leaves the others no more room to err.
    count = sum(each.role == "guardrail" for each in tallies.course.goals.values())
    evidence = harm(tallies.strata(goal.name), goal.kind, goal.direction, target_lift=spec.target_lift)
    threshold = count / HARM_ALPHA
    safe = found is not None and (
        found.low > -goal.margin if goal.direction == "increase" else found.high < goal.margin
    )
    return GuardrailReport(evidence, threshold, alarmed or evidence >= threshold, goal.margin, safe and not alarmed)


def _audiences(tallies: Tallies, goal: GoalSpec) -> tuple[AudienceReport, ...]:
    names = list(tallies.course.spec.audiences)
    found = sorted(
        {where[2:4] for where in tallies.moments if where.audience in names},
        key=lambda pair: (names.index(pair[0]), pair[1]),
    )
    reports = []
    for audience, trait in found:
        status, _, measured = lift(
            tallies.strata(goal.name, audience, trait),
            goal.kind,
            target_lift=tallies.course.spec.target_lift,
            open_alpha=LEVEL,
        )
        policy, holdout = (tallies.group(goal, group, audience, trait) for group in Group)
        reports.append(AudienceReport(audience, trait, policy, holdout, status, measured, False))
    real = discoveries([each.lift.e_value if each.lift else 0.0 for each in reports], LEVEL) if reports else ()
    return tuple(replace(each, discovered=one) for each, one in zip(reports, real, strict=True))


def with_outcomes(goals: Sequence[GoalReport]) -> tuple[GoalReport, ...]:
    """The same with what may be said of those that are not primary: e-BH over all of them, on current evidence."""
    others = [goal for goal in goals if goal.role != "primary"]
    if not others:
        return tuple(goals)
    real = discoveries([goal.lift.e_value if goal.lift else 0.0 for goal in others], LEVEL)
    said = {goal.goal: _outcome(goal) for goal, one in zip(others, real, strict=True) if one}
    return tuple(replace(goal, outcome=said.get(goal.goal, goal.outcome)) for goal in goals)


def _outcome(goal: GoalReport) -> Outcome:
    assert goal.lift is not None
    return "better" if (goal.lift.estimate > 0.0) == (goal.direction == "increase") else "worse"
