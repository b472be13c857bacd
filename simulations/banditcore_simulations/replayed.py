"""What policies that learn along the way would have earned on a log.

A row of a log tells what one arm earned. A policy that learns may use it only if it would have had the row itself: by
drawing the same arm (`match`, Li, Chu, Langford, Wang 2011, arXiv:1003.5956), or with a probability that makes up for
what the log favoured (`rejection`). What it learned from then has the law of playing online, for as many steps as rows
were accepted. `dr_ns` learns the same way and counts the rejected rows too, by a model of the rewards.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from banditcore.bandit_log import BanditLog, Rows, concatenated
from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore.evaluated import NAN, Course, LogHealth, ReplayReport, Status
from banditcore.evaluation.spec import PolicySpec
from banditcore.evaluation.targets import check_times
from banditcore_simulations.trajectory import Method, Repeat, Task, drawn, forget, keep, one_repeat
from banditcore_simulations.uncertainty import margin

REPEATS = 20
LARGEST_IN_MEMORY = 2**30
"""Bytes of a log that is kept in memory, unless asked."""
LEAST_ACCEPTED, AMBER_ACCEPTED = 100, 1_000
MOST_BEYOND = 0.005
"""Of the policy's probability, on arms that the log gave less than 1 / M of it."""
POINTS = 50
UNIFORM_TOLERANCE = 1e-6

Run = Callable[[Callable[[Task], Repeat], Sequence[Task]], Sequence[Repeat]]


def one_by_one(function: Callable[[Task], Repeat], tasks: Sequence[Task]) -> Sequence[Repeat]:
    """In this process."""
    return [function(task) for task in tasks]


def replayed(
    log: BanditLog,
    policies: Sequence[PolicySpec],
    *,
    method: str = "auto",
    repeats: int = REPEATS,
    seed: int = 0,
    bound: float | None = None,
    quantile: tuple[float, float] | None = None,
    shuffle: bool | None = None,
    in_memory: bool | None = None,
    alpha: float = 0.05,
    health: LogHealth | None = None,
    run: Run = one_by_one,
) -> tuple[ReplayReport, ...]:
    """One report a policy, in their order. Raises InvalidInput that names the argument and the remedy.

    method: "auto" is "match" where every arm always had the same chance, else "rejection".
    bound: M, at least the largest P(arm | policy) / P(arm | log); by default 1 over the smallest propensity of the log,
    which is enough for every policy. quantile: (c_max, share) of `dr_ns`, see `DoublyRobust`; None keeps c = 1 / M.
    shuffle: whether each repeat takes the rows in another order, which only a log of a policy that did not learn
    allows; None does so where the log is uniform, is in memory and the policy has no half_life. Else the order is the
    log's, and repeats differ in their random numbers.
    in_memory: None keeps logs of up to 1 GB; others are read again for every repeat, page by page.
    health: of the log; where it is refused, all reports are.
    run: gives a function and its tasks to processes and returns their results in order, whatever the number.
    """
    check_count(repeats, "repeats", 2)
    check_count(seed, "seed", 0)
    check_number(alpha, "alpha", 0.0, 1.0, above=True)
    found, kept = _survey(log, in_memory)
    chosen = _method(method, found, bound, quantile)
    largest = 1.0 / found.least if bound is None else check_number(bound, "bound", 1.0)
    doubtful = quantile is not None or largest * found.least_possible < 1.0 - 1e-9
    ticket = uuid.uuid4().hex
    tasks = [
        Task(
            spec=spec,
            log=log,
            n_features=found.n_features,
            method=chosen,
            bound=largest,
            doubtful=doubtful,
            quantile=quantile,
            seed=seed,
            repeat=repeat,
            shuffled=shuffled,
            in_memory=kept is not None,
            ticket=ticket,
        )
        for spec in policies
        for shuffled in [_shuffles(spec, log, found, shuffle, kept is not None)]
        for repeat in range(repeats)
    ]
    if kept is not None:
        keep(ticket, kept, doubtful)
    try:
        done = list(run(one_repeat, tasks))
    finally:
        forget()
    starts = range(0, len(tasks), repeats)
    return tuple(_report(tasks[at], done[at : at + repeats], found, alpha, health) for at in starts)


# What the log is like


@dataclass(frozen=True, slots=True)
class _Survey:
    rows: int
    n_features: int
    total: float
    """Of the rewards, which lie between low and high."""
    low: float
    high: float
    least: float
    """Smallest propensity of an arm that was shown."""
    least_possible: float
    """Smallest of an eligible arm, shown or not."""
    uniform: bool
    """Every eligible arm had the same chance."""
    same: bool
    """And that was the same in all rows."""
    timed: bool
    """Every row has its time."""


