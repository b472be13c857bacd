"""What every estimator of a target's value has in common: sums of columns, and a function of their means."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from copy import copy
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import stdtrit

from banditcore.errors import InvalidInput
from banditcore.estimators.lift.confidence_sequence import boundary
from banditcore.estimators.off_policy.limits import NARROWEST_AT
from banditcore.estimators.off_policy.slope import chosen
from banditcore.estimators.off_policy.sums import PIECE, Sums, pieces
from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats

Tuning = float | Literal["slope"]
Interval = tuple[float, float]


class Estimator(ABC):
    """Streams rows of one target into its value: `add`, then ask. Without rows everything is NaN.

    A subclass names itself and gives the formula: `columns`, m numbers a row, and where the value is not the mean of
    the first, `combine` and `gradient` of the m means. The variance is that of the linearisation, between units where
    they are known. `a + b` is the estimator of both's rows.
    """

    name: ClassVar[str]
    role: ClassVar[Literal["main", "sensitivity"]] = "sensitivity"
    needs_model: ClassVar[bool] = False
    """Whether it needs `expected` and `residual`."""
    biased: ClassVar[bool] = False
    """Whether it is so even with right propensities; its error says nothing of that."""
    translates: ClassVar[bool] = True
    """Whether a constant added to all rewards, and to the model, is added to the value and changes no error."""

    def __init__(self, width: int = 1) -> None:
        self.width = width
        self.sums = Sums(width + 1)  # the last is the reward, for the gain

    @abstractmethod
    def columns(self, weighted: Weighted, out: Floats) -> None:
        """Writes (m, n) numbers for n rows into `out`."""

    def combine(self, mean: Floats) -> float:
        """The value that the means (m,) have."""
        return float(mean[0])

    def gradient(self, mean: Floats) -> Floats:
        """(m,) its derivatives."""
        found: Floats = np.eye(self.width)[0]
        return found

    @property
    def parameter(self) -> float:
        """The clip, threshold or shrinkage in use; NaN where there is none."""
        return math.nan

    @property
    def rows(self) -> int:
        return self.sums.n

    def add(self, weighted: Weighted, by_unit: bool = True) -> None:
        """Folds n rows. by_unit: whether its clusters are units; if not, they only serve to resample.

        Raises InvalidInput where it needs a model and there is none.
        """
        if self.needs_model and (weighted.expected is None or weighted.residual is None):
            raise InvalidInput(
                f"{self.name} needs an outcome model and whole vectors of the target: weigh(rows, target, q).",
                field="q",
            )
        scratch = np.empty((self.width + 1, min(PIECE, len(weighted))))
        for part in pieces(len(weighted)):
            piece = weighted.take(part)
            out = scratch[:, : len(piece)]
            self.columns(piece, out[:-1])
            out[-1] = piece.reward
            self.sums.add(out, piece.clusters, by_unit)

    def value(self) -> float:
        """Mean reward of a decision of the target."""
        return self.combine(self.sums.mean[:-1]) if self.rows else math.nan

    def standard_error(self) -> float:
        return self.sums.error(self._gradient(0.0))

    def interval(self, alpha: float = 0.05) -> Interval:
        """Covers the value with probability 1 - alpha at one look; with Student's quantile of the units less one."""
        return self._around(self.value(), self._at_once(alpha) * self.standard_error())

    def anytime(self, alpha: float = 0.05) -> Interval:
        """Covers it at all looks together, asymptotically: `lift.confidence_sequence`, tuned to `NARROWEST_AT` rows."""
        return self._around(self.value(), self._always(alpha) * self.standard_error())

    def even_units(self) -> float:
        """See `Sums.even_units`."""
        return self.sums.even_units(self._gradient(0.0))

    def gain(self) -> float:
        """The value less the mean reward of the log."""
        return self.value() - float(self.sums.mean[-1])

    def gain_error(self) -> float:
        """Of the paired difference: rows that are good for both do not count."""
        return self.sums.error(self._gradient(-1.0))

    def gain_interval(self, alpha: float = 0.05) -> Interval:
        return self._around(self.gain(), self._at_once(alpha) * self.gain_error())

    def gain_anytime(self, alpha: float = 0.05) -> Interval:
        return self._around(self.gain(), self._always(alpha) * self.gain_error())

    def bootstrap(self, repeats: int = 1_000, seed: int = 0, alpha: float = 0.05) -> Interval:
        """Percentiles of the value over groups of units drawn with replacement; the same for the same seed."""
        if not self.rows or repeats < 1:
            return math.nan, math.nan
        found = [self.combine(mean[:-1]) for mean in self.sums.resampled(repeats, seed)]
        low, high = np.nanquantile(found, [alpha / 2.0, 1.0 - alpha / 2.0])
        return float(low), float(high)

    def __add__(self, other: Self) -> Self:
        if type(self) is not type(other) or self._settings() != other._settings():
            raise InvalidInput("only estimators of the same kind and parameters can be added up.", field="estimator")
        found = copy(self)
        found.sums = self.sums + other.sums
        return found

    def _settings(self) -> Any:
        return self.width

    def _gradient(self, reward: float) -> Floats:
        return np.append(self.gradient(self.sums.mean[:-1]), reward)

    def _at_once(self, alpha: float) -> float:
        return float(stdtrit(self.sums.units - 1.0, 1.0 - alpha / 2.0)) if self.sums.units > 1 else math.nan

    def _always(self, alpha: float) -> float:
        return boundary(self.rows / NARROWEST_AT, alpha) if self.rows else math.nan

    @staticmethod
    def _around(value: float, margin: float) -> Interval:
        return value - margin, value + margin


class Tuned(Estimator):
    """An estimator with a parameter that trades bias for variance: given, or chosen among `grid` by `slope`."""

    biased = True
    grid: ClassVar[tuple[float, ...]]
    """Values to choose from, the least biased first."""

    def __init__(self, parameter: Tuning, name: str) -> None:
        if parameter != "slope" and not (isinstance(parameter, float | int) and parameter >= 0.0):
            raise InvalidInput(f'{name} must be a number of at least 0, or "slope"; found {parameter!r}.', field=name)
        self.candidates = self.grid if parameter == "slope" else (float(parameter),)
        super().__init__(len(self.candidates))
        self._choice = 0, 0  # of how many rows, and which

    @abstractmethod
    def column(self, weighted: Weighted, parameter: float, out: Floats) -> None:
        """Writes the n numbers whose mean is the value with that parameter."""

    def columns(self, weighted: Weighted, out: Floats) -> None:
        for row, parameter in zip(out, self.candidates, strict=True):
            self.column(weighted, parameter, row)

    def combine(self, mean: Floats) -> float:
        return float(mean[self._chosen()])

    def gradient(self, mean: Floats) -> Floats:
        found: Floats = np.eye(self.width)[self._chosen()]
        return found

    @property
    def parameter(self) -> float:
        return self.candidates[self._chosen()]

    def _chosen(self) -> int:
        if self.width == 1 or self.sums.units < 2:
            return 0
        if self._choice[0] != self.rows:
            each = np.eye(self.width + 1)[: self.width]
            at = chosen(self.sums.mean[:-1], [self.sums.error(gradient) for gradient in each])
            self._choice = self.rows, at
        return self._choice[1]

    def _settings(self) -> Any:
        return self.candidates
