"""Whether groups have the sizes that were drawn: if not, something has lost units, and no lift may be shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

from banditcore.course import Course
from banditcore.estimators.lift.moments import Moments
from banditcore.estimators.sample_ratio import ALPHA, log_evidence
from banditcore.findings import Alarm
from banditcore.storage.tallied import EVERYTHING, Slice
from banditcore.types import Group

KIND = "sample_ratio"
ALL = "all units"


@dataclass(frozen=True, slots=True)
class Suspect:
    """Units that should be split as the holdout share says."""

    epoch: int
    subject: str
    policy: int
    holdout: int
    share: float
    """Of the holdout."""
    threshold: float
    """Log of the evidence at which the alarm comes."""
    whole: bool
    """All units of the epoch."""

    @property
    def evidence(self) -> float:
        """Log of the e-value."""
        return log_evidence((self.policy, self.holdout), (1.0 - self.share, self.share))


def suspects(course: Course, moments: dict[Slice, Moments]) -> list[Suspect]:
    """All units of each epoch, those that count for the primary goal, and those of each audience.

    Each of these families has `ALPHA`; that of the audiences is shared by its members.
    """
    primary, slices = course.spec.primary_goal.name, list(moments)
    audiences = sorted({where[1:4] for where in slices if where.goal == EVERYTHING and where.audience})
    found = []
    for epoch in course.epochs:
        for goal, words in ((EVERYTHING, ALL), (primary, f"units counted for {primary}")):
            found.append(_suspect(course, moments, (goal, epoch.number, "", ""), words, 1))
    for number, name, trait in audiences:
        where = (EVERYTHING, number, name, trait)
        found.append(_suspect(course, moments, where, f"units with {name} = {trait}", len(audiences)))
    return found


def _suspect(
    course: Course, moments: dict[Slice, Moments], where: tuple[str, int, str, str], words: str, family: int
) -> Suspect:
    epoch = course.epochs[where[1] - 1]
    subject = f"epoch {epoch.number}: {words}"
    policy, holdout = (moments.get(Slice(*where, int(group)), Moments()).n for group in Group)
    return Suspect(epoch.number, subject, policy, holdout, epoch.holdout, math.log(family / ALPHA), words == ALL)


def alarms(found: list[Suspect], now_us: int) -> list[Alarm]:
    """Of those whose groups differ from the draw by more than chance explains, however often it is looked."""
    return [Alarm(now_us, KIND, each.subject, _words(each)) for each in found if each.evidence >= each.threshold]


def _words(suspect: Suspect) -> str:
    total = suspect.policy + suspect.holdout
    return (
        f"{suspect.subject}: {suspect.holdout:,} of {total:,} units are in the holdout, {suspect.holdout / total:.2%}"
        f" where {suspect.share:.2%} were drawn. Something loses units of one group: a filter, a crash, a redirect, a"
        " cache, or bots. Until it is found no lift of that epoch is shown; another holdout share begins a new epoch"
    )