def _survey(log: BanditLog, in_memory: bool | None) -> tuple[_Survey, Rows | None]:
    """One pass; the rows themselves too where they may be kept."""
    limit = {None: float(LARGEST_IN_MEMORY), True: math.inf, False: -1.0}[in_memory]
    pages, size, keeps = list[Rows](), 0, in_memory is not False
    facts = list[_Survey]()
    for rows in drawn(log):
        facts.append(_facts(rows, log.n_arms))
        size += _bytes(rows)
        keeps = keeps and size <= limit
        pages = [*pages, rows] if keeps else []
    if not facts:
        raise InvalidInput(f"{log.source} holds no decision that a policy drew.", field="log")
    return _joined(facts), concatenated(pages) if keeps else None


def _facts(rows: Rows, n_arms: int) -> _Survey:
    counts = np.full(len(rows), n_arms) if rows.eligible is None else rows.eligible.sum(axis=1)
    least = least_possible = float(rows.propensity.min())
    if rows.propensities is not None:
        possible = rows.propensities if rows.eligible is None else rows.propensities[rows.eligible]
        least_possible = min(least, float(possible.min()))
    uniform = bool((np.abs(rows.propensity * counts - 1.0) <= UNIFORM_TOLERANCE).all())
    return _Survey(
        rows=len(rows),
        n_features=rows.contexts.shape[-1],
        total=math.fsum(rows.rewards.tolist()),
        low=float(rows.rewards.min()),
        high=float(rows.rewards.max()),
        least=least,
        least_possible=least_possible,
        uniform=uniform,
        same=uniform and bool((counts == counts[0]).all()),
        timed=rows.times is not None,
    )


def _joined(facts: Sequence[_Survey]) -> _Survey:
    rows = sum(one.rows for one in facts)
    least, most = min(one.least for one in facts), max(one.least for one in facts)
    return _Survey(
        rows=rows,
        n_features=facts[0].n_features,
        total=math.fsum(one.total for one in facts),
        low=min(one.low for one in facts),
        high=max(one.high for one in facts),
        least=least,
        least_possible=min(one.least_possible for one in facts),
        uniform=all(one.uniform for one in facts),
        same=all(one.same for one in facts) and most - least <= UNIFORM_TOLERANCE,
        timed=all(one.timed for one in facts),
    )


def _bytes(rows: Rows) -> int:
    optional = (rows.propensities, rows.eligible, rows.units, rows.times)
    arrays = (rows.contexts, rows.arms, rows.rewards, rows.propensity, *optional)
    return sum(array.nbytes for array in arrays if array is not None)


# What is asked of it


def _method(method: str, found: _Survey, bound: float | None, quantile: tuple[float, float] | None) -> Method:
    if method not in ("auto", "match", "rejection", "dr_ns"):
        raise InvalidInput(f"method must be auto, match, rejection or dr_ns, found {method!r}.", field="method")
    if method == "match" and not found.same:
        why = "differs from row to row with the eligible arms" if found.uniform else "is not uniform"
        raise InvalidInput(
            f"method match needs a log in which every arm always had the same chance, and here it {why}: its value "
            'would be biased. Use method "rejection".',
            field="method",
        )
    if quantile is not None:
        if method != "dr_ns":
            raise InvalidInput("quantile is for method dr_ns.", field="quantile")
        check_number(quantile[0], "quantile", 0.0, 1.0, above=True)
        check_number(quantile[1], "quantile", 0.0, 1.0)
    chosen = method if method != "auto" else "match" if found.same and bound is None else "rejection"
    if bound is not None and (chosen == "match" or quantile is not None):
        raise InvalidInput("bound is for method rejection, and for dr_ns without a quantile.", field="bound")
    return chosen  # type: ignore[return-value]


def _shuffles(spec: PolicySpec, log: BanditLog, found: _Survey, asked: bool | None, kept: bool) -> bool:
    """Whether repeats of the policy differ in the order of rows; makes the policy once, to have its complaints now."""
    policy = spec.make_for(log, found.n_features)
    check_times(policy, found.timed, spec.label)
    if policy.reward_kind == "unit_interval" and (found.low < 0.0 or found.high > 1.0):
        raise InvalidInput(
            f"{spec.label} learns rewards in [0, 1], and the log has {found.low:g} to {found.high:g}: scale them or "
            "choose another policy.",
            field="policy",
        )
    if asked and not kept:
        raise InvalidInput(
            "shuffle needs the log in memory: leave it out, or ask for in_memory where there is room.", field="shuffle"
        )
    if asked is None:
        return kept and found.uniform and not policy.posterior.half_life
    return asked


# What came of it


