"""What an experiment has shown so far, from its tallies: nothing here reads the log itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from banditcore.assignment import id_bound
from banditcore.course import Course
from banditcore.estimators.off_policy import VariantValue
from banditcore.estimators.power import plan
from banditcore.findings import Alarm, GoalReport, Lift, Look, Report, Traffic, Verdict
from banditcore.reporting import sample_ratio
from banditcore.reporting.advice import CAVEATS, HARM, advice
from banditcore.reporting.checks import Facts, checks
from banditcore.reporting.goals import Tallies, goal_report, with_outcomes
from banditcore.reporting.recent import DAYS, by_decision, recent
from banditcore.reporting.sample_ratio import Suspect
from banditcore.reporting.variants import off_policy, parts, variants
from banditcore.reporting.withholding import withhold
from banditcore.storage.base import Reader
from banditcore.storage.tallied import EVERYTHING, Span
from banditcore.tally import AUDIENCES_WIDER, NARROWEST_S
from banditcore.types import Experiment, Group

SPANS, MOST_VARIANTS, MOST_TRAITS, OTHERS = 120, 20, 12, "(others)"
"""How finely the traffic of a report is told."""
LOOKS_A_TIME = 30
"""Looks are kept at distances of this fraction of the time since the first one, so that a picture stays small."""
_CLOSEST_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is to be written down."""

    looks: tuple[Look, ...]
    verdicts: dict[str, Verdict]
    alarms: tuple[Alarm, ...]

    @property
    def anything(self) -> bool:
        return bool(self.looks or self.verdicts or self.alarms)


@dataclass(frozen=True, slots=True)
class _Evaluation:
    course: Course
    suspects: list[Suspect]
    alarms: tuple[Alarm, ...]
    """Those in the log, then those found now."""
    goals: tuple[GoalReport, ...]
    values: dict[str, VariantValue]

    @property
    def primary(self) -> GoalReport:
        return next(goal for goal in self.goals if goal.role == "primary")


def conclude(reader: Reader, course: Course, now_us: int) -> Conclusion:
    """What the tallies say that has not been written down yet."""
    found = _evaluate(reader, course, now_us)
    logged = {(alarm.kind, alarm.subject) for alarm in reader.alarms(course.number)}
    fresh = tuple(alarm for alarm in found.alarms if (alarm.kind, alarm.subject) not in logged)
    harmed = [
        goal for goal in found.goals if goal.guardrail and goal.guardrail.alarmed and (HARM, goal.goal) not in logged
    ]
    answered = found.primary.verdict
    is_new = answered is not None and reader.verdict(course.number, found.primary.goal) is None
    return Conclusion(
        looks=_looks(reader.looks(course.number), found.goals, now_us),
        verdicts={found.primary.goal: answered} if answered is not None and is_new else {},
        alarms=fresh + tuple(_harm(goal, now_us) for goal in harmed),
    )


