"""One policy's way through a log, once: the unit of work that `replay` gives to processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from banditcore.bandit_log import BanditLog, Rows, concatenated
from banditcore.estimators.off_policy.outcome_model import OutcomeModel
from banditcore.evaluation.spec import PolicySpec
from banditcore.types import Floats
from banditcore_simulations.acceptance import Chances, DoublyRobust, Learner, Match, Rejection, Rule

Method = Literal["match", "rejection", "dr_ns"]
NUMBERS_AT_ONCE = 2**20
"""Features that are copied at a time where the order of rows is another."""
FIRST_ROWS = 64
"""That the outcome model has not learned from; it learns again whenever its rows have grown by half."""
LARGEST_CHUNK = 2**20
"""Rows times arms at once: 8 MiB an array."""


@dataclass(frozen=True, slots=True)
class Task:
    """One repeat of one policy. Everything a process needs; what comes of it depends on nothing else."""

    spec: PolicySpec
    log: BanditLog
    n_features: int
    method: Method
    bound: float
    doubtful: bool
    quantile: tuple[float, float] | None
    seed: int
    repeat: int
    shuffled: bool
    in_memory: bool
    ticket: str
    """Equal for all tasks of one call: a process loads the log once for them."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """What came of a task."""

    value: float
    """NaN where no row was accepted."""
    accepted: int
    rows: int
    over: int
    largest: float
    beyond: float
    every: int
    sums: tuple[float, ...]
    """What accepted rows had earned after `every`, 2 `every`, .. of them."""
    counted: Floats
    """(2, CLUSTERS) what the value is made of, by group of units, as `Grouped` sums it."""
    learned: Floats
    """(2, CLUSTERS) the accepted rows likewise."""


def one_repeat(task: Task) -> Repeat:
    """Takes a fresh policy through the log. Raises InvalidInput where the log or the policy is none."""
    policy, rule = task.spec.make(task.log.n_arms, task.n_features), _rule(task)
    learner, uniforms, seeds = Learner(policy, rule), _stream(task, 1), _stream(task, 2)
    pages = _timed_pages(task)
    for rows, times, q in _expected(pages, task) if task.method == "dr_ns" else pages:
        n = len(rows)
        learner.follow(
            rows,
            Chances(
                uniforms.random(n),
                seeds.integers(0, 2**64, n, dtype=np.uint64) if policy.monte_carlo else None,
                times if policy.posterior.half_life else None,
                q,
            ),
        )
    return _told(learner, rule)


def _rule(task: Task) -> Rule:
    if task.method == "match":
        return Match()
    if task.method == "rejection":
        return Rejection(task.bound, task.doubtful)
    return DoublyRobust(task.bound, task.doubtful, task.quantile)


def _stream(task: Task, purpose: int) -> np.random.Generator:
    """Policies get the same random numbers in the same repeat, so that their differences scatter less."""
    return np.random.default_rng([task.seed, task.repeat, purpose])


def _told(learner: Learner, rule: Rule) -> Repeat:
    path = learner.path
    value = path.total / path.accepted if path.accepted else float("nan")
    counted = learned = learner.grouped.sums
    over, largest, beyond = 0, 0.0, 0.0
    if isinstance(rule, Rejection):
        over, largest, beyond = rule.over, rule.largest, rule.beyond
    if isinstance(rule, DoublyRobust) and path.accepted:
        value, counted = rule.value, rule.grouped.sums
    return Repeat(
        value, path.accepted, learner.rows, over, largest, beyond, path.every, tuple(path.sums), counted, learned
    )


# The rows

Piece = tuple[Rows, Floats, Floats | None]
"""Rows, their times and what was expected of them."""

_kept: dict[str, Rows] = {}


def keep(ticket: str, rows: Rows, doubtful: bool) -> None:
    """What tasks of this ticket find in this process; forgets what was kept before."""
    _kept.clear()
    _kept[ticket] = _lean(rows, doubtful)


def forget() -> None:
    _kept.clear()


def drawn(log: BanditLog) -> Iterator[Rows]:
    """Pages without the rows whose arm the policy did not draw, and without what no replay needs.

    Rows of a log without units are units of their own, numbered here: their order may change.
    """
    seen = 0
    for page in log.pages():
        rows = page if page.fallback is None else page.take(~page.fallback)
        if len(rows):
            units = np.arange(seen, seen + len(rows), dtype=np.uint64) if rows.units is None else rows.units
            yield replace(rows, columns={}, fallback=None, units=units)
            seen += len(rows)


def _lean(rows: Rows, doubtful: bool) -> Rows:
    """Without a mask where all arms are eligible in all rows, and without vectors that nothing is held against."""
    eligible = None if rows.eligible is None or rows.eligible.all() else rows.eligible
    return replace(rows, eligible=eligible, propensities=rows.propensities if doubtful else None)


def _timed_pages(task: Task) -> Iterator[Piece]:
    if task.in_memory:
        yield from _from_memory(task)
        return
    seen = 0
    for rows in drawn(task.log):
        yield _lean(rows, task.doubtful), _times(rows, seen), None
        seen += len(rows)


def _from_memory(task: Task) -> Iterator[Piece]:
    if task.ticket not in _kept:
        keep(task.ticket, concatenated(list(drawn(task.log))), task.doubtful)
    rows = _kept[task.ticket]
    order = _stream(task, 0).permutation(len(rows)) if task.shuffled else None
    times, step = _times(rows, 0), max(64, NUMBERS_AT_ONCE // max(1, rows.contexts[0].size))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        # Another order of rows has the times of the log all the same: they never run back.
        yield rows.take(part if order is None else order[part]), times[part], None


def _times(rows: Rows, before: int) -> Floats:
    """(n,) seconds; of a log without times, which no policy that asks for them is taken through, the row numbers."""
    return np.arange(before, before + len(rows), dtype=np.float64) if rows.times is None else rows.times


def _expected(pages: Iterator[Piece], task: Task) -> Iterator[Piece]:
    """Cut into pieces, with q (n, K) by a model of earlier rows; where pages end changes nothing."""
    model: OutcomeModel | None = None
    learned, size, waiting = 0, FIRST_ROWS, list[Rows]()
    most = max(FIRST_ROWS, LARGEST_CHUNK // task.log.n_arms)
    for rows, times, _ in pages:
        if model is None:
            model = OutcomeModel(task.log.n_arms, rows.contexts.shape[1] if rows.contexts.ndim == 2 else 0)
        start = 0
        while start < len(rows):
            part = slice(start, start + size - sum(map(len, waiting)))
            piece = rows.take(part)
            yield piece, times[part], model.predict(piece.contexts)
            waiting.append(piece)
            start += len(piece)
            if sum(map(len, waiting)) == size:
                _teach(model, waiting)
                learned, waiting = learned + size, []
                size = min(most, max(FIRST_ROWS, learned // 2))


def _teach(model: OutcomeModel, pieces: Sequence[Rows]) -> None:
    contexts, arms, rewards = ([getattr(rows, name) for rows in pieces] for name in ("contexts", "arms", "rewards"))
    model.learn(np.concatenate(contexts), np.concatenate(arms), np.concatenate(rewards))
