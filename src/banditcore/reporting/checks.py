"""What has to be looked at before any number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from banditcore.findings import Alarm, Check, GoalReport, Level
from banditcore.reporting.sample_ratio import KIND, Suspect

SURPRISING_LIFT = 0.5
SURPRISING_TIMES = 5.0
"""Times the target lift."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is not in the tallies."""

    rewards: int = 0
    """Received for decisions of the experiment since this server started."""
    late: int = 0
    """Of them, those that came after their window."""
    imported: int = 0
    """Rows of imports, whenever they came."""
    unattributed: int = 0
    """Of them, those that found no decision, or came too late."""
    unlogged: int = 0
    """Decisions since this server started that could not be logged."""
    merged: int = 0
    """Units that were merged into others."""


def checks(
    primary: GoalReport,
    target_lift: float,
    decisions: int,
    suspects: Sequence[Suspect],
    alarms: Sequence[Alarm],
    facts: Facts,
) -> tuple[Check, ...]:
    """All of them, whether or not something was found."""
    return (
        _sample_ratio(suspects, alarms, blanks=primary.status == "blanked"),
        _logging_loss(facts, decisions),
        _join_rate(facts),
        _immature(primary),
        _merges(primary, facts),
        _twyman(primary, target_lift),
    )


def _sample_ratio(suspects: Sequence[Suspect], alarms: Sequence[Alarm], blanks: bool) -> Check:
    # All units of the present epoch: what an audience shows is said only when it is too much.
    whole = [each for each in suspects if each.whole][-1]
    total = whole.policy + whole.holdout
    share = whole.holdout / total if total else whole.share
    found = [alarm for alarm in alarms if alarm.kind == KIND]
    if found:
        # Epochs that were blanked take no part in the lift of those that came after.
        now = {each.subject for each in suspects if each.epoch == whole.epoch}
        level: Level = "alarm" if blanks or any(alarm.subject in now for alarm in found) else "warning"
        return Check(KIND, level, share, found[-1].message, blanks)
    words = f"The groups have the sizes that were drawn: of {total:,} units {share:.2%} are held out, {whole.share:.2%}"
    words += " were drawn."
    return Check(KIND, "ok", share, words if total else "No unit has come yet.")


def _logging_loss(facts: Facts, decisions: int) -> Check:
    lost = facts.unlogged / (facts.unlogged + decisions) if facts.unlogged else 0.0
    words = (
        f"{facts.unlogged:,} decisions since the start of this server could not be logged and count nowhere, beside the"
        f" {decisions:,} that do; both groups lose alike, so the lift stays fair, but it leaves out what happened then."
        if facts.unlogged
        else "Every decision since the start of this server is in the log."
    )
    return Check("logging_loss", _level(lost, 0.001, 0.01), lost, words)


def _join_rate(facts: Facts) -> Check:
    total, lost = facts.rewards + facts.imported, facts.late + facts.unattributed
    rate = 1.0 - lost / total if total else 1.0
    words = (
        f"{rate:.1%} of {total:,} rewards, since the start of this server and by all imports, came in time for a"
        " decision. If one group loses more of them, the lift is wrong: look where they come from."
        if lost
        else "Every reward came in time for its decision."
        if total
        else "No reward has come since the start of this server."
    )
    return Check("join_rate", _level(1.0 - rate, 0.05, 0.5), rate, words)


def _immature(primary: GoalReport) -> Check:
    units = primary.policy.units + primary.holdout.units
    share = 1.0 - (primary.policy.matured_units + primary.holdout.matured_units) / units if units else 0.0
    words = f"{share:.1%} of {units:,} units do not count yet, since the window of {primary.goal} is open."
    return Check("immature", "warning" if share > 0.5 else "ok", share, words)


def _merges(primary: GoalReport, facts: Facts) -> Check:
    units = primary.policy.units + primary.holdout.units
    share = facts.merged / units if units else 0.0
    words = (
        f"{facts.merged:,} units were merged into others, {share:.2%} of all. They stay in the group they were in"
        " first; those that had seen the other group before make the lift look smaller than it is."
        if facts.merged
        else "No units were merged."
    )
    return Check("merges", _level(share, 0.01, 0.1), share, words)


def _twyman(primary: GoalReport, target_lift: float) -> Check:
    value = primary.lift.estimate if primary.lift else float("nan")
    limit = min(SURPRISING_LIFT, SURPRISING_TIMES * target_lift)
    if primary.lift is None or not (abs(value) > limit and not primary.lift.low <= 0.0 <= primary.lift.high):
        return Check("twyman", "ok", value, "The lift is of a size that happens.")
    return Check(
        "twyman",
        "warning",
        value,
        f"A lift of {value:+.0%} is more than {limit:.0%}, which is rare: figures like this are usually a mistake."
        " Check the data before you believe it: what counts as a reward, bots, one huge order, a control that is none.",
    )


def _level(share: float, warning: float, alarm: float) -> Level:
    return "alarm" if share > alarm else "warning" if share > warning else "ok"
