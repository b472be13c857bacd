"""All estimators of one target at once, what the weights look like, and whether anything may be said at all.

Refused, with the reason and bounds instead of a figure:
- (R1) the target gives more than .5 % to arms that had no chance;
- (R2) the propensities are wrong: some variant was shown more or less often than they say (`health`), or the weights'
  mean is not 1; then there are no bounds either;
- (R3) an effective sample below 100 rows, as the weights came or as they were to come, or one row with more than 5 %
  of the weight;
- (R4, R5) what `health` refuses: fallbacks, too few units;
- (R6) fewer than 10 rewards that the figure rests on, see `rarity`;
- DR and SNIPS, which estimate the same, are more than 5 times the larger of their errors apart.
Amber with an effective sample up to 300, or up to 25 rewards: one doubly robust or self-normalised figure with its
anytime interval, since normal intervals cover too rarely there. What R6 lets through holds the truth in at least .92
of the logs as a normal interval, .97 as an anytime one. Simulated, 200 uniform logs each of 2,000 to 30,000 rows:
rewards of 0 and 1 with a chance of .003 to .02, 5 and 34 arms; lognormal ones, sigma .7 to 2, with no zeros, .7 or .95.
Without it anything down to .54 was shown as certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy, deepcopy
from dataclasses import replace

import numpy as np

from banditcore.checks import check_number
from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.base import Estimator, Interval
from banditcore.estimators.off_policy.bins import EDGES, Bins
from banditcore.estimators.off_policy.bounds import bounds
from banditcore.estimators.off_policy.health import wrong_propensities
from banditcore.estimators.off_policy.limits import (
    AMBER_REWARDS,
    AMBER_SAMPLE,
    LEAST_REWARDS,
    LEAST_SAMPLE,
    MOST_APART,
    MOST_ERRORS,
    MOST_MISSING,
    MOST_WEIGHT,
)
from banditcore.estimators.off_policy.rarity import Rarity
from banditcore.estimators.off_policy.registry import ESTIMATORS, make_estimator
from banditcore.estimators.off_policy.weighted import CLUSTERS, Weighted
from banditcore.evaluated import NAN, Estimate, LogHealth, Status, TargetReport, Weights

ROUNDING = 1e-6
"""How far the mean of the weights may be off by the rounding of written probabilities alone."""


class Suite:
    """Streams the rows of one target: `add`, merge with `+`, `report`.

    names: estimators, None for all; those that need an outcome model are left out where there is none. reward_range:
    what rewards can be, for the bounds; without it, what was seen. bootstrap: keeps what `bootstrap` needs also where
    units are not known, by putting rows into groups by their number; the estimates' errors stay those of rows.
    """

    def __init__(
        self,
        names: Sequence[str] | None = None,
        *,
        alpha: float = 0.05,
        reward_range: tuple[float, float] | None = None,
        bootstrap: bool = False,
    ) -> None:
        self.alpha = check_number(alpha, "alpha", 0.0, 0.5, above=True)
        self.reward_range = None if reward_range is None else _checked_range(reward_range)
        self.grouped = bootstrap
        wanted = list(ESTIMATORS) if names is None else list(dict.fromkeys(names))
        found = [make_estimator(name) for name in wanted]
        self.estimators = {each.name: each for each in sorted(found, key=_rank)}
        self.bins = Bins()
        self.without_model: tuple[str, ...] = ()
        """Estimators that were asked for and had no outcome model."""
        self._asked = names is not None

    def add(self, weighted: Weighted) -> None:
        """Folds n rows. Raises InvalidInput where only some of all rows have a model, or units."""
        if not len(weighted):
            return
        if not self.bins.rows and weighted.expected is None:
            self.without_model = tuple(name for name, each in self.estimators.items() if each.needs_model)
            self.estimators = {name: each for name, each in self.estimators.items() if not each.needs_model}
        units = weighted.clusters is not None
        if self.grouped and not units:
            weighted = replace(weighted, clusters=(self.bins.rows + np.arange(len(weighted))) % CLUSTERS)
        with np.errstate(over="ignore", invalid="ignore"):  # of weights beyond reason, which are refused
            for each in self.estimators.values():
                each.add(weighted, units)
            self.bins.add(weighted, units)

    def __add__(self, other: Suite) -> Suite:
        """What one suite over both's rows would have, up to rounding. Raises InvalidInput where they differ in kind."""
        if not other.bins.rows:
            return deepcopy(self)
        if not self.bins.rows:
            return deepcopy(other)
        if self.estimators.keys() != other.estimators.keys() or self._settings() != other._settings():
            raise InvalidInput("only suites of the same estimators and settings can be added up.", field="names")
        found = copy(self)
        found.estimators = {name: each + other.estimators[name] for name, each in self.estimators.items()}
        found.bins = self.bins + other.bins
        return found

    def _settings(self) -> tuple[object, ...]:
        return self.alpha, self.reward_range, self.grouped, self.without_model

    def bootstrap(self, name: str, repeats: int = 1_000, seed: int = 0, alpha: float | None = None) -> Interval:
        """(low, high) percentiles of one estimator's value over groups of units drawn with replacement.

        The parameter of a tuned one stays what it is. Raises InvalidInput without units, unless asked for before.
        """
        if name not in self.estimators:
            raise InvalidInput(f"{name} is not among {', '.join(self.estimators)}.", field="estimator")
        return self.estimators[name].bootstrap(repeats, seed, self.alpha if alpha is None else alpha)

    @property
    def weights(self) -> Weights:
        """How far the target is from what was logged."""
        bins, n = self.bins, max(self.bins.rows, 1)
        total, squares = bins.total("w"), bins.total("w2")
        counts = bins.sums[0, 1:].astype(int)
        used = np.flatnonzero(counts)
        # One more on either side, so that the ends are 0 and infinity whatever is left out.
        first, last = (max(int(used[0]) - 1, 0), min(int(used[-1]) + 2, len(counts))) if len(used) else (0, 0)
        return Weights(
            rows=bins.rows,
            mean=total / n if bins.rows else NAN,
            surprise=self._surprise(),
            largest=bins.largest,
            largest_share=bins.largest / total if total else NAN,
            effective_sample=total * (total / squares) if 0.0 < squares < math.inf else 0.0,
            zero_share=float(bins.sums[0, 0]) / n,
            unsupported=float(bins.unsupported[0] / bins.unsupported[1]) if bins.unsupported[1] else NAN,
            edges=(0.0, *EDGES[first + 1 : last], math.inf) if last else (),
            foreseen_sample=bins.foreseen_sample,
            counts=tuple(counts[first:last].tolist()),
            effective_rewards=self._rewards() if bins.rows else NAN,
        )

    def _rewards(self) -> float:
        """The lowest of what events, scores and units are worth."""
        main = next((each for name, each in self.estimators.items() if name in ("dr", "snips")), None)
        by_unit = NAN if main is None else main.even_units()
        return float(np.nanmin([self.bins.rarity.events[1], self.bins.rarity.even_rows, by_unit]))

    def _surprise(self) -> float:
        """|mean - 1| of the weights in standard errors: those of the vectors, where known, or of the weights that came,
        into which the largest goes once more, whatever is larger. What had no chance is not missed."""
        bins, n = self.bins, self.bins.rows
        if not n:
            return NAN
        mean = bins.total("w") / n
        missing, known = bins.unsupported
        squares = max(
            (bins.total("w2") + bins.largest * bins.largest) / n, bins.foreseen[0] / max(bins.foreseen[1], 1.0)
        )
        by_row = math.sqrt(max(squares - mean * mean, 0.0) / n)
        by_unit = bins.by_unit.error(np.ones(1)) if bins.by_unit.n else 0.0
        off = abs(mean - 1.0 + missing / max(known, 1.0))
        return 0.0 if off <= ROUNDING else float(off / max(by_row, by_unit, ROUNDING))

    def report(self, target: str, health: LogHealth, notes: Sequence[str] = ()) -> TargetReport:
        """What may be said of the target; `health` is that of the same rows. Raises InvalidInput where a reward lies
        outside the range that was given."""
        weights = self.weights
        wrong = wrong_propensities(health) or _wrong_mean(weights)
        refused = (*_refused(weights, health, self.bins.rarity), *self._contradiction())
        warned = () if refused else _amber(weights, self.bins.rarity)
        amber = bool(warned)
        status: Status = "refused" if refused else "amber" if amber else "green"
        reasons = refused or warned
        low, high = self._range()
        lower, upper = (NAN, NAN) if wrong else bounds(self.bins, low, high, self.alpha)
        shown = () if refused else self._shown(amber)
        first = self.estimators[shown[0].estimator] if shown else None
        return TargetReport(
            target=target,
            status=status,
            reasons=reasons,
            estimates=shown,
            gain=None if first is None else self._gain(first, amber),
            lower=lower,
            upper=upper,
            weights=weights,
            estimators_apart=NAN if refused else abs(self._apart("snips")),
            model_apart=NAN if refused else self._apart("dm"),
            notes=(*notes, *self._notes(low, high, math.isfinite(lower))),
        )

    def _contradiction(self) -> tuple[str, ...]:
        """Why DR and SNIPS cannot both be right, if they cannot."""
        both = [self.estimators[name] for name in ("dr", "snips") if name in self.estimators]
        if len(both) < 2:
            return ()
        with np.errstate(over="ignore", invalid="ignore"):
            dr, snips = (each.value() for each in both)
            error = max(each.standard_error() for each in both)
        apart = abs(dr - snips)
        if not apart > MOST_APART * error or apart <= ROUNDING * max(abs(dr), abs(snips)):
            return ()
        times = f"by {apart / error:.0f} standard errors" if error > 0.0 else "with no error at all"
        return (
            f"DR and SNIPS contradict each other {times}, {dr:.4g} and {snips:.4g}: the propensities are wrong, the "
            "weights are too wild, or the model was fitted on these very rows",
        )

    def _range(self) -> tuple[float, float]:
        seen = self.bins.least_reward, self.bins.most_reward
        if self.reward_range is None:
            return seen
        if self.bins.rows and not self.reward_range[0] <= seen[0] <= seen[1] <= self.reward_range[1]:
            raise InvalidInput(
                f"reward_range {self.reward_range} does not hold the rewards, from {seen[0]:g} to {seen[1]:g}.",
                field="reward_range",
            )
        return self.reward_range

    def _shown(self, amber: bool) -> tuple[Estimate, ...]:
        if not amber:
            return tuple(self._estimate(each, amber) for each in self.estimators.values())
        first = min(self.estimators.values(), key=lambda each: (each.biased, _rank(each)), default=None)
        if first is None or first.biased:
            return ()
        found = (self._estimate(first, amber),)
        if _worth(self.weights) < AMBER_SAMPLE:
            return found
        # The overlap is sound: the others may stand beside it, as values.
        others = (each for each in self.estimators.values() if each is not first)
        return found + tuple(Estimate(each.name, each.value(), role=each.role) for each in others)

    def _estimate(self, each: Estimator, amber: bool) -> Estimate:
        low, high = (NAN, NAN) if amber or each.biased else each.interval(self.alpha)
        anytime = (NAN, NAN) if each.biased else each.anytime(self.alpha)
        error = NAN if amber else each.standard_error()
        return Estimate(each.name, each.value(), error, low, high, *anytime, each.role, each.parameter)

    def _gain(self, each: Estimator, amber: bool) -> Estimate:
        low, high = (NAN, NAN) if amber or each.biased else each.gain_interval(self.alpha)
        anytime = (NAN, NAN) if each.biased else each.gain_anytime(self.alpha)
        error = NAN if amber else each.gain_error()
        return Estimate(each.name, each.gain(), error, low, high, *anytime, each.role, each.parameter)

    def _apart(self, name: str) -> float:
        """An estimator less DR in standard errors of DR; NaN where one is missing."""
        if "dr" not in self.estimators or name not in self.estimators:
            return NAN
        error = self.estimators["dr"].standard_error()
        apart = self.estimators[name].value() - self.estimators["dr"].value()
        return apart / error if error > 0.0 else 0.0 if apart == 0.0 else NAN

    def _notes(self, low: float, high: float, bounded: bool) -> tuple[str, ...]:
        found = []
        if bounded and self.reward_range is None:
            found.append(f"The bounds take rewards to lie within {low:g} and {high:g}, which is what the log shows.")
        if self._asked and self.without_model:
            found.append(
                f"{', '.join(self.without_model)}: left out, for there is no outcome model, or the target has no "
                "whole vectors."
            )
        return tuple(found)


