"""Deletes decisions that are older than their experiment's retention; reports, models and audits go on.

A decision is deleted only once all tallies have counted it. The model is folded up to where the oldest decision
that is kept was made and saved there: that snapshot is the base, which the log begins with from then on, and only
what the base has learned is deleted. So a decision can be explained for as long as the retention says, and is gone
when, beyond that, the window of the learned goal has passed and the base has moved.
"""

from __future__ import annotations

from collections.abc import Callable

from banditcore.assignment import id_bound
from banditcore.config import RETENTION_MARGIN_S, ExperimentSpec, GoalSpec
from banditcore.experiments import Live, definition
from banditcore.learner import Fold
from banditcore.ledger import close_windows, closing_bound
from banditcore.recompute import live_versions
from banditcore.storage.base import Reader, SnapshotRow, Store, Transaction

BATCH = 500
"""Decisions deleted by one write: requests that come meanwhile wait for it."""
EVERY_S = 3_600.0
"""How often it is looked what has become too old; a retention below a day is looked after 24 times."""
_LOOK = 10_000
"""Kept decisions whose models are looked at: they are later the younger a decision is, but for processes at odds."""


class Retention:
    """Deletes step by step, so that learning goes on in between."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock
        self._due: dict[tuple[str, int], int] = {}
        """(experiment, version) -> when to look again."""

    def step(self, live: Live) -> bool:
        """Does the next bounded piece of work for an experiment; returns whether more is left."""
        keep_s, now_us = live.spec.retention_s, self._clock()
        key = (live.spec.name, live.version)
        if keep_s is None or now_us < self._due.get(key, 0):
            return False
        with self._store.read() as reader:
            versions = live_versions(reader, live.spec.name)
        before = _too_old(keep_s, versions, now_us)
        for stream in dict.fromkeys(version.stream for version in versions):
            if self._trim(live, [version for version in versions if version.stream == stream], before, now_us):
                return True
        self._due[key] = now_us + int(min(EVERY_S, keep_s / 24) * 1e6)
        return False

    def _trim(self, live: Live, versions: list[Live], before: bytes, now_us: int) -> bool:
        """The next piece of work for the stream of the versions; False when nothing is left to do."""
        newest = versions[-1]
        stream = newest.stream
        with self._store.read() as reader:
            if reader.last_decision(stream, before) is None:
                return False
            # The learner closes windows in the stream that it learns from only.
            due = stream != live.stream and reader.windows_due(stream, closing_bound(newest.spec.learned_goal, now_us))
        if due:
            self._store.write(lambda tx: close_windows(tx, stream, newest.spec, now_us), [stream]).result()
            return True
        if self._store.write(lambda tx: _delete(tx, newest, before), [stream]).result():
            return True
        return self._move_base(live, versions, before)

    def _move_base(self, live: Live, versions: list[Live], before: bytes) -> bool:
        stream = versions[-1].stream
        with self._store.read() as reader:
            base = reader.trimmed(stream).base
            row = _next_base(reader, live, versions, before)
        if row is None:
            return False
        self._store.write(lambda tx: tx.set_base(row, instead_of=base), [stream]).result()
        return True


def _goals(specs: list[ExperimentSpec]) -> list[GoalSpec]:
    """All goals there ever were; a name always means the same."""
    return list({goal.name: goal for spec in specs for goal in spec.goals}.values())


def _too_old(keep_s: float, versions: list[Live], now_us: int) -> bytes:
    """Ids below it are to be deleted; the windows of goals that were taken out count, too."""
    longest = max(goal.closes_s for goal in _goals([version.spec for version in versions]))
    return id_bound(int(now_us / 1e3 - max(keep_s, longest + RETENTION_MARGIN_S) * 1e3))


def _next_base(reader: Reader, live: Live, versions: list[Live], before: bytes) -> SnapshotRow | None:
    """The snapshot a page of lessons after the base, or less where a decision that is kept needs what comes then."""
    stream, trimmed = versions[-1].stream, reader.trimmed(versions[-1].stream)
    found = reader.oldest_model(stream, before, _LOOK)
    if found is not None:
        target, version = found
    elif stream == live.stream:
        # Nothing is kept, but decisions will be made, and with no earlier model.
        target, version = live.model.position if live.model else 0, live.version
    else:
        target, version = reader.stream_position(stream), versions[-1].version
    if not reader.lessons(stream, trimmed.base, 1, target).positions:
        return None
    # A definition that is older than the base's may know fewer variants than it does.
    folding = next(each for each in versions if each.version == max(version, trimmed.version))
    fold = Fold.start(reader, folding, up_to=target)
    fold.read(reader, stream, up_to=target)
    return fold.snapshot(folding)


def _delete(tx: Transaction, live: Live, before: bytes) -> int:
    """Deletes a batch; the definitions are read again, since another process may have added one."""
    goals = _goals([definition(row) for row in tx.versions(live.spec.name)])
    return tx.delete_decisions(live.stream, before, [goal.name for goal in goals], BATCH)