def _report(task: Task, done: Sequence[Repeat], found: _Survey, alpha: float, health: LogHealth | None) -> ReplayReport:
    refused = _refusals(task, done, found, health)
    status, reasons = _judged(task, done, refused)
    values = [NAN] if refused else [one.value for one in done]
    value, spread = fmean(values), NAN if refused else stdev(values)
    room = NAN if refused else margin(spread, [one.counted for one in done], [one.learned for one in done], alpha)
    return ReplayReport(
        policy=task.spec.label,
        status=status,
        reasons=reasons,
        method=task.method,
        value=value,
        spread=spread,
        low=value - room,
        high=value + room,
        least=min(values),
        most=max(values),
        repeats=len(done),
        shuffled=task.shuffled,
        accepted=round(_accepted(done)),
        rows=done[0].rows,
        bound=1.0 / task.quantile[0] if task.quantile else task.bound,
        over=sum(one.over for one in done),
        logged=found.total / found.rows,
        course=Course((), (), (), ()) if refused else _course(done),
        notes=tuple(_notes(task, found, len(done))),
    )


def _accepted(done: Sequence[Repeat]) -> float:
    return fmean(one.accepted for one in done)


def _refusals(task: Task, done: Sequence[Repeat], found: _Survey, health: LogHealth | None) -> list[str]:
    """Why there is no value."""
    reasons = [] if health is None or health.status != "refused" else list(health.reasons)
    over, largest = sum(one.over for one in done), max(one.largest for one in done)
    beyond = fmean(one.beyond / one.rows for one in done)
    if over and task.quantile is None:
        reasons.append(
            f"bound {task.bound:g} is too small: {over:,} rows had a larger ratio, up to {largest:.6g}; "
            f"{1.0 / found.least:.6g}, one over the smallest propensity, is always enough"
        )
    # Where the bound was too small, that is why they seem to be beyond what the log shows.
    elif beyond > MOST_BEYOND and task.quantile is None:
        reasons.append(
            f"{beyond:.1%} of what the policy plays are arms that had so small a propensity, or none, that the log "
            "does not show what they earn"
        )
    if (accepted := _accepted(done)) < LEAST_ACCEPTED:
        hint = "a longer log is needed"
        if task.method != "match" and task.quantile is None:
            hint += (
                f", or one whose smallest propensity is larger: it is {found.least:.3g}, and so one row in "
                f"{task.bound:.6g} counts"
            )
        reasons.append(f"a repeat learned from {accepted:.0f} rows, and {LEAST_ACCEPTED} are the least: {hint}")
    return reasons


def _judged(task: Task, done: Sequence[Repeat], refused: Sequence[str]) -> tuple[Status, tuple[str, ...]]:
    if refused:
        return "refused", tuple(refused)
    reasons = []
    if (accepted := _accepted(done)) < AMBER_ACCEPTED:
        reasons.append(f"a repeat learned from {accepted:.0f} rows only: this is how the policy starts, no more")
    if any(one.over for one in done):
        reasons.append("the quantile rule cut the weight of some rows, which biases the value")
    return ("amber" if reasons else "green"), tuple(reasons)


def _course(done: Sequence[Repeat]) -> Course:
    """At about POINTS numbers of rows that all repeats came to."""
    every = max(one.every for one in done)
    last = min(one.accepted for one in done) // every
    marks = np.unique(np.linspace(1, last, POINTS).round().astype(int)) * every if last else np.empty(0, dtype=int)
    means = np.array([[one.sums[mark // one.every - 1] / mark for mark in marks] for one in done])
    columns = (means.mean(axis=0), means.min(axis=0), means.max(axis=0))
    mean, low, high = (tuple(map(float, column)) for column in columns)
    return Course(tuple(map(int, marks)), mean, low, high)


def _notes(task: Task, found: _Survey, repeats: int) -> list[str]:
    notes = [_order(task, found)]
    if task.method != "match":
        notes.append(
            f"M is {task.bound:g}: one row in so many is learned from, on average"
            if task.quantile is None
            else f"c is at most {task.quantile[0]:g}, and the quantile {task.quantile[1]:g} of p / pi"
        )
    notes.append(
        "the interval is of what the policy is expected to earn over logs like this one, for as many accepted rows: "
        "it does not shrink to nothing with more repeats; one run differs from that by the spread or more"
    )
    if repeats < REPEATS:
        notes.append(f"the spread of {repeats} repeats is itself uncertain: {REPEATS} are advised")
    return notes


def _order(task: Task, found: _Survey) -> str:
    if task.shuffled and found.uniform:
        return "each repeat takes the rows in another order, which a uniform log allows"
    if task.shuffled:
        return "each repeat takes the rows in another order, as asked: wrong if the policy that was logged has learned"
    return "repeats keep the order of the log and differ in their random numbers only"
