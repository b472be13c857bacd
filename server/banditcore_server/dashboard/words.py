"""What a report says, in sentences and in figures as people write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from banditcore.commands.words import RESUMING, RESUMING_PAUSED, care
from banditcore.findings import Check, GoalReport, Lift, OffPolicyReport, Report, Verdict
from banditcore.pages.chart import MISSING as MISSING
from banditcore.pages.chart import Figure, minus
from banditcore.pages.chart import count as count
from banditcore.pages.chart import share as share
from banditcore.types import ExperimentHealth, Explanation, Group

CHECKS = {
    "sample_ratio": "Group sizes",
    "join_rate": "Rewards that find their decision",
    "immature": "Customers still waiting",
    "merges": "Merged customers",
    "twyman": "Plausible size",
    "logging_loss": "Decisions not logged",
}
ROLES = {"primary": "decides", "secondary": "beside", "guardrail": "guardrail"}
RECENTLY = (
    "counts every conversion in them, per customer of the group, also for goals that otherwise count a customer's"
    " conversion once."
)


def percent(value: float, digits: int = 1) -> Figure:
    """A relative number with its sign."""
    return Figure(MISSING if math.isnan(value) else minus(f"{value:+.{digits}%}"), value)


def number(value: float, beside: float = 0.0) -> Figure:
    """Three significant digits of it, or of a larger number beside it, without an exponent."""
    if math.isnan(value):
        return Figure(MISSING, value)
    largest = max(abs(value), 0.0 if math.isnan(beside) else abs(beside))
    digits = 2 - math.floor(math.log10(largest)) if largest else 0
    return Figure(minus(f"{value:,.{min(max(digits, 0), 12)}f}"), value)


def ends(low: float, high: float, digits: int = 1) -> str:
    """An interval of relative numbers."""
    return MISSING if math.isnan(low) else f"{percent(low, digits)} to {percent(high, digits)}"


def moment(time_us: int) -> str:
    """To the minute, in UTC."""
    return f"{_date(time_us):%Y-%m-%d %H:%M} UTC"


def day(time_us: int) -> str:
    """Such as 14 Nov 2026."""
    return f"{_date(time_us):%-d %b %Y}"


def date(time_us: int) -> str:
    """Such as 2026-11-14, in UTC."""
    return f"{_date(time_us):%Y-%m-%d}"


def _date(time_us: float) -> datetime:
    return datetime.fromtimestamp(time_us / 1e6, UTC)


def lasting(seconds: float) -> str:
    """A span of time in its largest fitting unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.3g} s"


def beside(value: float) -> str:
    """A relative number as words: "12.1% above"."""
    return f"{abs(value):.1%} {'below' if value < 0 else 'above'}"


def _between(low: float, high: float) -> str:
    if (low < 0) == (high < 0):
        near, far = sorted((abs(low), abs(high)))
        return f"between {near:.1%} and {beside(math.copysign(far, low))}"
    return f"between {beside(low)} and {beside(high)}"


def headline(goal: GoalReport) -> str:
    """What may be said of the goal now, in a sentence or two."""
    if goal.lift is None:
        return "Too early to say." if goal.status == "collecting" else "Not shown: the data must not be read."
    lift = goal.lift
    if goal.verdict is not None:
        now = f"{beside(lift.estimate)} ({_between(lift.low, lift.high)})"
        return f"{_decided(goal.verdict, goal.goal)} As it stands now, they are {now}."
    where = f"On {goal.goal}, customers who got it are {beside(lift.estimate)} those who were left out"
    if goal.outcome == "undecided" or not is_sure(lift):
        where = where.replace("who got it", "who got the policy")
        return f"No difference is established yet. {where}, and anything {_between(lift.low, lift.high)} is possible."
    verdict = "The policy pays off." if goal.outcome == "better" else "The policy does harm."
    return f"{verdict} {where} ({_between(lift.low, lift.high)})."


def _decided(verdict: Verdict, goal: str) -> str:
    """The verdict with its own figures: those of now have moved on, and may even have come to include 0."""
    found = {
        "better": "the policy pays off, with customers who got it",
        "worse": "the policy does harm, with customers who got it",
        "undecided": "no difference was established, with customers who got the policy",
    }[verdict.outcome]
    return (
        f"Decided on {date(verdict.time_us)}: {found} {beside(verdict.estimate)} those who were left out on {goal}"
        f" ({_between(verdict.low, verdict.high)})."
    )


