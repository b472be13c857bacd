"""Which rows of a log a policy that learns may learn from, found block by block and in the order of the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from banditcore.bandit_log import Rows
from banditcore.checks import Arms, Seeds
from banditcore.kernels import first_below, first_match
from banditcore.policies import Policy
from banditcore.types import Floats
from banditcore_simulations.uncertainty import Grouped

LARGEST_BLOCK = 4_096
STRETCH = 1.25
MULTIPLE = 8
"""Kernels score so many rows together."""
POINTS = 1_024
"""Of a path, at most that many are kept."""


class Chances(NamedTuple):
    """What a row needs besides itself; drawn once for all rows, so that no block has a say in it."""

    uniform: Floats
    """(n,) in [0, 1)."""
    seeds: Seeds | None
    """(n,) for policies whose vectors are made of random numbers."""
    times: Floats | None
    """(n,) seconds, for policies with a half-life."""
    q: Floats | None = None
    """(n, K) expected outcomes, for the doubly robust value."""


class Rule(Protocol):
    """Which row of a block is the first to be accepted."""

    listens: bool
    """Whether `passed` must be told."""

    def limits(self, rows: Rows, uniform: Floats) -> Floats:
        """(n,) what `first` holds the vectors of these rows against."""

    def first(self, vectors: Floats, arms: Arms, limits: Floats, start: int) -> int:
        """Index in the block of vectors (m, K) that begins at row `start`, -1 for none; arms and limits are (n,)."""

    def passed(self, vectors: Floats, rows: Rows, start: int, q: Floats | None) -> None:
        """Hears of rows, the accepted one last, with the vectors (m, K) that they were decided by."""

    def learned(self) -> bool:
        """The last of them was accepted; True where limits have changed."""


class Match:
    """The target draws an arm as well, and the row counts where both are the same: for uniform logs."""

    listens = False

    def limits(self, rows: Rows, uniform: Floats) -> Floats:
        return uniform

    def first(self, vectors: Floats, arms: Arms, limits: Floats, start: int) -> int:
        return first_match(vectors, arms, limits, start)

    def passed(self, vectors: Floats, rows: Rows, start: int, q: Floats | None) -> None:
        pass

    def learned(self) -> bool:
        return False


class Rejection:
    """A row counts with probability pi(a|x) / (M p): what is left has the law of the target, whatever was logged.

    over: rows whose ratio pi / p exceeds M, `largest` the largest ratio, and `beyond` the sum over rows of what the
    target gives to arms that would have exceeded it, had they been shown. They are only counted where `doubtful`.
    """

    def __init__(self, bound: float, doubtful: bool) -> None:
        self.bound, self.doubtful, self.listens = bound, doubtful, doubtful
        self.over, self.largest, self.beyond = 0, 0.0, 0.0
        self._at = np.arange(LARGEST_BLOCK)

    def limits(self, rows: Rows, uniform: Floats) -> Floats:
        return uniform * (self.bound * rows.propensity)

    def first(self, vectors: Floats, arms: Arms, limits: Floats, start: int) -> int:
        return first_below(vectors, arms, limits, start)

    def passed(self, vectors: Floats, rows: Rows, start: int, q: Floats | None) -> None:
        if not self.doubtful:
            return
        part = slice(start, start + len(vectors))
        limit = self.bound * (1.0 + 1e-9)
        ratios = vectors[self._at[: len(vectors)], rows.arms[part]] / rows.propensity[part]
        self.over += int((ratios > limit).sum())
        self.largest = max(self.largest, float(ratios.max()))
        if rows.propensities is not None:
            self.beyond += float(vectors[vectors > limit * rows.propensities[part]].sum())

    def learned(self) -> bool:
        return False


class DoublyRobust(Rejection):
    """Rejection for what is learned; the value counts all rows, each by the model and its weighted error.

    The estimate of Dudik, Erhan, Langford, Li (2012), arXiv:1210.4862, algorithm DR-ns: rows that pass while the
    policy has learned t rows count c_t. c = 1 / bound always, or with a rule (c_max, share) the quantile p / pi that
    `share` of the rows so far have below, at most c_max: more rows are accepted, at a bias. It is set anew at the
    first acceptance after the rows have grown by a tenth.
    """

    def __init__(self, bound: float, doubtful: bool, rule: tuple[float, float] | None) -> None:
        super().__init__(1.0 / rule[0] if rule else bound, doubtful)
        self._rule = rule
        self._inverses: list[Floats] = []
        self._seen = self._due = 0
        self._total = self._weight = 0.0
        self.listens = True
        self.grouped = Grouped()
        """The scores, where rows have units."""

    def passed(self, vectors: Floats, rows: Rows, start: int, q: Floats | None) -> None:
        assert q is not None
        super().passed(vectors, rows, start, q)
        part, at = slice(start, start + len(vectors)), self._at[: len(vectors)]
        arms, share, count = rows.arms[part], 1.0 / self.bound, len(vectors)
        ratios = vectors[at, arms] / rows.propensity[part]
        scores = np.einsum("nk,nk->n", vectors, q) + ratios * (rows.rewards[part] - q[at, arms])
        # One by one, so that where a page ends leaves no trace in the last digit.
        for score in scores.tolist():
            self._total += share * score
            self._weight += share
        if rows.units is not None:
            self.grouped.add(rows.units[part], share, scores)
        if self._rule is not None:
            self._inverses.append(np.divide(1.0, ratios, out=np.full(count, np.inf), where=ratios > 0.0))
            self._seen += count

    @property
    def value(self) -> float:
        """Weighted mean of the scores so far."""
        return self._total / self._weight

    def learned(self) -> bool:
        if self._rule is None or self._seen < self._due:
            return False
        self._inverses = [np.concatenate(self._inverses)]
        most, share = self._rule
        self.bound = 1.0 / min(most, float(np.quantile(self._inverses[0], share, method="lower")))
        self._due = self._seen + self._seen // 10 + 1
        return True


class Path:
    """Sums of what accepted rows earned, kept at every 2^j-th of them."""

    def __init__(self) -> None:
        self.accepted, self.total, self.every = 0, 0.0, 1
        self.sums: list[float] = []
        """After `every`, 2 `every`, .. rows."""

    def add(self, reward: float) -> None:
        self.accepted += 1
        self.total += reward
        if self.accepted % self.every == 0:
            self.sums.append(self.total)
            if len(self.sums) == POINTS:
                self.sums, self.every = self.sums[1::2], 2 * self.every


class Learner:
    """A policy on its way through rows; the next block is scored before it is known which of them it learns from.

    Vectors of a block are those of its rows one by one up to the first that is accepted. The policy learns that one and
    goes on behind it, so what comes out is what a plain loop gives, to the last bit, whatever the blocks are.
    """

    def __init__(self, policy: Policy, rule: Rule) -> None:
        self.policy, self.rule, self.path, self.grouped = policy, rule, Path(), Grouped()
        self.rows = 0
        self._accepted: list[int] = []
        self._gap, self._since, self._block = float(policy.n_arms), 0, MULTIPLE

    def follow(self, rows: Rows, chances: Chances) -> None:
        """Takes the next rows."""
        rule, ask, uniform, q = self.rule, self._asker(rows, chances), chances.uniform, chances.q
        n, start, limits = len(rows), 0, rule.limits(rows, uniform)
        arms = np.ascontiguousarray(rows.arms, dtype=np.int64)  # a kernel reads it
        while start < n:
            stop = min(start + self._block, n)
            vectors = ask(start, stop)
            found = rule.first(vectors, arms, limits, start)
            count = stop - start if found < 0 else found + 1
            if rule.listens:
                rule.passed(vectors[:count], rows, start, None if q is None else q[start : start + count])
            start += count
            self._since += count
            if found >= 0 and self._learn(rows, start - 1, chances.times):
                limits = rule.limits(rows, uniform)
        self.rows += n
        self._group(rows)

    def _asker(self, rows: Rows, chances: Chances) -> Callable[[int, int], Floats]:
        """(start, stop) -> vectors of those rows, by the policy as it is then."""
        ask, contexts, eligible, seeds = self.policy.propensities, rows.contexts, rows.eligible, chances.seeds
        if eligible is None and seeds is None:
            return lambda start, stop: ask(contexts[start:stop])

        def with_more(start: int, stop: int) -> Floats:
            mask = None if eligible is None else eligible[start:stop]
            return ask(contexts[start:stop], mask, seeds=None if seeds is None else seeds[start:stop])

        return with_more

    def _learn(self, rows: Rows, row: int, times: Floats | None) -> bool:
        this = slice(row, row + 1)
        when = None if times is None else times[this]
        self.policy.update(rows.contexts[this], rows.arms[this], rows.rewards[this], None, when)
        self.path.add(float(rows.rewards[row]))
        self._accepted.append(row)
        self._gap += 0.05 * (self._since - self._gap)
        self._since = 0
        self._block = _block(self._gap)
        return self.rule.learned()

    def _group(self, rows: Rows) -> None:
        """Sums what was accepted of these rows."""
        if rows.units is not None:
            self.grouped.add(rows.units[self._accepted], 1.0, rows.rewards[self._accepted])
        self._accepted.clear()


def _block(gap: float) -> int:
    """Rows to score at once: about the distance between accepted ones. Longer is thrown away, shorter costs calls."""
    rows = int(STRETCH * gap)
    return max(1, rows) if rows < MULTIPLE // 2 else min(LARGEST_BLOCK, MULTIPLE * (1 + rows // MULTIPLE))
