"""One stream of a policy's decisions, folded page by page into doubly robust sums."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from banditcore.checks import Arms, Mask, check_arms, check_contexts, check_count, check_eligible, check_vector
from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.outcome_model import OutcomeModel, State
from banditcore.estimators.off_policy.progressive import chunks
from banditcore.estimators.off_policy.tally import Tally
from banditcore.kernels import LIMIT
from banditcore.types import Floats


class OffPolicy:
    """Folds the decisions of the POLICY group, in the order of time, with their final outcomes.

    OffPolicy(n_arms, n_features, control, buckets=256): K arms, contexts of d numbers, `control` the control's index,
    and as many groups of units as `assignment.unit_bucket` makes. A row is scored by an outcome model made from earlier
    rows only, and then learned. What comes of it is a function of the pages in order; another split into pages gives
    other chunks and so, within its error, another result.

    Doubly robust scores with known propensities: Dudik, Langford, Li (2011), arXiv:1103.4601; with a model fitted on
    earlier rows of an adaptive log: Bibaut et al. (2021), arXiv:2106.00418.
    """

    def __init__(self, n_arms: int, n_features: int, control: int, buckets: int = 256) -> None:
        self.n_arms = check_count(n_arms, "n_arms", 1)
        self.n_features = check_count(n_features, "n_features", 0)
        self.control = check_count(control, "control", 0)
        self.buckets = check_count(buckets, "buckets", 2)
        if control >= n_arms:
            raise InvalidInput(f"control must be below n_arms = {n_arms}, found {control}.", field="control")
        self.model = OutcomeModel(n_arms, n_features)
        self.tally = Tally(n_arms, buckets)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """(K,) rows in which each arm was shown, those without a draw of the policy's included."""
        return self.model.shown.astype(np.int64)

    @property
    def raw_means(self) -> Floats:
        """(K,) mean outcome of those rows; NaN where there is none. Raw: biased by the policy's selection."""
        means: Floats = np.full(self.n_arms, np.nan)
        np.divide(self.model.rewards, self.model.shown, out=means, where=self.model.shown > 0.0)
        return means

    def add(
        self,
        contexts: npt.ArrayLike,
        arms: npt.ArrayLike,
        rewards: npt.ArrayLike,
        propensities: npt.ArrayLike,
        unit_buckets: npt.ArrayLike,
        eligible: npt.ArrayLike | None = None,
        fallback: npt.ArrayLike | None = None,
    ) -> None:
        """Folds n rows: contexts (n, d), arms (n,), rewards (n,), propensities (n, K), unit_buckets (n,) below buckets.

        eligible: (n, K) bool, None for all. Where an arm is not, or has no propensity, nothing is known of it.
        fallback: (n,) bool, rows whose arm the policy did not draw; they are counted and learned from, not scored.
        Raises InvalidInput that names the field, before anything has changed.
        """
        x = check_contexts(contexts, self.n_arms, self.n_features)
        rows = len(x)
        if x.ndim != 2:
            raise InvalidInput("contexts must be (n, d): features an arm are not supported here.", field="contexts")
        arm = check_arms(arms, rows, self.n_arms)
        reward = check_vector(rewards, "rewards", rows, -LIMIT, LIMIT)
        p = self._check_propensities(propensities, rows)
        unit = _check_buckets(unit_buckets, rows, self.buckets)
        mask = check_eligible(eligible, rows, self.n_arms)
        possible = np.ones((1, self.n_arms), dtype=np.bool_) if mask is None else mask
        possible = np.broadcast_to(possible, (rows, self.n_arms))
        drawn = np.ones(rows, dtype=np.bool_) if fallback is None else ~_check_flags(fallback, rows)
        for part in chunks(self.model, rows):
            self._fold(x[part], arm[part], reward[part], p[part], unit[part], possible[part], drawn[part])

    def _fold(self, x: Floats, arm: Arms, reward: Floats, p: Floats, unit: Arms, possible: Mask, drawn: Mask) -> None:
        q = self.model.predict(x)
        own = slice(None) if drawn.all() else np.flatnonzero(drawn)
        self.tally.count(q[own], arm[own], reward[own], p[own], possible[own], unit[own], self.control)
        self.tally.skip(len(arm) - int(drawn.sum()))
        self.model.learn(x, arm, reward)

    def _check_propensities(self, value: npt.ArrayLike, rows: int) -> Floats:
        found: Floats = np.asarray(value, dtype=np.float64)
        if found.shape != (rows, self.n_arms):
            raise InvalidInput(
                f"propensities has shape {found.shape}, expected ({rows}, {self.n_arms}).", field="propensities"
            )
        if not ((found >= 0.0) & (found <= 1.0)).all():
            raise InvalidInput("propensities must lie in [0, 1].", field="propensities")
        return found

    def grow(self, n_arms: int) -> None:
        """Arms up to `n_arms` join behind those there are; rows before say nothing of them."""
        if n_arms < self.n_arms:
            raise InvalidInput(f"n_arms must be at least {self.n_arms}, found {n_arms}.", field="n_arms")
        self.n_arms = check_count(n_arms, "n_arms", 1)
        self.model.grow(n_arms)
        self.tally.grow(n_arms)

    def state(self) -> State:
        """Everything needed to go on, as arrays that share no memory with this."""
        sizes = np.array([self.n_arms, self.n_features, self.control, self.buckets])
        arms = {f"arm.{name}": sums.copy() for name, sums in self.tally.arms.items()}
        model = {f"model.{name}": array for name, array in self.model.state().items()}
        return {"sizes": sizes, "groups": self.tally.groups.copy(), "seen": self.tally.seen.copy()} | arms | model

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What `state()` was taken from; goes on as if it had never stopped. InvalidInput where parts are missing."""
        try:
            found = cls(*(int(size) for size in state["sizes"]))
            found.tally.groups, found.tally.seen = state["groups"].copy(), state["seen"].copy()
            found.tally.arms = {name: state[f"arm.{name}"].copy() for name in found.tally.arms}
            found.model.take(_under("model.", state))
        except KeyError as error:
            raise InvalidInput(f"state lacks {error.args[0]}.", field="state") from None
        return found


def _under(prefix: str, state: State) -> State:
    return {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}


def _check_buckets(value: Any, rows: int, buckets: int) -> Arms:
    found = np.asarray(value)
    if found.shape != (rows,) or found.dtype.kind not in "iu" or not ((found >= 0) & (found < buckets)).all():
        raise InvalidInput(f"unit_buckets must be {rows} integers in 0..{buckets - 1}.", field="unit_buckets")
    return found.astype(np.int64)


def _check_flags(value: Any, rows: int) -> Mask:
    found = np.asarray(value)
    if found.shape != (rows,) or found.dtype != np.bool_:
        raise InvalidInput(f"fallback must be {rows} truth values.", field="fallback")
    return found