def report(reader: Reader, experiment: Experiment, now_us: int, facts: Facts) -> Report:
    """Everything that may be read, as it has been counted so far."""
    course = Course.of(tuple(reader.versions(experiment.spec.name)))
    found = _evaluate(reader, course, now_us)
    goals = tuple(replace(goal, recent=_recent(reader, course, goal, now_us)) for goal in found.goals)
    primary = next(goal for goal in goals if goal.role == "primary")
    decisions = _decisions(reader, course)
    checked = checks(primary, course.spec.target_lift, decisions, found.suspects, found.alarms, facts)
    whole = Report(
        experiment=experiment.spec.name,
        version=experiment.version,
        status=experiment.status,
        time_us=now_us,
        decisions=decisions,
        holdout_share=course.spec.holdout,
        target_lift=course.spec.target_lift,
        model_position=experiment.position,
        goals=goals,
        variants=variants(reader, course, experiment, found.values),
        checks=checked,
        alarms=found.alarms,
        epochs=course.epochs,
        advice=advice(primary, goals, checked, found.alarms),
        power=plan(course.spec),
        history=tuple(reader.looks(course.number)),
        traffic=_traffic(reader, course, now_us),
        recent_days=float(DAYS),
        caveats=CAVEATS,
        behind=sum(reader.uncounted(stream, id_bound(now_us // 1000 + 1)) for stream in course.streams),
    )
    return withhold(whole)


def _evaluate(reader: Reader, course: Course, now_us: int) -> _Evaluation:
    moments = reader.moments(course.number)
    suspects = sample_ratio.suspects(course, moments)
    logged = reader.alarms(course.number)
    subjects = {alarm.subject for alarm in logged if alarm.kind == sample_ratio.KIND}
    alarms = [*logged, *(each for each in sample_ratio.alarms(suspects, now_us) if each.subject not in subjects)]
    unsound = {alarm.subject for alarm in alarms if alarm.kind == sample_ratio.KIND}
    epochs = {suspect.epoch for suspect in suspects if suspect.subject in unsound}
    tallies = Tallies(course, moments, tuple(each.number for each in course.epochs if each.number not in epochs))
    harmed = {alarm.subject for alarm in alarms if alarm.kind == HARM}
    goals = with_outcomes(
        [
            goal_report(tallies, goal, reader.verdict(course.number, goal.name), goal.name in harmed, now_us)
            for goal in course.spec.goals
        ]
    )
    theirs = None
    if course.spec.primary_goal.kind != "ratio":
        theirs = by_decision(reader, course, course.spec.primary_goal, tallies.sound)
    second, values = off_policy(tallies, parts(reader, course), theirs)
    goals = tuple(
        replace(goal, off_policy=second) if goal.role == "primary" and goal.status != "blanked" else goal
        for goal in goals
    )
    return _Evaluation(course, suspects, tuple(alarms), goals, values)


def _harm(goal: GoalReport, now_us: int) -> Alarm:
    assert goal.guardrail is not None
    lift = f"{goal.lift.estimate:+.1%}" if goal.lift else "harmed"
    return Alarm(
        now_us,
        HARM,
        goal.goal,
        f"{goal.goal} is harmed ({lift}; evidence {goal.guardrail.e_value:.3g}, the alarm is at"
        f" {goal.guardrail.threshold:.3g}). Everybody is served the control until the experiment is resumed",
    )


def _looks(before: Sequence[Look], goals: Sequence[GoalReport], now_us: int) -> tuple[Look, ...]:
    """One for each goal that has a lift, when it is time for the next."""
    of = {goal.goal: [look.time_us for look in before if look.goal == goal.goal] for goal in goals}
    return tuple(_look(goal, now_us) for goal in goals if goal.lift and _due(of[goal.goal], now_us))


def _due(times: Sequence[int], now_us: int) -> bool:
    return not times or now_us - times[-1] >= max(_CLOSEST_US, (now_us - times[0]) // LOOKS_A_TIME)


def _look(goal: GoalReport, now_us: int) -> Look:
    assert goal.lift is not None
    nan, other = float("nan"), goal.off_policy
    return Look(
        time_us=now_us,
        goal=goal.goal,
        estimate=goal.lift.estimate,
        low=goal.lift.low,
        high=goal.lift.high,
        information=goal.lift.information,
        off_policy=other.estimate if other else nan,
        off_policy_low=other.low if other else nan,
        off_policy_high=other.high if other else nan,
    )


def _recent(reader: Reader, course: Course, goal: GoalReport, now_us: int) -> Lift | None:
    spec = course.spec.goal(goal.goal)
    return recent(reader, course, spec, now_us) if spec and goal.status == "ready" else None


def _decisions(reader: Reader, course: Course) -> int:
    found = reader.moments(course.number)
    return round(sum(each.d for where, each in found.items() if where.goal == EVERYTHING and not where.audience))


def _traffic(reader: Reader, course: Course, now_us: int) -> tuple[Traffic, ...]:
    """In spans as wide as it takes for a picture; rare variants and values of audiences are put together."""
    width = _width(now_us - course.epochs[0].start_us, SPANS)
    wider = _width(now_us - course.epochs[0].start_us, SPANS // AUDIENCES_WIDER)
    found = reader.traffic(course.number, width, wider)
    shown = _most(_sum(found, "variant"), MOST_VARIANTS)
    traits = {name: _most(_sum(found, "trait", name), MOST_TRAITS) for name in course.spec.audiences}
    spans: dict[Span, int] = defaultdict(int)
    for span, decisions in found.items():
        variant = span.variant if span.variant in shown else OTHERS
        trait = span.trait if not span.audience or span.trait in traits.get(span.audience, ()) else OTHERS
        spans[span._replace(variant=variant, trait=trait)] += decisions
    return tuple(
        Traffic(
            time_us=span.start,
            width_s=span.width / 1e6,
            audience=span.audience,
            value=span.trait,
            group=Group(span.group).name,
            variant=span.variant,
            decisions=decisions,
        )
        for span, decisions in spans.items()
    )


def _width(age_us: int, spans: int) -> int:
    """Microseconds of a span, so that there are at most so many: a multiple of the narrowest."""
    least = NARROWEST_S * 1_000_000
    return max(-(-age_us // spans // least), 1) * least


def _sum(found: dict[Span, int], field: str, audience: str = "") -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for span, decisions in found.items():
        if span.audience == audience:
            sums[getattr(span, field)] += decisions
    return sums


def _most(counts: dict[str, int], limit: int) -> set[str]:
    return set(sorted(counts, key=lambda name: (-counts[name], name))[:limit])
