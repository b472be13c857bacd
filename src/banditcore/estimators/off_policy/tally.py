"""What a log's doubly robust scores add up to: all that values and lifts are computed from.

Of arm a in one row, with the outcome r of the arm A that was shown with probability p_A, and q what was expected:

    score_a = q_a + 1[a = A] / p_A (r - q_A)          weight_a = 1[a = A] / p_A

Given all before, the score of a has the expectation "outcome, had a been shown", and the weight has 1.
"""

from __future__ import annotations

import numpy as np

from banditcore.checks import Arms, Mask
from banditcore.types import Floats

PER_ARM = (
    "rows",
    "missing",
    "score",
    "score2",
    "weight",
    "weight2",
    "heaviest",
    "inverse",
    "drawn",
    "chance",
    "noise",
    "error2",
)
LEAST = 1e-12
"""A probability below counts as none: its inverse would drown all else."""


class Tally:
    """Sums of one stream, or of several. All arrays are float64 and are the state itself.

    arms, (K,) each: `rows` in which the arm could be shown, rows in which it could not though it was there (`missing`),
    sum and sum of squares of its score, sum, sum of squares and largest of its weights, and the sum of 1/p
    (`inverse`), which is what the sum of squares of the weights has as its expectation; how often it was drawn, and
    the expectation and variance of that, sums of p (`chance`) and p (1 - p) (`noise`); and the sum of (r - q)^2 of the
    rows in which it was (`error2`). groups, (3, buckets): rows in
    which the control could be shown, their outcomes, and the control's scores, by hash of the unit. seen: all rows,
    and those that were no draw of the policy's, which are in nothing else.
    """

    def __init__(self, n_arms: int, buckets: int) -> None:
        self.arms = {name: np.zeros(n_arms) for name in PER_ARM}
        self.groups = np.zeros((3, buckets))
        self.seen = np.zeros(2)

    def grow(self, n_arms: int) -> None:
        self.arms = {name: np.pad(sums, (0, n_arms - len(sums))) for name, sums in self.arms.items()}

    def merge(self, other: Tally, where: Arms) -> None:
        """Adds the sums of other rows, whose arms have the distinct indices `where` here."""
        for name, sums in self.arms.items():
            theirs = other.arms[name]
            sums[where] = np.maximum(sums[where], theirs) if name == "heaviest" else sums[where] + theirs
        self.groups += other.groups
        self.seen += other.seen

    def count(
        self, q: Floats, arms: Arms, rewards: Floats, propensities: Floats, possible: Mask, units: Arms, control: int
    ) -> None:
        """Adds n rows that the policy drew: q, propensities and possible (n, K), the others (n,)."""
        n_arms, at = q.shape[1], np.arange(len(arms))
        possible = possible & (propensities >= LEAST)
        weights = np.zeros(len(arms))
        np.divide(1.0, propensities[at, arms], out=weights, where=possible[at, arms])
        expected = q[at, arms]
        shift = weights * (rewards - expected)

        def by_arm(values: Floats) -> Floats:
            return np.bincount(arms, values, minlength=n_arms).astype(np.float64, copy=False)

        base = np.where(possible, q, 0.0)
        sums, rows = self.arms, possible.sum(axis=0)
        sums["rows"] += rows
        sums["missing"] += len(arms) - rows
        sums["score"] += base.sum(axis=0) + by_arm(shift)
        sums["score2"] += np.einsum("nk,nk->k", base, base) + by_arm(shift * (2.0 * expected + shift))
        sums["weight"] += by_arm(weights)
        sums["weight2"] += by_arm(weights * weights)
        np.maximum.at(sums["heaviest"], arms, weights)
        sums["inverse"] += np.divide(1.0, propensities, out=np.zeros_like(q), where=possible).sum(axis=0)
        chances = np.where(possible, propensities, 0.0)
        sums["drawn"] += np.bincount(arms, possible[at, arms], minlength=n_arms)
        sums["error2"] += by_arm(np.where(weights > 0.0, np.square(rewards - expected), 0.0))
        sums["chance"] += chances.sum(axis=0)
        sums["noise"] += (chances * (1.0 - chances)).sum(axis=0)
        self.seen[0] += len(arms)
        self._group(possible[:, control], base[:, control] + np.where(arms == control, shift, 0.0), rewards, units)

    def skip(self, rows: int) -> None:
        """Counts rows that were no draw of the policy's."""
        self.seen += rows

    def _group(self, known: Mask, scores: Floats, rewards: Floats, units: Arms) -> None:
        for row, values in enumerate((np.ones(len(units)), rewards, scores)):
            self.groups[row] += np.bincount(units[known], values[known], minlength=self.groups.shape[1])
