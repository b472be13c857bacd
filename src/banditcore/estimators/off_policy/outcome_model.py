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
    """An arm's mean, shrunk to the overall mean, or a ridge regression on the features and a constant.

    The regression, arm by arm, where its squared errors on rows it had not learned yet are the smaller in sum: with
    rare outcomes and many features it is worse than nothing. Never where an arm has no more rows than there are
    features, where the matrices would be too large, and where a prediction is no finite number. Predictions lie within
    the outcomes seen so far; before the first they are 0. The regression starts from the first outcome ever seen, so
    that a constant added to all outcomes is added to all predictions after it.
    """

    def __init__(self, n_arms: int, n_features: int) -> None:
        self.n_features = n_features
        self.shown = np.zeros(n_arms)
        """(K,) rows learned of each arm."""
        self.rewards = np.zeros(n_arms)
        """(K,) sum of their outcomes."""
        self.range = np.zeros(2)
        self.origin = np.zeros(1)
        """What outcomes are counted from in the regression."""
        self.errors = np.zeros((2, n_arms))
        """(2, K) squared errors of the mean and of the regression, of rows that either could have predicted."""
        self.ridge = self._fresh(n_arms)

    def _fresh(self, n_arms: int) -> LinUCB | None:
        d = self.n_features
        return LinUCB(n_arms, d + 1, alpha=0.0, l2=1.0, floor=0.0) if d and n_arms * d * d <= LARGEST else None

    def predict(self, contexts: Floats) -> Floats:
        """(n, K) expected outcomes of contexts (n, d)."""
        found = np.tile(self._means(), (len(contexts), 1))
        better = self._known & (self.errors[1] < self.errors[0])
        if self.ridge is not None and better.any():
            scores = self._regressed(self.ridge, contexts)
            np.copyto(found, scores, where=better & np.isfinite(scores))
        return np.clip(found, *self.range, out=found)

    @property
    def _known(self) -> npt.NDArray[np.bool_]:
        """(K,) arms whose regression may be asked."""
        return self.shown > self.n_features

    def _regressed(self, ridge: LinUCB, contexts: Floats) -> Floats:
        scores = np.empty((len(contexts), ridge.n_arms))
        ridge.posterior.means(_with_constant(contexts), scores)
        scores += self.origin
        return scores

    def _means(self) -> Floats:
        total = self.shown.sum()
        overall = self.rewards.sum() / total if total else 0.0
        means: Floats = (self.rewards + PRIOR_ROWS * overall) / (self.shown + PRIOR_ROWS)
        return means

    def learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        """Folds n > 0 rows: contexts (n, d), arms (n,) that were shown, and their outcomes (n,)."""
        if not self.shown.any():
            self.origin[0] = rewards[0]
        if self.ridge is not None and self._known.any():
            self._compare(self.ridge, contexts, arms, rewards)
        low, high = rewards.min(), rewards.max()
        self.range[:] = (min(self.range[0], low), max(self.range[1], high)) if self.shown.any() else (low, high)
        self.shown += np.bincount(arms, minlength=len(self.shown))
        self.rewards += np.bincount(arms, rewards, minlength=len(self.shown))
        if self.ridge is not None:
            self.ridge.warm_start(_with_constant(contexts), arms, rewards - self.origin)
            if not all(np.isfinite(array).all() for array in self.ridge.posterior.arrays().values()):
                self.ridge = self._fresh(len(self.shown))

    def _compare(self, ridge: LinUCB, contexts: Floats, arms: Arms, rewards: Floats) -> None:
        """Which of the two would have come nearer to rows that neither has learned."""
        told = np.clip(self._regressed(ridge, contexts)[np.arange(len(arms)), arms], *self.range)
        fair = self._known[arms] & np.isfinite(told)
        for row, predicted in enumerate((self._means()[arms], told)):
            missed = np.where(fair, np.square(rewards - predicted), 0.0)
            self.errors[row] += np.bincount(arms, missed, minlength=len(self.shown))

    def grow(self, n_arms: int) -> None:
        """Arms up to `n_arms` join, without any row."""
        new = n_arms - len(self.shown)
        self.errors = np.pad(self.errors, ((0, 0), (0, new)))
        self.shown, self.rewards = np.pad(self.shown, (0, new)), np.pad(self.rewards, (0, new))
        old, self.ridge = self.ridge, self._fresh(n_arms)
        if self.ridge is not None and old is not None:
            self.ridge.resume(old.state())

    def state(self) -> State:
        ridge = {} if self.ridge is None else self.ridge.state()
        own = {key: getattr(self, key).copy() for key in ("shown", "rewards", "range", "origin", "errors")}
        return own | {_RIDGE + key: array for key, array in ridge.items()}

    def take(self, state: State) -> None:
        """Goes on from a `state()` of as many arms and features."""
        self.shown, self.rewards, self.range = (state[key].copy() for key in ("shown", "rewards", "range"))
        # A state of before the two were compared goes on with the means until the regression has proved better.
        self.errors = state.get("errors", np.zeros((2, len(self.shown)))).copy()
        # Regressions of before that counted from 0.
        self.origin = state.get("origin", np.zeros(1)).copy()
        if self.ridge is not None:
            ridge = {key.removeprefix(_RIDGE): array for key, array in state.items() if key.startswith(_RIDGE)}
            self.ridge.resume(ridge)


def _with_constant(contexts: Floats) -> Floats:
    return np.column_stack([contexts, np.ones(len(contexts))])
