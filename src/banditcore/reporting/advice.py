"""Whether to ship the policy to everybody, and what no figure here covers."""

from __future__ import annotations

from collections.abc import Sequence

from banditcore.findings import Advice, Alarm, Check, GoalReport

HARM = "harm"
"""Kind of an alarm."""
CAVEATS = (
    "Interference between units, such as shared stock or word of mouth, is outside of every guarantee here.",
    "The lift is that of the policy as deployed so far, its learning included; the last days show it as it is now.",
    "Intervals are asymptotic: right for the counts asked for, not for a handful of huge orders.",
    "Intervals of single audiences and secondary goals are 95 % each; only those marked as found hold together (e-BH).",
)


def advice(
    primary: GoalReport, goals: Sequence[GoalReport], checks: Sequence[Check], alarms: Sequence[Alarm]
) -> Advice:
    """Ship needs the primary goal better, every guardrail shown to be safe, and nothing to doubt."""
    if doubts := [check for check in checks if check.level == "alarm"]:
        return Advice(False, f"Do not ship: {doubts[0].name.replace('_', ' ')} has to be cleared up first.")
    # Also those of guardrails that were taken out since.
    if harmed := sorted({alarm.subject for alarm in alarms if alarm.kind == HARM}):
        return Advice(False, f"Do not ship: {', '.join(harmed)} was harmed.")
    if primary.status != "ready" or primary.outcome == "undecided":
        return Advice(False, f"Not yet: {primary.goal} is undecided. {_patience(primary)}")
    if primary.outcome == "worse":
        return Advice(False, f"Do not ship: {primary.goal} is worse than under the control.")
    unsafe = [goal for goal in goals if goal.guardrail and not goal.guardrail.safe_to_ship]
    if unsafe:
        names = ", ".join(goal.goal for goal in unsafe)
        return Advice(
            False, f"Not yet: {primary.goal} is better, but harm to {names} is not ruled out up to the margin."
        )
    if primary.off_policy and primary.off_policy.agrees is False:
        return Advice(False, "Not yet: the lift over the holdout and the one from the propensity log disagree.")
    return Advice(True, f"Ship: {primary.goal} is better, and no guardrail is harmed beyond its margin.")


def _patience(primary: GoalReport) -> str:
    if primary.lift is None:
        return primary.note and f"{primary.note[0].upper()}{primary.note[1:]}."
    if primary.verdict is not None:
        return "The planned horizon has passed without an answer: a longer experiment has to be a new one."
    return f"It has {primary.lift.information:.0%} of the information that was planned for its target."
