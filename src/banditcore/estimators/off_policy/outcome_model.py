"""What an outcome was expected to be before it was seen: the q of doubly robust scores.

It only has to be predictable, made from earlier rows alone. Then the scores are valid however wrong it is, and scatter
the less the better it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.checks import Arms
from banditcore.policies import LinUCB
from banditcore.types import Floats

State = dict[str, npt.NDArray[Any]]
LARGEST = 131_072
"""Numbers K d d in the matrices of K regressions on d features; beyond, an arm's mean has to do."""
PRIOR_ROWS = 10.0
"""Rows of the overall mean that an arm's own mean starts from."""
_RIDGE = "ridge."


class OutcomeModel:
    """A ridge regression an arm on the features and a constant, or else the arm's mean, shrunk to the overall mean.

    Else: where an arm has no more rows than there are features, where the matrices would be too large, and where a
    prediction is no finite number. Predictions lie within the outcomes seen so far; before the first they are 0.
    """

    def __init__(self, n_arms: int, n_features: int) -> None:
        self.n_features = n_features
        self.shown = np.zeros(n_arms)
        """(K,) rows learned of each arm."""
        self.rewards = np.zeros(n_arms)
        """(K,) sum of their outcomes."""
        self.range = np.zeros(2)
        self.ridge = self._fresh(n_arms)

    def _fresh(self, n_arms: int) -> LinUCB | None:
        d = self.n_features
        return LinUCB(n_arms, d + 1, alpha=0.0, l2=1.0, floor=0.0) if d and n_arms * d * d <= LARGEST else None

    def predict(self, contexts: Floats) -> Floats:
        """(n, K) expected outcomes of contexts (n, d)."""
        found = np.tile(self._means(), (len(contexts), 1))
        known = self.shown > self.n_features
        if self.ridge is not None and known.any():
            scores = np.empty_like(found)
            self.ridge.posterior.means(_with_constant(contexts), scores)
            np.copyto(found, scores, where=known & np.isfinite(scores))
        return np.clip(found, *self.range, out=found)

    def _means(self) -> Floats:
        total = self.shown.sum()
        overall = self.rewards.sum() / total if total else 0.0
        means: Floats = (self.rewards + PRIOR_ROWS * overall) / (self.shown + PRIOR_ROWS)
        return means

    def learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        """Folds n > 0 rows: contexts (n, d), arms (n,) that were shown, and their outcomes (n,)."""
        low, high = rewards.min(), rewards.max()
        self.range[:] = (min(self.range[0], low), max(self.range[1], high)) if self.shown.any() else (low, high)
        self.shown += np.bincount(arms, minlength=len(self.shown))
        self.rewards += np.bincount(arms, rewards, minlength=len(self.shown))
        if self.ridge is not None:
            self.ridge.warm_start(_with_constant(contexts), arms, rewards)
            if not all(np.isfinite(array).all() for array in self.ridge.posterior.arrays().values()):
                self.ridge = self._fresh(len(self.shown))

    def grow(self, n_arms: int) -> None:
        """Arms up to `n_arms` join, without any row."""
        new = n_arms - len(self.shown)
        self.shown, self.rewards = np.pad(self.shown, (0, new)), np.pad(self.rewards, (0, new))
        old, self.ridge = self.ridge, self._fresh(n_arms)
        if self.ridge is not None and old is not None:
            self.ridge.resume(old.state())

    def state(self) -> State:
        ridge = {} if self.ridge is None else self.ridge.state()
        own = {"shown": self.shown.copy(), "rewards": self.rewards.copy(), "range": self.range.copy()}
        return own | {_RIDGE + key: array for key, array in ridge.items()}

    def take(self, state: State) -> None:
        """Goes on from a `state()` of as many arms and features."""
        self.shown, self.rewards, self.range = (state[key].copy() for key in ("shown", "rewards", "range"))
        if self.ridge is not None:
            ridge = {key.removeprefix(_RIDGE): array for key, array in state.items() if key.startswith(_RIDGE)}
            self.ridge.resume(ridge)


def _with_constant(contexts: Floats) -> Floats:
    return np.column_stack([contexts, np.ones(len(contexts))])
