"""What each variant would have earned, folded from the propensity log along with the primary goal's tally."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from banditcore.config import GoalSpec
from banditcore.context import ContextSchema
from banditcore.course import Course
from banditcore.estimators.off_policy import OffPolicy
from banditcore.experiments import Mask
from banditcore.learner import digest, pack, unpacked
from banditcore.storage.base import Reader
from banditcore.storage.tallied import Page, PageQuery, Tallied
from banditcore.types import Floats, Group


class Valuing:
    """Goes on from what is stored. Keeps what it last made, so that it need not be read back."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], tuple[bytes, OffPolicy]] = {}

    def add(self, reader: Reader, course: Course, goal: GoalSpec, query: PageQuery, page: Page) -> tuple[bytes, bytes]:
        """State and digest after the page."""
        fold = self._fold(reader, course, query)
        drawn = [row for row in page.rows if row.group == Group.POLICY and course.counts(row, goal)]
        for version, rows in groupby(drawn, key=lambda row: row.version):
            _fold(fold, course, goal, version, list(rows))
        state = fold.state()
        stamp = digest(state)
        self._made[query.stream, goal.name] = (stamp, fold)
        return pack(state), stamp

    def _fold(self, reader: Reader, course: Course, query: PageQuery) -> OffPolicy:
        stored = reader.off_policy(query.stream, query.goal)
        made = self._made.pop((query.stream, query.goal), None)
        if stored is None:
            return _new(course, query.stream)
        # What was made counts only if it was stored; somebody else may have been first.
        if made is not None and made[0] == stored[1]:
            return made[1]
        return read_back(*stored, query.stream)


def read_back(state: bytes, stamp: bytes, stream: int) -> OffPolicy:
    """What was stored. Raises StoreCorrupt when it is damaged."""
    return OffPolicy.from_state(unpacked(state, stamp, f"the off-policy tally of stream {stream}"))


@lru_cache(maxsize=16)
def to_look_at(state: bytes, stamp: bytes, stream: int) -> OffPolicy:
    """The same, not to be changed: it is asked for at every report, and at every look before."""
    return read_back(state, stamp, stream)


def _new(course: Course, stream: int) -> OffPolicy:
    row = next(row for row in course.rows if row.stream == stream)
    spec, arms = course.specs[row.version], course.arms[row.version]
    return OffPolicy(len(arms), ContextSchema(spec.context).n_features, arms.index(spec.control))


def _fold(fold: OffPolicy, course: Course, goal: GoalSpec, version: int, rows: Sequence[Tallied]) -> None:
    width = len(course.arms[version])
    if width > fold.n_arms:
        fold.grow(width)
    vectors, mask = np.zeros((len(rows), fold.n_arms)), np.zeros((len(rows), fold.n_arms), dtype=np.bool_)
    vectors[:, :width] = _rows(rows, "propensities")
    mask[:, :width] = list(_eligible(course, version, rows))
    earned = np.array([row.y for row in rows])
    fold.add(
        _rows(rows, "context"),
        [row.arm for row in rows],
        earned if goal.cap is None else np.minimum(earned, goal.cap),
        vectors,
        [course.bucket(row.unit.encode()) for row in rows],
        mask,
        np.array([bool(row.degraded) for row in rows]),
    )


def _rows(rows: Sequence[Tallied], name: str) -> Floats:
    packed = b"".join(getattr(row, name) for row in rows)
    return np.frombuffer(packed, dtype="<f8").reshape(len(rows), -1)


def _eligible(course: Course, version: int, rows: Sequence[Tallied]) -> Iterator[Mask]:
    offered = {variant.key for variant in course.specs[version].variants}
    default = np.array([key in offered for key in course.arms[version]])
    for row in rows:
        yield default if row.eligible is None else np.frombuffer(row.eligible, dtype=np.bool_)
