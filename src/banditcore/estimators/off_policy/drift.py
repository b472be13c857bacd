"""A log in the order it was written, in few blocks: whether its two halves earned the same."""

from __future__ import annotations

import math

import numpy as np

from banditcore.types import Floats

MOST_BLOCKS = 512


class Blocks:
    """Rows, rewards and squared rewards of consecutive stretches, (blocks, 3); the halves are told apart to 1 %."""

    def __init__(self) -> None:
        self.sums = np.empty((0, 3))

    def add(self, rewards: Floats) -> None:
        """Rewards (n,) of the n > 0 rows that follow: in many stretches at first, in one once there are many rows."""
        n = len(rewards)
        parts = min(-(-n * MOST_BLOCKS // (4 * (int(self.sums[:, 0].sum()) + n))), n)
        starts = np.arange(parts) * n // parts
        sums = [np.add.reduceat(column, starts) for column in (rewards, rewards * rewards)]
        self._append(np.column_stack([np.diff(starts, append=n), *sums]))

    def __add__(self, other: Blocks) -> Blocks:
        """This, followed by the other."""
        found = Blocks()
        found.sums = self.sums
        found._append(other.sums)
        return found

    def _append(self, more: Floats) -> None:
        found = np.concatenate([self.sums, more])
        while len(found) > MOST_BLOCKS:  # the two neighbours with the fewest rows become one
            at = int((found[:-1, 0] + found[1:, 0]).argmin())
            found[at] += found[at + 1]
            found = np.delete(found, at + 1, axis=0)
        self.sums = found

    def drift(self) -> float:
        """Mean reward of the second half less that of the first, in standard errors; NaN where neither varies."""
        ends = self.sums[:, 0].cumsum()
        if len(ends) < 2:
            return math.nan
        cut = 1 + int(np.abs(ends[:-1] - ends[-1] / 2.0).argmin())
        halves = [part.sum(axis=0) for part in (self.sums[:cut], self.sums[cut:])]
        means = [total / n for n, total, _ in halves]
        errors = [
            max(squares - n * mean * mean, 0.0) / n / max(n - 1.0, 1.0)
            for (n, _, squares), mean in zip(halves, means, strict=True)
        ]
        error = math.sqrt(sum(errors))
        return float(means[1] - means[0]) / error if error > 0.0 else math.nan