def _rank(each: Estimator) -> tuple[bool, int]:
    return each.role != "main", list(ESTIMATORS).index(each.name)


def _checked_range(given: tuple[float, float]) -> tuple[float, float]:
    low, high = (check_number(value, "reward_range", -math.inf) for value in given)
    if not low < high:
        raise InvalidInput(f"reward_range must be (lowest, highest), found {given}.", field="reward_range")
    return low, high


def _worth(weights: Weights) -> float:
    """The effective sample as the weights that came have it, or as the vectors had it, the lower: until the heaviest
    rows come, the first looks too large."""
    foreseen = weights.foreseen_sample
    return weights.effective_sample if math.isnan(foreseen) else min(weights.effective_sample, foreseen)


def _wrong_mean(weights: Weights) -> bool:
    """Only where the weights that came can tell: poor overlap has a mean that is too low most of the time."""
    told = _worth(weights) >= LEAST_SAMPLE and weights.largest_share <= MOST_WEIGHT
    missing = 0.0 if math.isnan(weights.unsupported) else weights.unsupported
    return told and missing <= MOST_MISSING and weights.surprise > MOST_ERRORS


def _refused(weights: Weights, health: LogHealth, rarity: Rarity) -> tuple[str, ...]:
    """Why nothing can be said of the target; empty when something can."""
    found = list(health.reasons) if health.status == "refused" else []
    if not weights.rows:
        return (*found, "there is no row to estimate from")
    if weights.unsupported > MOST_MISSING:
        found.append(f"{100.0 * weights.unsupported:.1f} % of what it plays had no chance in the log")
    if _wrong_mean(weights):
        found.append(
            f"the weights have a mean of {weights.mean:.3f} and not 1, {weights.surprise:.1f} standard errors off: the "
            "propensities are wrong, or it plays what the log hardly shows"
        )
    if not _worth(weights) >= LEAST_SAMPLE:
        found.append(
            f"the log is worth {_worth(weights):.0f} rows for it, and {LEAST_SAMPLE:.0f} are needed: it plays "
            "what was rarely shown"
        )
    elif weights.largest_share > MOST_WEIGHT:
        found.append(f"one row has {100.0 * weights.largest_share:.1f} % of all the weight, and 5 % is the limit")
    elif weights.effective_rewards < LEAST_REWARDS:
        found.append(f"{_few_rewards(weights, rarity)}, and {LEAST_REWARDS:.0f} are needed")
    return tuple(found)


def _few_rewards(weights: Weights, rarity: Rarity) -> str:
    """How few rewards, in words."""
    events, usual = rarity.events[0], rarity.usual
    if events < 2.0 * weights.effective_rewards or events < LEAST_REWARDS:
        return f"{events} of its rows earned anything{'' if usual == 0.0 else f' but {usual:g}'}"
    return f"its rewards are worth {weights.effective_rewards:.0f} alike ones, since few make up most of the figure"


def _amber(weights: Weights, rarity: Rarity) -> tuple[str, ...]:
    """Why only an interval that allows for little is shown; empty where normal ones are too."""
    shown = "only an interval that allows for so few is shown, and no normal one"
    if _worth(weights) < AMBER_SAMPLE:
        return (f"the log is worth {_worth(weights):.0f} rows for it: {shown}",)
    if weights.effective_rewards < AMBER_REWARDS:
        return (f"{_few_rewards(weights, rarity)}: {shown}",)
    if rarity.foreseen < AMBER_REWARDS:
        return (f"by the whole log about {rarity.foreseen:.0f} of its rewards were to be expected: {shown}",)
    return ()