def trust(goal: GoalReport) -> str:
    """When the headline may be relied on."""
    if goal.lift is None:
        return f"{_sentence(goal.note)} {_until(goal)}".strip()
    always = (
        f"The interval holds however often you look: over all looks together it misses the truth in at most"
        f" {goal.lift.alpha:.0%} of such experiments."
    )
    if goal.verdict is not None:
        known = goal.verdict.information
        planned = "" if math.isnan(known) else f"was given with {share(known, 0)} of the planned data and "
        return f"The answer of {date(goal.verdict.time_us)} {planned}stands. {always}"
    if goal.role != "primary":
        return always
    if goal.lift.information >= 1:
        return f"All of the planned data are in. {always}"
    return (
        f"{goal.lift.information:.0%} of the planned data are in: do not read “no difference” into a wide"
        f" interval before the rest is. {always}"
    )


def _until(goal: GoalReport) -> str:
    if goal.status == "collecting":
        return "No figure is shown before both groups have enough, since a first one would mostly be chance."
    return "Its figures come back by themselves once the check passes; until then they would mislead."


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}" if text else ""


def tone(goal: GoalReport) -> str:
    """Class of the style sheet for how the goal stands."""
    if goal.lift is None:
        return "waiting" if goal.status == "collecting" else "alarm"
    return {"better": "good", "worse": "alarm", "undecided": "waiting"}[goal.outcome]


def standing(goal: GoalReport) -> str:
    """One word for it."""
    return goal.status if goal.lift is None else goal.outcome


def answered(goal: GoalReport) -> str:
    """The word with the day of the verdict, where it may stand beside an interval of another day."""
    verdict = goal.verdict
    return standing(goal) if verdict is None else f"decided on {date(verdict.time_us)}: {verdict.outcome}"


def is_sure(lift: Lift) -> bool:
    """Whether the interval leaves 0 out."""
    return lift.low > 0 or lift.high < 0


def check_title(check: Check) -> str:
    """The check's name for people."""
    return CHECKS.get(check.name, check.name.replace("_", " ").capitalize())


def checks_line(report: Report) -> tuple[str, str]:
    """Class and words of how the checks stand together."""
    levels = [check.level for check in report.checks]
    if any(check.blanks for check in report.checks):
        return "alarm", "A check failed: no lift is shown"
    if "alarm" in levels:
        return "alarm", _counted(levels.count("alarm"), "check failed", "checks failed")
    if "warning" in levels:
        return "warning", _counted(levels.count("warning"), "check warns", "checks warn")
    return ("good", "All checks pass") if levels else ("waiting", "No checks yet")


def alarms_line(report: Report) -> str:
    """How many alarms the log has; empty without."""
    return _counted(len(report.alarms), "alarm", "alarms") if report.alarms else ""


def _counted(many: int, one: str, several: str) -> str:
    return f"{many:,} {one if many == 1 else several}"


def lag(health: ExperimentHealth | None) -> str:
    """How current the serving model is."""
    if health is None:
        return "unknown"
    if not health.lag_events:
        return "learned everything up to now"
    behind = _counted(health.lag_events, "outcome", "outcomes")
    if health.lag_s < 1.0:
        return f"learned everything up to {lasting(health.lag_s)} ago, {behind} since"
    return f"{behind} behind, the oldest {lasting(health.lag_s)} old"


def age(health: ExperimentHealth | None) -> str:
    """The same in short."""
    if health is None:
        return "unknown"
    return f"learned up to {f'{lasting(health.lag_s)} ago' if health.lag_events else 'now'}"


def resuming(report: Report) -> str:
    """What resuming an experiment means that a guardrail has stopped; empty for others."""
    if report.status == "frozen":
        return f"Frozen: everybody is served the control, because a guardrail alarmed. {RESUMING}"
    harmed = any(alarm.kind == "harm" for alarm in report.alarms)
    return RESUMING_PAUSED if report.status == "paused" and harmed else ""


def off_policy(found: OffPolicyReport) -> str:
    """Whether both figures agree, and what that means."""
    if found.status == "refused":
        return f"No second figure: {found.reason}. {found.explanation}".replace("..", ".").strip()
    careful = f"To be read with care: {care(found.reason)}. " if found.status == "amber" else ""
    return f"{careful}{found.explanation}".strip()


def agreement(found: OffPolicyReport) -> tuple[str, str]:
    """Class and words of whether both figures agree."""
    if found.agrees is not None:
        return ("good", "they agree") if found.agrees else ("alarm", "they disagree")
    one = found.status == "refused" or math.isnan(found.by_decision)
    return "waiting", "one figure only" if one else "too wide to tell"


def who(found: Explanation) -> str:
    """Why the decision came out as it did."""
    decision = found.decision
    bucket = f"The hash of {decision.unit} falls at {found.holdout_bucket:.4f}"
    if decision.group is Group.HOLDOUT:
        return f"{bucket}, inside the holdout of {found.holdout_share:.3g}: it gets the control, always."
    return (
        f"{bucket}, outside the holdout of {found.holdout_share:.3g}: the policy decides. It gave {decision.variant} a"
        f" probability of {decision.propensity:.1%}, and the draw {found.draw:.4f} fell on it."
    )
