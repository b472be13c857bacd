"""One pass over a log for many targets: predict, weigh, add up; then train what comes first in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from banditcore.bandit_log import BanditLog, Rows
from banditcore.estimators.off_policy.health import HealthFold
from banditcore.estimators.off_policy.progressive import outcome_model, progressive
from banditcore.estimators.off_policy.suite import Suite
from banditcore.estimators.off_policy.weighted import weigh
from banditcore.evaluation.columns import Fault, checked, rewards_fault
from banditcore.evaluation.origins import unseen
from banditcore.evaluation.targets import Target
from banditcore.types import Floats

FITTED = "fitted"
NONE = "none"
Told = Callable[[int], None]
"""Gets how many rows have been read."""


@dataclass(frozen=True)
class Work:
    """What one process does: some targets over the whole log."""

    log: BanditLog
    targets: Sequence[Target]
    suites: Sequence[Suite]
    """Empty ones, one a target."""
    model: str
    """FITTED, NONE or the name of a column of (n, K) expected rewards."""
    trained: int
    """First rows, on which targets are trained and from which nothing is estimated."""
    since: int
    """Rows that were decided by a model before this position are not evaluated: a target may have learned from them."""
    health: bool
    """Whether to look after the log as well, and after what is evaluated of it where that is not all."""

    @property
    def leaves_out(self) -> bool:
        """Whether some rows may not be evaluated."""
        return bool(self.trained or self.since)


@dataclass(frozen=True)
class Worked:
    """What came of it."""

    suites: Sequence[Suite]
    health: HealthFold | None
    evaluated: Evaluated | None
    """Where that is not all of the log."""


class Evaluated:
    """Looks after the rows that are evaluated: the first ones may be sound and these not."""

    def __init__(self, task: Work) -> None:
        self.health = HealthFold(task.log.n_arms)
        self.left = 0
        """Rows after those for training that are not evaluated."""
        self._trained, self._since, self._seen = task.trained, task.since, 0

    def add(self, rows: Rows) -> None:
        """A page as it was read: fallbacks, too, are judged."""
        drawn = np.ones(len(rows), dtype=np.bool_) if rows.fallback is None else ~rows.fallback
        kept = self._seen + np.cumsum(drawn) > self._trained
        self._seen += int(drawn.sum())
        if (later := unseen(rows, self._since)) is not None:
            self.left += int((kept & drawn & ~later).sum())
            kept &= later
        self.health.add(rows if kept.all() else rows.take(kept))


def work(task: Work, told: Told = lambda rows: None) -> Worked:
    """Reads the log once; a function of a module, so that it can be done elsewhere."""
    health = HealthFold(task.log.n_arms) if task.health else None
    evaluated = Evaluated(task) if task.health and task.leaves_out else None
    pages = _told(_watched(checked(task.log.pages(), task.log, _checks(task)), health, evaluated), told)
    seen = 0
    for rows, q in _predicted(task, pages):
        first = min(max(task.trained - seen, 0), len(rows))
        seen += len(rows)
        if first:
            for target in task.targets:
                if target.learns:
                    target.learn(rows.take(slice(first)))
        if first < len(rows):
            rest = slice(first, None)
            _add(task, rows.take(rest), None if q is None else q[rest])
    return Worked(task.suites, health, evaluated)


def _checks(task: Work) -> list[Callable[[Rows], Fault | None]]:
    """Of columns that came along, before anything is cut or left out: then the number of a row is known."""
    model = [] if task.model in (FITTED, NONE) else [partial(rewards_fault, name=task.model)]
    return [*model, *(target.check for target in task.targets)]


def _add(task: Work, rows: Rows, q: Floats | None) -> None:
    later = unseen(rows, task.since)
    if later is not None:
        rows, q = rows.take(later), None if q is None else q[later]
    if not len(rows):
        return
    for target, suite in zip(task.targets, task.suites, strict=True):
        suite.add(weigh(rows, target.propensities(rows), q))


def survey(log: BanditLog, told: Told = lambda rows: None) -> HealthFold:
    """Looks after a log, and nothing else."""
    health = HealthFold(log.n_arms)
    for _ in _told(_watched(log.pages(), health, None), told):
        pass
    return health


def _watched(pages: Iterator[Rows], *folds: HealthFold | Evaluated | None) -> Iterator[Rows]:
    for rows in pages:
        for fold in folds:
            if fold is not None:
                fold.add(rows)
        yield rows


def _told(pages: Iterator[Rows], told: Told) -> Iterator[Rows]:
    done = 0
    for rows in pages:
        done += len(rows) + sum(rows.left_out.values())
        told(done)
        yield rows


def _drawn(pages: Iterator[Rows]) -> Iterator[Rows]:
    """Without the rows whose arm the policy did not draw: their propensity says nothing."""
    for rows in pages:
        if rows.fallback is not None and rows.fallback.any():
            yield rows.take(np.flatnonzero(~rows.fallback))
        elif len(rows):
            yield rows


def _predicted(task: Work, pages: Iterator[Rows]) -> Iterator[tuple[Rows, Floats | None]]:
    if task.model == NONE:
        return ((rows, None) for rows in _drawn(pages))
    if task.model == FITTED:
        return progressive(outcome_model(task.log.n_arms, task.log.head().contexts), pages)
    return ((rows, rows.columns[task.model]) for rows in _drawn(pages))
