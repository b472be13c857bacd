"""How many rewards a figure rests on: where they are few, or few of them make up most, its error is too small with it.

Events are rows of weight above 0 with another reward than the usual one, and worth (sum w)^2 / (sum w^2) of those. If
they are not alike, y from the usual one, each is worth no more than (sum y^2)^3 / (m (sum y^3)^2), over the m events of
the whole log. Beside them stands n / skewness^2 of the linearised scores. All are the number of conversions where
rewards are 0 and 1; the last two also see revenue of which a few customers bring the most.

A target that was lucky has more events and a log without its largest rewards is less skewed, so what is shown because
of either is wrong more often. What was to be expected by the whole log, of which the target's rows are a part, is much
less of a choice by luck: it decides whether normal intervals are shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from banditcore.estimators.off_policy.weighted import Weighted
from banditcore.types import Floats

_ORDER = 3
_ROUNDING = 1e-12
"""Of the sum of squares: less is what rounding leaves of equal numbers."""


def worth_of_skewness(squares: float, cubes: float) -> float:
    """n / skewness^2 of n numbers around 0 with such sums; infinity where they are even, or do not vary."""
    return squares * (squares / cubes) ** 2 if squares > 0.0 and cubes != 0.0 else math.inf


class Rarity:
    """Streams rows of one target; `a + b` is that of both's rows."""

    def __init__(self) -> None:
        self.used = np.zeros(4)
        """Rows of weight above 0, the sums of their weights and of its squares, and all rows."""
        self.alike: dict[float, Floats] = {}
        """The same of those whose reward is 0, the least or the largest so far. What becomes the least or the largest
        was in no row before, so its sums begin there."""
        self.least, self.most = math.inf, -math.inf
        self.origin = math.nan
        """What scores are counted from, so that cubes do not drown in their level: the first reward."""
        self.moments = [np.zeros(degree + 1) for degree in range(_ORDER + 1)]
        """By degree, of scores a - b V: sums of a^d, a^(d-1) b, .. b^d."""
        self.rewards = [np.zeros(degree + 1) for degree in range(_ORDER + 1)]
        """The same of all rewards: a is one of them from the origin, b is 1."""

    def add(self, piece: Weighted) -> None:
        """Folds n > 0 rows."""
        w, r = piece.weight, piece.reward
        self._keep(float(r.min()), float(r.max()))
        positive = w > 0.0
        self.used += np.array([np.count_nonzero(positive), w.sum(), w @ w, len(w)])
        for value, sums in self.alike.items():
            alike = r == value
            own = w * alike
            sums += np.array([np.count_nonzero(positive & alike), own.sum(), own @ w, np.count_nonzero(alike)])
        self._score(piece)

    def _keep(self, least: float, most: float) -> None:
        self.least, self.most = min(self.least, least), max(self.most, most)
        self.alike = {value: self.alike.get(value, np.zeros(4)) for value in (0.0, self.least, self.most)}

    def _score(self, piece: Weighted) -> None:
        """Doubly robust scores where there is a model, self-normalised ones where there is none."""
        if math.isnan(self.origin):
            self.origin = float(piece.reward[0])
        w, r = piece.weight, piece.reward - self.origin
        _add(self.rewards, _alone(r))
        if piece.expected is not None and piece.residual is not None:
            _add(self.moments, _alone(piece.expected - self.origin + w * piece.residual))
        else:
            _add(self.moments, _weighted(w * r, w))

    def __add__(self, other: Rarity) -> Rarity:
        found = Rarity()
        found.used = self.used + other.used
        found._keep(min(self.least, other.least), max(self.most, other.most))
        none = np.zeros(4)
        found.alike = {v: self.alike.get(v, none) + other.alike.get(v, none) for v in found.alike}
        found.origin = other.origin if math.isnan(self.origin) else self.origin
        by = 0.0 if math.isnan(other.origin) else found.origin - other.origin
        for name in ("moments", "rewards"):
            _add(getattr(found, name), getattr(self, name))
            _add(getattr(found, name), [_moved(sums, by) for sums in getattr(other, name)])
        return found

    @property
    def usual(self) -> float:
        """The reward that has more than half of the weight; NaN where none has, or no reward differs from it.

        A log that is all 0 has seen no event. One that is all some other number has none to see.
        """
        if not self.used[1] or self.least == self.most != 0.0:
            return math.nan
        value, sums = max(self.alike.items(), key=lambda item: float(item[1][1]))
        return value if sums[1] > 0.5 * self.used[1] else math.nan

    @property
    def events(self) -> tuple[int, float]:
        """(how many rows have another reward than the usual one, how many they are worth); all where there is none."""
        rows, weight, squares, _ = self._events()
        worth = weight * (weight / squares) if rows and 0.0 < squares < math.inf else 0.0
        return int(rows), float(min(worth, rows)) * self._evenness

    @property
    def foreseen(self) -> float:
        """What events were to be worth by their share of the whole log."""
        _, weight, squares, rows = self.used
        size = weight * (weight / squares) if 0.0 < squares < math.inf else 0.0
        return float(size * self._events()[3] / rows) * self._evenness if rows else math.nan

    def _events(self) -> Floats:
        with np.errstate(invalid="ignore"):  # of weights beyond reason, which are refused
            return self.used - self.alike.get(self.usual, np.zeros(4))

    @property
    def _evenness(self) -> float:
        """What one event of the whole log is worth, at most 1."""
        m = float(self._events()[3])
        if not m:
            return 1.0
        mean = float(self.rewards[1][0]) / self.used[3]
        by = mean if math.isnan(self.usual) else self.usual - self.origin
        squares, cubes = float(_moved(self.rewards[2], by)[0]), float(_moved(self.rewards[3], by)[0])
        if not squares > _ROUNDING * float(self.rewards[2][0]):
            return 1.0
        return min(worth_of_skewness(squares, cubes) / m, 1.0)

    @property
    def even_rows(self) -> float:
        """n / skewness^2 of the scores around the value, at most n; NaN without rows."""
        (n,), (first, weight) = self.moments[0], self.moments[1]
        if not n or not weight:
            return math.nan
        value = first / weight
        squares, cubes = float(_moved(self.moments[2], value)[0]), float(_moved(self.moments[3], value)[0])
        if not squares > _ROUNDING * float(self.moments[2][0]):
            return float(n)
        return float(min(worth_of_skewness(squares, cubes), n))


def _add(sums: Sequence[Floats], more: Sequence[Floats]) -> None:
    for own, other in zip(sums, more, strict=True):
        own += other


def _alone(a: Floats) -> list[Floats]:
    n, first, second = float(len(a)), float(a.sum()), float(a @ a)
    third = float((a * a) @ a)
    return [np.array(each) for each in ([n], [first, n], [second, first, n], [third, second, first, n])]


def _weighted(a: Floats, b: Floats) -> list[Floats]:
    a2, b2 = a * a, b * b
    third = [a2 @ a, a2 @ b, a @ b2, b2 @ b]
    return [np.array(each) for each in ([len(a)], [a.sum(), b.sum()], [a2.sum(), a @ b, b2.sum()], third)]


def _moved(sums: Floats, by: float) -> Floats:
    """Sums of (a - by b)^i b^(d - i), i from d to 0, of sums of a^i b^(d - i)."""
    d = len(sums) - 1
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(
            [sum(math.comb(i, j) * (-by) ** j * sums[d - i + j] for j in range(i + 1)) for i in range(d, -1, -1)]
        )
