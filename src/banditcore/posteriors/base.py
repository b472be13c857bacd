"""What is believed about the rewards: regression models with a mean and a width for every arm's score.

A policy is a posterior and a rule that explores with it; the same posterior serves several rules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from math import ldexp
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from banditcore.checks import Arms, check_count, check_number
from banditcore.errors import InvalidInput
from banditcore.kernels.models import Model
from banditcore.types import Floats

State = dict[str, npt.NDArray[Any]]
TICKS = 64
"""Steps a half-life is made of: between two of them nothing fades, which is off by 1.1 % at most."""
FADE = 0.9892280131939755
"""2 ** (-1 / TICKS), spelt out since maths libraries differ in the last digit."""
SHORTEST = 0.001
"""Seconds; shorter half-lives would run out of ticks."""
LEAST_L2 = 1e-12
"""Smallest regulariser: below, a direction that was never seen is so wide that products leave the range of floats."""
NO_TICK = np.iinfo(np.int64).min


class Posterior(ABC):
    """Learns from rows and scores contexts, given as checked arrays: (n, d), or (n, K, d) with features an arm.

    half_life: seconds after which what was learned weighs half, 0 for never. Fading follows the times of the rows,
    never a clock, in TICKS steps a half-life, and puts the prior back as it takes data away: otherwise the width in
    directions that are no longer seen would grow without bound.

    Learned arrays have the arm along axis 0 in `arrays` and no arm axis in `common`; `derived` ones follow from
    them. None are copies: writing into `arrays` and `common` and calling `reloaded` loads a state.
    """

    name: ClassVar[str]
    params: ClassVar[tuple[str, ...]]
    """Keyword arguments of the constructor, each kept as an attribute of the same name."""
    serving_params: ClassVar[frozenset[str]] = frozenset()
    """Those `params` that change scores but not what is learned."""
    per_arm_params: ClassVar[frozenset[str]] = frozenset()
    reward_kind: ClassVar[Literal["any", "unit_interval"]] = "any"
    needs_context: ClassVar[bool] = True
    shares: bool = False
    """True where an arm that was never seen is scored by what the others taught."""
    own_features_only: bool = False
    """True where one context for all arms would leave them indistinguishable."""

    def __init__(self, n_arms: int, n_features: int, *, half_life: float) -> None:
        self.n_arms = check_count(n_arms, "n_arms", 1)
        self.n_features = check_count(n_features, "n_features", int(self.needs_context))
        self.half_life = check_number(half_life, "half_life", 0.0)
        if 0.0 < self.half_life < SHORTEST:
            raise InvalidInput(
                f"half_life must be 0 or at least {SHORTEST} s, found {self.half_life}.", field="half_life"
            )
        self._tick = np.array(NO_TICK, dtype=np.int64)

    @classmethod
    def size(cls, n_arms: int, n_features: int, params: Mapping[str, Any]) -> int:
        """Bytes of the learned arrays, about."""
        return 0

    @classmethod
    def example_params(cls, n_arms: int) -> dict[str, Any]:
        """Arguments to show and test it with, where the defaults do not suffice."""
        return {}

    @abstractmethod
    def means(self, contexts: Floats, out: Floats) -> None:
        """out (n, K) <- expected rewards."""

    @abstractmethod
    def moments(self, contexts: Floats, scale: float, mean: Floats, sd: Floats) -> None:
        """(n, K) each <- mean and scale * standard deviation of what Thompson sampling compares, at noise 1."""

    @abstractmethod
    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None: ...

    @abstractmethod
    def _fade(self, g: float) -> None:
        """What was seen weighs g in [0, 1] of before, and the prior takes its place."""

    @abstractmethod
    def arrays(self) -> State: ...

    def common(self) -> State:
        return {"tick": self._tick}

    def seen(self) -> float:
        """Rows learned, each as far as it has not faded."""
        return 0.0

    def derived(self) -> State:
        return {}

    def enlarged(self, known: int) -> None:  # noqa: B027 - most need nothing
        """Arms from `known` on are new: puts them where they would be had they been there, unseen, from the start.

        When an arm was added is not in the log, so no byte may depend on it.
        """

    def reloaded(self) -> None:  # noqa: B027 - most keep nothing derived
        """Makes `derived` follow arrays that were written to."""

    def noise_variance(self, shape: float = 0.0, scale: float = 0.0) -> float:
        """Estimated variance of a reward around its mean, in its squared unit; 1 where the model fixes it."""
        return 1.0

    def learn(self, contexts: Floats, arms: Arms, rewards: Floats, times: Floats | None) -> None:
        """Folds n rows in order. Raises InvalidInput, before anything changes, where they lack times or features."""
        self._check(contexts)
        if self.half_life == 0.0 or not len(arms):
            self._learn(contexts, arms, rewards)
            return
        if times is None:
            raise InvalidInput("times is required with a half_life: seconds, one a row.", field="times")
        for start, stop, g in self._epochs(times):
            if g < 1.0:
                self._fade(g)
            self._learn(contexts[start:stop], arms[start:stop], rewards[start:stop])

    @property
    def pace(self) -> float:
        """Ticks a second; 0 where nothing fades."""
        return TICKS / self.half_life if self.half_life else 0.0

    @property
    def tick(self) -> npt.NDArray[np.int64]:
        """() the one of the latest row; NO_TICK before the first."""
        return self._tick

    def rows_to_tuning(self) -> int:
        """Rows until the one after which it tunes itself, that one included; 0: never."""
        return 0

    def model(self, *, per_arm: bool = False) -> Model | None:
        """The same memory for compiled loops, one context at a time, (K, d) with per_arm; None: there is no such."""
        return None

    def learn_at_once(self, contexts: Floats, arms: Arms, rewards: Floats, times: Floats | None) -> None:
        """As `learn`, equal up to rounding, and faster where the rows can be summed first."""
        self.learn(contexts, arms, rewards, times)

    def _epochs(self, times: Floats) -> Iterator[tuple[int, int, float]]:
        """(start, stop, factor to fade by before) of rows within one tick; time never runs back."""
        ticks = np.floor(times * self.pace).astype(np.int64)
        ticks = np.maximum(np.maximum.accumulate(ticks), self._tick)
        starts = np.flatnonzero(np.diff(ticks, prepend=ticks[0] - 1))
        for start, stop in zip(starts, [*starts[1:], len(ticks)], strict=True):
            passed = 0 if self._tick == NO_TICK else int(ticks[start] - self._tick)
            self._tick[...] = ticks[start]
            yield int(start), int(stop), faded(passed)

    def _check(self, contexts: Floats) -> None:  # noqa: B027 - most take any
        """Raises InvalidInput for contexts that it cannot learn from."""

    def merge(self, other: Self) -> None:
        """Adds what `other`, of the same class and prior, has learned from other rows; `other` is used up.

        With a half-life both are first brought to the later of their times.
        """
        self._check_mergeable(other)
        latest = max(int(self._tick), int(other._tick))
        for one in (self, other):
            if int(one._tick) not in (NO_TICK, latest):
                one._fade(faded(latest - int(one._tick)))
            one._tick[...] = latest
        self._merge(other)

    def _check_mergeable(self, other: Self) -> None:  # noqa: B027 - most take all of their kind
        """Raises InvalidInput where `other` started from another prior."""

    @abstractmethod
    def _merge(self, other: Self) -> None:
        """Adds the sums of `other`, which are of the same time."""

    def contributions(self, context: Floats) -> Floats | None:
        """(K, d) coefficient * value for one context (d,) or (K, d); None where the score is not linear."""
        return None


def faded(ticks: int) -> float:
    """2 ** (-ticks / TICKS), by products only, so that every machine gets the same number."""
    g = ldexp(1.0, -min(ticks // TICKS, 1074))
    for _ in range(ticks % TICKS):
        g *= FADE
    return g


def log(x: float) -> float:
    """The natural logarithm, rounded correctly: maths libraries differ in the last digit, and in what a CPU gets."""
    return float(_DIGITS.ln(Decimal(x)))


_DIGITS = Context(prec=40)
