"""Whether each variant was shown as often as the propensities say."""

from __future__ import annotations

import math

import numpy as np

from banditcore.bandit_log import LEAST, Rows
from banditcore.checks import Mask
from banditcore.estimators.off_policy.arm_groups import ArmGroups
from banditcore.estimators.off_policy.limits import LEAST_BY_UNIT, LEAST_SAMPLE, MOST_ALIKE, MOST_WEIGHT
from banditcore.estimators.off_policy.weighted import Clusters
from banditcore.evaluated import ArmHealth
from banditcore.types import Floats

BY_ARM = ("shown", "rewards", "eligible", "weight", "weight2", "weight3", "heaviest")
_NUMBERS = 2**17  # of a vector times rows at once, which stay in the cache
OF_VECTORS = ("chance", "noise", "inverse")


class ArmSums:
    """Sums by arm, (K,) each. Of the rows in which it was shown: how many, their rewards, their 1/p, its square, its
    cube (without vectors only) and its largest; and in how many it could be. Of whole vectors, over the latter: p,
    p (1 - p) and 1/p, which is what the squares of 1/p have as their expectation."""

    def __init__(self, n_arms: int) -> None:
        self.sums = {name: np.zeros(n_arms) for name in (*BY_ARM, *OF_VECTORS)}
        self.n_arms = n_arms
        self.groups: ArmGroups | None = None
        """Of the same weights by group of units, where those are known."""

    def add(self, piece: Rows, clusters: Clusters | None = None) -> None:
        """Folds n rows; clusters: (n,) groups of their units, for all rows or for none."""
        sums, arms, weight = self.sums, piece.arms, 1.0 / piece.propensity

        def by_arm(values: Floats | None = None) -> Floats:
            return np.bincount(arms, values, minlength=self.n_arms).astype(np.float64, copy=False)

        sums["shown"] += by_arm()
        sums["rewards"] += by_arm(piece.rewards)
        sums["weight"] += by_arm(weight)
        squared = weight * weight
        sums["weight2"] += by_arm(squared)
        if piece.propensities is None:
            sums["weight3"] += by_arm(squared * weight)
        np.maximum.at(sums["heaviest"], arms, weight)
        if clusters is not None:
            self.groups = ArmGroups(self.n_arms) if self.groups is None else self.groups
            self.groups.add(clusters, arms, weight)
        if piece.propensities is not None:
            self._add_vectors(piece.propensities, clusters)
        elif piece.eligible is not None:
            sums["eligible"] += piece.eligible.sum(axis=0)
            self._miss(clusters, piece.eligible)
        else:
            sums["eligible"] += len(piece)

    def ungroup(self) -> None:
        """Takes rows as units from now on, and those so far too."""
        self.groups = None

    def _miss(self, clusters: Clusters | None, possible: Mask) -> None:
        if clusters is not None and self.groups is not None:
            self.groups.miss(clusters, possible)

    def _add_vectors(self, p: Floats, clusters: Clusters | None) -> None:
        """An arm without a chance is one that could not be shown, eligible or not."""
        step = max(_NUMBERS // self.n_arms, 1)
        for start in range(0, len(p), step):
            part = slice(start, start + step)
            self._add_few(p[part], None if clusters is None else clusters[part])

    def _add_few(self, p: Floats, clusters: Clusters | None) -> None:
        sums, ones = self.sums, np.ones(len(p))
        if p.min(initial=1.0) >= LEAST:
            sums["eligible"] += len(p)
            inverse = 1.0 / p
        else:
            possible = p >= LEAST
            sums["eligible"] += possible.sum(axis=0)
            self._miss(clusters, possible)
            p = np.where(possible, p, 0.0)
            inverse = np.divide(1.0, p, out=np.zeros_like(p), where=possible)
        chance = ones @ p
        sums["chance"] += chance
        sums["noise"] += chance - ones @ (p * p)
        sums["inverse"] += ones @ inverse

    def __add__(self, other: ArmSums) -> ArmSums:
        found = ArmSums(self.n_arms)
        for name, mine in self.sums.items():
            theirs = other.sums[name]
            found.sums[name] = np.maximum(mine, theirs) if name == "heaviest" else mine + theirs
        if self.groups is not None and other.groups is not None:
            found.groups = self.groups + other.groups
        return found

    def health(self, variants: tuple[str, ...]) -> tuple[ArmHealth, ...]:
        alike, skewness = self._by_unit()
        return tuple(
            self._arm(at, variant, float(alike[at]), float(skewness[at])) for at, variant in enumerate(variants)
        )

    @property
    def alike(self) -> Floats:
        """(K,) how much larger the variance of the sum is between units than between rows, at least 1; infinity
        where too few units carry it to tell."""
        return self._by_unit()[0]

    def _by_unit(self) -> tuple[Floats, Floats]:
        """`alike`, and the skewness of the sum between units, (K,) each."""
        if self.groups is None:
            return np.ones(self.n_arms), np.zeros(self.n_arms)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            variance, skewness, carrying = self.groups.spread()
            by_row = self.sums["weight2"] - self.sums["weight"] ** 2 / self.sums["eligible"]
            alike = np.where(by_row > 1e-9 * self.sums["weight2"], variance / by_row, 1.0)
        # Between too few groups not even the variance is known.
        unknown = (alike > MOST_ALIKE) & (carrying < LEAST_BY_UNIT)
        return np.where(unknown, np.inf, np.fmax(alike, 1.0)), skewness

    def _arm(self, at: int, variant: str, alike: float, skewness: float) -> ArmHealth:
        own = {name: float(sums[at]) for name, sums in self.sums.items()} | {"alike": alike, "skewness": skewness}
        shown, eligible = own["shown"], own["eligible"]
        return ArmHealth(
            variant=variant,
            shown=int(shown),
            mean=own["rewards"] / shown if shown else math.nan,
            eligible=int(eligible),
            inverse=own["weight"] / eligible if eligible else math.nan,
            surprise=_by_vectors(own) if own["inverse"] else _by_draws(own),
            least=1.0 / own["heaviest"] if shown else math.nan,
        )


def _by_vectors(own: dict[str, float]) -> float:
    """With whole vectors two sums are 0 on average and have a known variance: 1[shown] / p - 1, which is moved by rows
    in which it was unlikely, and 1[shown] - p, by those in which it was likely. NaN where too little is expected."""
    found, rows, alike = math.nan, own["eligible"], own["alike"]
    if own["noise"] >= max(LEAST_SAMPLE, LEAST_BY_UNIT * alike):
        found = abs(own["shown"] - own["chance"]) / math.sqrt(own["noise"] * alike)
    # As many rows as the weights would be worth, as they were to be expected and as they came.
    foreseen = rows * rows / own["inverse"]
    came = own["weight"] * own["weight"] / own["weight2"] if own["weight2"] else foreseen
    least = max(LEAST_SAMPLE, LEAST_BY_UNIT * alike)
    if min(foreseen, came) >= least and own["inverse"] - rows >= LEAST_SAMPLE:
        z = (own["weight"] - rows) / math.sqrt((own["inverse"] - rows) * alike)
        off = _unskewed(z, max(own["heaviest"] / math.sqrt(own["inverse"]), own["skewness"]))
        found = off if math.isnan(found) else max(found, off)
    return found


def _unskewed(z: float, skewness: float) -> float:
    """|z| of a sum with at most that skewness >= 0, as a normal one would have it (Cornish and Fisher, 1938): a few
    draws with a small propensity push such a sum up more often than normal numbers go. Downwards it is as it is."""
    return max(z - skewness * (z * z - 1.0) / 6.0, 1.0) if z > 1.0 else abs(z)


def _by_draws(own: dict[str, float]) -> float:
    """With the propensity of what was shown alone, the variance of 1[shown] / p - 1 is that of the sample. Where few
    heavy rows came both are too small, so that the ratio goes far down more often than normal numbers, about as far as
    the sum itself would go up. NaN where a few rows carry it all: others may not have come."""
    rows, weight, weight2 = own["eligible"], own["weight"], own["weight2"]
    least = max(LEAST_SAMPLE, LEAST_BY_UNIT * own["alike"])
    if not weight2 or not weight * weight / weight2 >= least or own["heaviest"] > MOST_WEIGHT * weight:
        return math.nan
    off, variance = weight - rows, weight2 - weight * (weight / rows)
    if abs(off) <= 1e-6 * rows:
        return 0.0
    if not variance > 1e-9 * weight2:
        return math.inf
    z = off / math.sqrt(variance * own["alike"])
    skewness = max(own["weight3"] / (weight2 * math.sqrt(weight2)), own["skewness"])
    return _unskewed(-z, skewness) if z < 0.0 else z
