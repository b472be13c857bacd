"""A policy that learns with its holdout and its propensity log, and logs of a policy that is fixed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from banditcore.estimators.off_policy import LogLift, OffPolicy, VariantValue, agreement, compare, log_lift
from banditcore.findings import OffPolicyReport
from banditcore.policies import BetaTS
from banditcore.types import Floats

ARMS = ("plain", "a", "b", "c", "d")
RATES = {"no lift": np.full(5, 0.05), "lift": np.array([0.05, 0.04, 0.05, 0.06, 0.07])}
CUSTOMERS, PAGE, LOOKS, HELD = 20_000, 250, 10, 0.1
ENOUGH = 100
"""Times shown, for the usual interval of a raw mean."""


@dataclass
class Figures:
    """What the log says at a look; None where nothing is shown."""

    covers: bool | None
    """Whether its interval has the log lift of the policy as it was over the visits so far."""
    values: Mapping[int, bool]
    """By arm, whether the interval of "always this variant" has its rate."""
    agrees: bool | None
    """With the holdout."""


@dataclass
class Run:
    """Beta Thompson sampling over 5 variants, 20,000 customers with a visit each, 10 % of them held out."""

    rates: Floats
    looks: list[Figures] = field(default_factory=list)
    shown: Floats = field(default_factory=lambda: np.zeros(5))
    """(K,) times each variant was shown by the policy."""
    converted: Floats = field(default_factory=lambda: np.zeros(5))
    held: Floats = field(default_factory=lambda: np.zeros(2))
    """Customers of the holdout, and those of them who converted."""
    worth: Floats = field(default_factory=lambda: np.full(5, np.nan))
    """(K,) what the log has for each variant at the last look."""

    def look(self, fold: OffPolicy, truth: float) -> None:
        """truth: the log lift so far."""
        parts = [(ARMS, fold)]
        report, values = compare(parts, "plain", HELD)
        own = log_lift(parts, "plain")
        self.looks.append(
            Figures(
                None if own is None else report.low <= math.expm1(truth) <= report.high,
                covered(values, self.rates),
                None if own is None else self.agrees(own),
            )
        )
        self.worth = np.array([values[key].value for key in ARMS])

    def agrees(self, own: LogLift) -> bool | None:
        """With the log lift of the policy's customers over those held out."""
        n, x = np.array([self.shown.sum(), self.held[0]]), np.array([self.converted.sum(), self.held[1]])
        by_holdout = math.log(x[0] / n[0] / (x[1] / n[1])), math.sqrt((1.0 / x - 1.0 / n).sum())
        return agreement(by_holdout, (own.estimate, own.standard_error), HELD)[0]

    def naive(self) -> npt.NDArray[np.bool_]:
        """Whether the usual 95 % intervals of the variants' raw means cover, of those shown `ENOUGH` times or more."""
        mean = self.converted / self.shown
        error = np.sqrt(mean * (1.0 - mean) / self.shown)
        found: npt.NDArray[np.bool_] = (np.abs(mean - self.rates) <= 1.96 * error)[self.shown >= ENOUGH]
        return found


def covered(values: Mapping[str, VariantValue], rates: Floats) -> dict[int, bool]:
    """Of the arms with a value."""
    return {
        arm: bool(values[key].low <= rate <= values[key].high)
        for arm, (key, rate) in enumerate(zip(ARMS, rates, strict=True))
        if not values[key].reason
    }


def lived(world: str, seed: int) -> Run:
    """One of `RATES`."""
    g, rates = np.random.default_rng([seed, 5]), RATES[world]
    policy, fold, run = BetaTS(5, 0), OffPolicy(5, 0, 0), Run(rates)
    worth = rows = 0.0
    for page in range(CUSTOMERS // PAGE):
        held = int((g.random(PAGE) < HELD).sum())
        n = PAGE - held
        run.held += (held, g.binomial(held, rates[0]))
        vector = policy.propensities(np.empty((1, 0)))[0]
        arms = g.choice(5, n, p=vector)
        rewards = (g.random(n) < rates[arms]).astype(np.float64)
        fold.add(np.empty((n, 0)), arms, rewards, np.tile(vector, (n, 1)), g.integers(0, 256, n))
        policy.update(np.empty((n, 0)), arms, rewards)
        run.shown += np.bincount(arms, minlength=5)
        run.converted += np.bincount(arms, rewards, minlength=5)
        worth, rows = worth + n * float(vector @ rates), rows + n
        if (page + 1) % (CUSTOMERS // PAGE // LOOKS) == 0:
            run.look(fold, math.log(worth / rows / rates[0]))
    return run


def reported(seed: int, rows: int, exploration: float, factor: float = 1.0, features: int = 4) -> OffPolicyReport:
    """Of the log of a softmax policy that explores so much; one arm's propensities are logged `factor` as high."""
    g, k = np.random.default_rng([seed, 9]), len(ARMS)
    x, weights = g.standard_normal((rows, features)), g.standard_normal((features, k))
    scores = np.exp(2.0 * (x @ weights))
    p = (1.0 - exploration) * scores / scores.sum(axis=1, keepdims=True) + exploration / k
    drawn = (p.cumsum(axis=1) < g.random((rows, 1))).sum(axis=1).clip(0, k - 1)
    chances = 1.0 / (1.0 + np.exp(2.0 - 0.5 * (x @ weights)[np.arange(rows), drawn]))
    rewards = (g.random(rows) < chances).astype(np.float64)
    p[:, seed % k] = np.minimum(factor * p[:, seed % k], 1.0)
    fold = OffPolicy(k, features, 0)
    fold.add(x, drawn, rewards, p, g.integers(0, 256, rows))
    return compare([(ARMS, fold)], "plain", HELD)[0]
