"""One goal of a report, for a terminal."""

from __future__ import annotations

import math

from banditcore.commands.output import WIDTH, print_table, say
from banditcore.commands.words import between, care, ends, interval, number, relative, sentence, share, signed, when
from banditcore.findings import (
    AudienceReport,
    GoalReport,
    GroupReport,
    GuardrailReport,
    Lift,
    OffPolicyReport,
    Outcome,
    Report,
    Verdict,
)

_FINDINGS: dict[Outcome, str] = {
    "better": "the policy is better than the control",
    "worse": "the policy is worse than the control",
    "undecided": "it is undecided whether the policy is better or worse than the control",
}


def show_goal(goal: GoalReport, found: Report) -> None:
    """What is known of a goal; of a blanked one nothing but why."""
    better = "more" if goal.direction == "increase" else "less"
    say(f"{goal.goal}{' (learned)' if goal.learned else ''}: {goal.role} goal, {goal.kind}, {better} is better")
    if goal.status == "blanked":
        say(f"BLANKED: {sentence(goal.note or 'a check has failed')} No number of this goal may be read.", alarm=True)
        return
    _show_outcome(goal)
    _show_groups(goal)
    _show_lifts(goal, found)
    if goal.off_policy:
        _show_off_policy(goal.off_policy)
    if goal.guardrail:
        _show_guardrail(goal.guardrail)
    if goal.audiences:
        _show_audiences(goal.audiences)


def _show_outcome(goal: GoalReport) -> None:
    if goal.verdict:
        say(_answer(goal.verdict, goal.lift))
    elif goal.status == "ready":
        by = "by the planned rule" if goal.role == "primary" else "by e-BH at 5% over all goals but the primary"
        say(f"As of now {_FINDINGS[goal.outcome]}, {by}.")
    else:
        say("Collecting: there is too little data for an interval.")
    if goal.note:
        say(sentence(goal.note))


def _answer(verdict: Verdict, now: Lift | None) -> str:
    planned = (
        "" if math.isnan(verdict.information) else f" with {share(verdict.information)} of the planned information"
    )
    answer = (
        f"Decided on {when(verdict.time_us)}{planned}: {_FINDINGS[verdict.outcome]}, at a lift of "
        f"{relative(verdict.estimate)} ({interval(verdict)}). That answer does not change any more."
    )
    # The answer is frozen and the figure is not: each has an interval of its own.
    return f"{answer} As it stands now the lift is {relative(now.estimate)} ({interval(now)})." if now else answer


def _show_groups(goal: GoalReport) -> None:
    capped = goal.uncapped is not None
    columns = ("group", "units", "matured", "with an outcome", *(("capped mean", "raw mean") if capped else ("mean",)))
    groups = (("POLICY", goal.policy), ("HOLDOUT", goal.holdout))
    print_table("", columns, [_group_row(name, group, capped) for name, group in groups], width=WIDTH)


def _group_row(name: str, group: GroupReport, capped: bool) -> tuple[str, ...]:
    counts = (group.units, group.matured_units, group.converted_units)
    means = (group.mean, group.raw_mean) if capped else (group.mean,)
    return (name, *(f"{count:,}" for count in counts), *map(number, means))


def _show_lifts(goal: GoalReport, found: Report) -> None:
    recent = f"last {found.recent_days:g} days"
    lifts = (("so far", goal.lift), ("without the cap", goal.uncapped), (recent, goal.recent))
    rows = [_lift_row(name, lift) for name, lift in lifts if lift]
    if goal.off_policy and not math.isnan(goal.off_policy.estimate):
        rows += _second_rows(goal.off_policy)
    if rows:
        print_table("", ("lift", "relative", "interval", "difference", "interval"), rows, width=WIDTH)
    if goal.lift:
        say(_explanation(goal.lift, found))
    if goal.recent:
        say(
            f"The figure of the {recent} counts every conversion in them, per customer of the group, also for goals "
            f"that otherwise count a customer's conversion once."
        )


def _second_rows(found: OffPolicyReport) -> list[tuple[str, ...]]:
    by_log = ("by the propensity log", relative(found.estimate), interval(found), "", "")
    if math.isnan(found.by_decision):
        return [by_log]
    low, high = found.by_decision_low, found.by_decision_high
    return [("over the holdout, by decision", relative(found.by_decision), ends(low, high), "", ""), by_log]


def _lift_row(name: str, lift: Lift) -> tuple[str, ...]:
    difference = between(lift.difference_low, lift.difference_high, "+.4g")
    return (name, relative(lift.estimate), interval(lift), signed(lift.difference), difference)


def _explanation(lift: Lift, found: Report) -> str:
    parts = [f"The {100 * (1 - lift.alpha):.3g}% interval is valid at every look; e-value {lift.e_value:.3g}."]
    if not math.isnan(lift.information):
        target = relative(found.target_lift)
        parts.append(f"This is {share(lift.information)} of the information planned for a lift of {target}.")
    if lift.variance_ratio != 1.0:
        parts.append(f"The covariate leaves {share(lift.variance_ratio)} of the variance.")
    return " ".join(parts)


def _show_off_policy(found: OffPolicyReport) -> None:
    if found.status != "ok":
        word = "refused" if found.status == "refused" else "to be read with care"
        say(f"The lift by the propensity log is {word}: {sentence(care(found.reason))}")
    if found.status != "refused":
        say(
            f"By the log a decision is worth {number(found.policy_value)} under the policy and "
            f"{number(found.control_value)} if always the control, as {found.effective_sample_size:,.0f} decisions of "
            f"equal weight would tell."
        )
    if not (math.isnan(found.by_decision) or math.isnan(found.estimate)):
        say(
            "For customers who come back, a lift by customer and one by decision are different figures; only the two "
            "by decision must agree."
        )
    if found.agrees is not None:
        verb = "agree" if found.agrees else "DO NOT AGREE"
        say(f"The two lifts by decision {verb}: {sentence(found.explanation)}")
    elif found.explanation:
        say(sentence(found.explanation))


def _show_guardrail(guardrail: GuardrailReport) -> None:
    if guardrail.alarmed:
        say(f"HARM: the evidence reached {guardrail.threshold:.4g}, and the guardrail alarmed.", alarm=True)
    elif math.isnan(guardrail.e_value):
        say("Guardrail: there is too little data to see harm.")
    else:
        say(f"Guardrail holds: evidence of harm {guardrail.e_value:.3g}, the alarm comes at {guardrail.threshold:.4g}.")
    margin = share(guardrail.margin)
    if guardrail.safe_to_ship:
        say(f"Safe to ship: harm of more than {margin} is excluded.")
    else:
        say(f"Not safe to ship yet: harm of more than {margin} is not excluded.")


def _show_audiences(audiences: tuple[AudienceReport, ...]) -> None:
    print_table(
        "Audiences",
        ("audience", "POLICY units", "HOLDOUT units", "relative lift", "interval", "differs from 0"),
        [_audience_row(item) for item in audiences],
        caption="Differs from 0: by e-BH at 5% over all audiences; the others may be noise, whatever their interval.",
        width=WIDTH,
    )


def _audience_row(item: AudienceReport) -> tuple[str, ...]:
    name = f"{item.audience} = {item.value}"
    if item.status == "blanked":
        return (name, "", "", "blanked", "", "")
    units = (f"{item.policy.matured_units:,}", f"{item.holdout.matured_units:,}")
    if item.lift is None:
        return (name, *units, item.status, "", "")
    return (name, *units, relative(item.lift.estimate), interval(item.lift), "yes" if item.discovered else "no")
