"""Whether a log can carry an evaluation at all, before anything is estimated from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

import numpy as np

from banditcore.bandit_log import HOLDOUT, NOT_FINAL, Rows
from banditcore.checks import check_count
from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.arm_sums import ArmSums
from banditcore.estimators.off_policy.capabilities import Facts, can, cannot
from banditcore.estimators.off_policy.drift import Blocks
from banditcore.estimators.off_policy.limits import LEAST_UNITS, MOST_DRIFT, MOST_FALLBACK, MOST_STEPS_BACK, most_errors
from banditcore.estimators.off_policy.repeats import Repeats
from banditcore.estimators.off_policy.sums import Sums, pieces
from banditcore.estimators.off_policy.units import DistinctUnits
from banditcore.estimators.off_policy.weighted import cluster_of
from banditcore.evaluated import NAN, ArmHealth, LogHealth, Status

MOST_LEFT_OUT = 0.05
MOST_OF_A_UNIT = 0.05
CERTAIN = 1.0 - 1e-12
_UNLESS = ", unless it could not always be shown: then the log has to say when (eligible)"


class HealthFold:
    """Folds the pages of a log of `n_arms` variants, in order. `a + b` is a log's first part and the one that follows.

    Rows that the policy did not draw are counted, and used for nothing else.
    """

    def __init__(self, n_arms: int) -> None:
        self.n_arms = check_count(n_arms, "n_arms", 1)
        self.rows = self.fallbacks = self.certain = self.steps_back = 0
        self.arms, self.rewards = ArmSums(n_arms), Sums(1)
        self.units, self.repeats, self.blocks = DistinctUnits(), Repeats(), Blocks()
        self.has_units = self.has_vectors = self.has_times = self.own_features = self.uniform = True
        self.least_propensity = 1.0
        self.least_reward, self.most_reward = math.inf, -math.inf
        self.first_time = self.last_time = NAN
        self.left_out: dict[str, int] = {}

    def add(self, rows: Rows) -> None:
        """Folds n rows, as they were written."""
        self.left_out = _added(self.left_out, rows.left_out)
        if rows.fallback is not None and rows.fallback.any():
            self.fallbacks += int(rows.fallback.sum())
            rows = rows.take(~rows.fallback)
        if not len(rows):
            return
        self.has_units &= rows.units is not None
        self.has_vectors &= rows.propensities is not None
        self.has_times &= rows.times is not None
        self.own_features &= rows.contexts.ndim == 3
        if rows.units is not None:
            self.units.add(rows.units)
        self.repeats.look(rows.propensity)
        for part in pieces(len(rows)):
            self._fold(rows.take(part))

    def _fold(self, piece: Rows) -> None:
        self.rows += len(piece)
        clusters = None if piece.units is None or not self.has_units else cluster_of(piece.units)
        with np.errstate(over="ignore", divide="ignore"):  # of propensities beyond reason
            self.arms.add(piece, clusters)
        if not self.has_units:
            self.rewards.ungroup()
            self.arms.ungroup()
        self.rewards.add(piece.rewards[None], clusters)
        self.blocks.add(piece.rewards)
        self.repeats.count(piece.propensity)
        least = float(piece.propensity.min())
        self.least_propensity = min(self.least_propensity, least)
        self.certain += int((piece.propensity >= CERTAIN).sum())
        self.uniform = self.uniform and self._is_uniform(piece)
        self.least_reward = min(self.least_reward, float(piece.rewards.min()))
        self.most_reward = max(self.most_reward, float(piece.rewards.max()))
        if piece.times is not None:
            self.steps_back += int((np.diff(piece.times) < 0.0).sum()) + bool(piece.times[0] < self.last_time)
            self.first_time = piece.times[0] if math.isnan(self.first_time) else self.first_time
            self.last_time = float(piece.times[-1])

    def _is_uniform(self, piece: Rows) -> bool:
        """Whether every arm that could be shown had the same chance."""
        possible = self.n_arms if piece.eligible is None else piece.eligible.sum(axis=1)
        return bool((np.abs(piece.propensity * possible - 1.0) <= 1e-6).all())

    def __add__(self, other: HealthFold) -> HealthFold:
        """The health of this log's rows followed by the other's. Raises InvalidInput where the variants differ."""
        if self.n_arms != other.n_arms:
            raise InvalidInput(f"both must be of {self.n_arms} arms, found {other.n_arms}.", field="n_arms")
        found = deepcopy(self if self.rows else other)
        if self.rows and other.rows:
            found._follow(other)
        found.fallbacks = self.fallbacks + other.fallbacks
        found.left_out = _added(self.left_out, other.left_out)
        return found

    def _follow(self, other: HealthFold) -> None:
        """Takes in the rows that followed."""
        for name in ("has_units", "has_vectors", "has_times", "own_features", "uniform"):
            setattr(self, name, getattr(self, name) and getattr(other, name))
        theirs = deepcopy(other.rewards)
        if not self.has_units:
            self.rewards.ungroup()
            theirs.ungroup()
        self.rewards = self.rewards + theirs
        for name in ("arms", "units", "repeats", "blocks", "rows", "certain"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.least_propensity = min(self.least_propensity, other.least_propensity)
        self.least_reward = min(self.least_reward, other.least_reward)
        self.most_reward = max(self.most_reward, other.most_reward)
        self.steps_back += other.steps_back + bool(other.first_time < self.last_time)
        self.last_time = other.last_time

    def report(self, variants: Sequence[str]) -> LogHealth:
        """What the log is worth; variants: K keys by arm."""
        if len(variants) != self.n_arms:
            raise InvalidInput(f"variants must be {self.n_arms} keys, found {len(variants)}.", field="variants")
        arms, n = self.arms.health(tuple(variants)), max(self.rows, 1)
        wrong = tuple(self._wrong(arms))
        refused, amber = (*wrong, *self._refuses()), tuple(self._warns())
        status: Status = "refused" if refused else "amber" if amber else "green"
        facts = self._facts(not wrong)
        return LogHealth(
            rows=self.rows,
            left_out=dict(self.left_out),
            status=status,
            reasons=(*refused, *amber),
            can=can(facts),
            cannot=cannot(facts),
            arms=arms,
            units=self._units,
            has_units=facts.units,
            largest_unit=self._largest_unit,
            has_vectors=facts.vectors,
            has_times=facts.times,
            steps_back=self.steps_back,
            fallback_share=self._fallback_share,
            repeated=self.repeats.largest / n,
            certain=self.certain / n,
            drift=self._drift(),
            mean_reward=float(self.rewards.mean[0]),
            reward_error=self.rewards.error(np.ones(1)),
            least_reward=self.least_reward if self.rows else NAN,
            most_reward=self.most_reward if self.rows else NAN,
            wrong_propensities=bool(wrong),
        )

    @property
    def _units(self) -> int:
        return self.units.count if self.has_units and self.rows else self.rows

    @property
    def _largest_unit(self) -> float:
        groups = self.rewards.groups
        return NAN if groups is None or not self.has_units else float(groups[:, 0].max()) / self.rows

    @property
    def _fallback_share(self) -> float:
        return self.fallbacks / max(self.rows + self.fallbacks, 1)

    def _drift(self) -> float:
        """Units that come back make rows alike, so the error of a difference grows as that of the mean does."""
        found = self.blocks.drift()
        n, total, squares = self.blocks.sums.sum(axis=0)
        by_row = math.sqrt(max(squares / max(n, 1.0) - (total / max(n, 1.0)) ** 2, 0.0) / max(n - 1.0, 1.0))
        error = self.rewards.error(np.ones(1))
        return found * by_row / error if self.has_units and error > by_row else found

    def _wrong(self, arms: Sequence[ArmHealth]) -> Iterator[str]:
        """Why the propensities are not what was drawn from."""
        worst = _off(arms)
        if worst is not None:
            yield (
                f"the propensities cannot be right: {worst.variant} was shown {worst.shown} times, and the mean of "
                f"1[shown] / p is {worst.inverse:.3f} and not 1 ({worst.surprise:.1f} standard errors off)"
                + ("" if self.has_vectors or worst.inverse > 1.0 else _UNLESS)
            )

    def _refuses(self) -> Iterator[str]:
        if not self.rows:
            yield "there is no decision that the policy drew"
            return
        if self._fallback_share > MOST_FALLBACK:
            share = f"{100.0 * self._fallback_share:.1f} %"
            yield f"{share} of the decisions were not drawn by the policy, and 5 % is the limit"
        if self._units < LEAST_UNITS:
            what = "units" if self.has_units else "rows"
            yield f"there are {self._units} {what} of the {LEAST_UNITS} needed"
        if self.certain == self.rows:
            yield "every propensity is 1: nothing else was tried, so nothing is known of any other policy"

    def _warns(self) -> Iterator[str]:
        # The holdout is random, and windows that are open are those of the newest rows: neither spoils the others.
        left = sum(rows for reason, rows in self.left_out.items() if reason not in (HOLDOUT, NOT_FINAL))
        read = self.rows + self.fallbacks + left
        if left > MOST_LEFT_OUT * read:
            yield f"{100.0 * left / read:.1f} % of the rows were left out, and those may be unlike the others"
        if self.steps_back > MOST_STEPS_BACK * self.rows:
            share = f"{100.0 * self.steps_back / self.rows:.1f} %"
            yield (
                f"{share} of the rows are earlier than the one before: sort the log by time, since training and the "
                "model take what stands first as earlier"
            )
        drift = self._drift()
        if abs(drift) > MOST_DRIFT:
            side = "more" if drift > 0.0 else "less"
            yield (
                f"its second half earned {side} than its first, by {abs(drift):.1f} standard errors: a figure is an "
                "average over both, so evaluate the latest rows alone if what comes next is like them"
            )
        if self._largest_unit > MOST_OF_A_UNIT:
            share = f"{100.0 * self._largest_unit:.1f} %"
            yield f"{share} of the rows are of one group of units, so that errors may be too small"

    def _facts(self, sound: bool) -> Facts:
        any_rows = self.rows > 0
        return Facts(
            sound=sound and any_rows,
            uniform=self.uniform and any_rows,
            least=self.least_propensity,
            certain=any_rows and self.certain == self.rows,
            vectors=self.has_vectors and any_rows,
            units=self.has_units and any_rows,
            times=self.has_times and any_rows,
            own_features=self.own_features and any_rows,
        )


def _off(arms: Sequence[ArmHealth]) -> ArmHealth | None:
    """The variant whose propensities are farthest from what was drawn, if that is beyond chance."""
    known = [arm for arm in arms if not math.isnan(arm.surprise)]
    worst = max(known, key=lambda arm: arm.surprise, default=None)
    return worst if worst is not None and worst.surprise > most_errors(len(arms)) else None


def wrong_propensities(health: LogHealth) -> bool:
    """Whether some variant was shown more or less often than by its propensities, beyond chance."""
    return health.wrong_propensities or _off(health.arms) is not None


def _added(mine: Mapping[str, int], theirs: Mapping[str, int]) -> dict[str, int]:
    return {reason: mine.get(reason, 0) + theirs.get(reason, 0) for reason in {**mine, **theirs}}
