"""The lift where data do not simply arrive: a policy that learns, growing outcomes, many orders a customer, epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

from banditcore.estimators.lift import Moments, combined, lift, log_lift
from banditcore.policies import BetaTS
from banditcore.types import Floats
from banditcore_simulations.lab.bars import Kinds, measured, points
from banditcore_simulations.lab.sweep import Point, Record, Sweep
from banditcore_simulations.looks import RULE, Z95, binary, binary_looks, share, value_looks

NOTHING = np.empty((1, 0))
Group = tuple[Moments, Moments]


def learning(
    rates: list[float], rng: np.random.Generator, looks: int, units: int, share_held_out: float
) -> tuple[Floats, Floats, Floats]:
    """Beta Thompson sampling beside a holdout on arm 0, learning between looks.

    Conversions of POLICY and HOLDOUT and the realised lift as a logarithm, each (looks,), from the vectors in force.
    """
    p = np.array(rates)
    policy = BetaTS(len(p), 0)
    n_t, n_c = round(units * (1 - share_held_out) / looks), round(units * share_held_out / looks)
    contexts, won, value = np.empty((n_t, 0)), np.empty(looks), np.empty(looks)
    for look in range(looks):
        law = policy.propensities(NOTHING)[0]
        arms = np.searchsorted(law.cumsum()[:-1], rng.random(n_t), side="right")
        rewards = (rng.random(n_t) < p[arms]).astype(float)
        policy.update(contexts, arms, rewards)
        won[look], value[look] = rewards.sum(), law @ p
    realised = np.log(value.cumsum() / np.arange(1, looks + 1) / p[0])
    return won.cumsum(), rng.binomial(n_c, p[0], looks).cumsum().astype(np.float64), realised


ALIKE = "all alike"
RATES = {ALIKE: [0.05] * 5, "one clearly better": [0.05, 0.04, 0.045, 0.055, 0.07]}


def closed_loop(seed: int, *, world: str, runs: int) -> Record:
    """20,000 customers, 100 looks: the lift realised so far is covered at every look, although it moves."""
    looks, units, held_out = 100, 20_000, 0.10
    generators = map(np.random.default_rng, range(seed * runs, (seed + 1) * runs))
    found = [learning(RATES[world], rng, looks, units, held_out) for rng in generators]
    x_t, x_c, realised = (np.array(column) for column in zip(*found, strict=True))
    at = np.arange(1, looks + 1) / looks
    experiment = binary_looks((units * (1 - held_out) * at, x_t), (units * held_out * at, x_c))
    claims = experiment.outside(0.3, **RULE)
    if world != ALIKE:
        claims &= experiment.estimate < 0.0
    # Planned so that the horizon is within the run.
    return {
        "rule": 1 - share(experiment.outside(0.3, truth=realised, **RULE)),
        "open": 1 - share(experiment.outside(0.3, 0.05, truth=realised)),
        "peeked": 1 - share(experiment.peeked(realised)),
        "wrong": share(claims),
    }


# Outcomes that grow while one looks: a customer acts on each day of a window, more or less often than others.

WINDOW, DAYS, MEAN, SHAPE = 28, 56, 0.05, 4.0


KINDS = ("count", "any", "rate")


def metrics(actions: Floats, days: Any) -> Floats:
    """(KINDS, units) outcomes of customers after so many days."""
    return np.array([actions, np.minimum(actions, 1.0), actions / days])


def so_far(rng: np.random.Generator, units: int) -> Floats:
    """(4, KINDS, DAYS) units, converted, sum and squares by day, of customers who all come on the first two days and of
    all that they have done until then."""
    first, rate = rng.integers(0, 2, units), rng.gamma(SHAPE, MEAN / SHAPE, units)
    actions, sums = np.zeros(units), np.zeros((4, len(KINDS), DAYS))
    for day in range(DAYS):
        age = day - first
        active = (age >= 0) & (age < WINDOW)
        actions[active] += rng.poisson(rate[active])
        here = age >= 0
        seen = metrics(actions[here], np.minimum(age[here] + 1, WINDOW))
        columns = (np.ones_like(seen), seen > 0, seen, np.square(seen))
        sums[:, :, day] = [column.sum(axis=1) for column in columns]
    return sums


def matured(rng: np.random.Generator, units: int) -> Floats:
    """The same of customers who come over four weeks, by the day on which their windows have closed: counted once."""
    closed = WINDOW + rng.integers(0, DAYS - WINDOW, units)
    seen = metrics(rng.poisson(rng.gamma(SHAPE, WINDOW * MEAN / SHAPE, units)).astype(float), WINDOW)
    columns = (np.ones_like(seen), seen > 0, seen, np.square(seen))
    return np.array([[np.bincount(closed, row, DAYS).cumsum() for row in column] for column in columns])


def growing(seed: int, *, runs: int) -> Record:
    """No lift, a look a day for eight weeks. Customers for a clock stand still while the estimate moves on."""
    rng, sizes, found = np.random.default_rng([seed, 10]), (3_600, 400), {}
    growing, closed = ([np.array([sums(rng, n) for _ in range(runs)]) for n in sizes] for sums in (so_far, matured))
    for index, kind in enumerate(KINDS):
        now, later = (
            value_looks([*many[:, :, index].swapaxes(0, 1)], [*few[:, :, index].swapaxes(0, 1)], pooled="", least=25)
            for many, few in (growing, closed)
        )
        target = float(np.expm1(2.801585 * np.sqrt(now.variance[:, -1].mean())))
        units = np.full_like(now.variance, 0.95)  # of those planned for, nearly from the start
        found[f"{kind}, closed"] = share(later.outside(target, **RULE))
        found[f"{kind}, so far"] = share(now.outside(target, **RULE))
        found[f"{kind}, customers"] = share(now.outside(target, **RULE, clock=units))
    return found


# Several orders of one customer, and a covariate from before.


def visits(rng: np.random.Generator, units: int) -> tuple[Any, ...]:
    """Orders and spending of `units` customers who differ in both, spending on each order, and a noisy look at what
    they like, missing for a tenth."""
    taste = rng.gamma(2.0, 0.5, units)
    orders = 1 + rng.poisson(2.0 * taste)
    spent = rng.gamma(4.0, 0.25, orders.sum()) * np.repeat(taste**0.8, orders)
    of_customer = np.add.reduceat(spent, orders.cumsum() - orders)
    return orders.astype(float), of_customer, spent, taste + 0.3 * rng.standard_normal(units), rng.random(units) < 0.1


def sums_of(d: Floats, y: Floats, x: Floats, missing: Any) -> Moments:
    """`Moments` of one group of one run."""
    x = np.where(missing, 0.0, x)
    m = missing.astype(float)
    products = [(y, y), (d, d), (y, d), (x, x), (x, y), (x, d), (m, y), (m, d)]
    yy, dd, yd, xx, xy, xd, my, md = (float(a @ b) for a, b in products)
    raw = float(y.sum())
    return Moments(
        len(y), int(np.count_nonzero(y)), raw, yy, raw, yy, float(d.sum()), dd, yd, float(x.sum()), xx, xy, xd,
        float(m.sum()), my, md,
    )  # fmt: skip


def orders(seed: int, *, runs: int) -> Record:
    """Spending an order, 95 % intervals at one look: customers linearised, with a covariate that is missing for a
    tenth, and orders taken for independent."""
    rng = np.random.default_rng([seed, 12])
    covered, ratios = np.zeros((runs, 3)), np.empty(runs)
    for run in range(runs):
        groups, bare, by_order = [], [], 0.0
        for n in (1_800, 600):
            d, y, spent, x, missing = visits(rng, n)
            groups.append(sums_of(d, y, x, missing))
            bare.append(sums_of(d, y, np.zeros(n), np.zeros(n, dtype=bool)))
            by_order += spent.var(ddof=1) / spent.size / spent.mean() ** 2
        adjusted, plain = log_lift(groups[0], groups[1], "ratio"), log_lift(bare[0], bare[1], "ratio")
        z = np.array(
            [
                plain.estimate / plain.standard_error,
                adjusted.estimate / adjusted.standard_error,
                plain.estimate / by_order**0.5,
            ]
        )
        covered[run], ratios[run] = np.abs(z) <= Z95, adjusted.variance / plain.variance
    found = covered.mean(axis=0)
    return {
        "customers": float(found[0]),
        "covariate": float(found[1]),
        "orders": float(found[2]),
        "variance": float(ratios.mean()),
    }


def covariate(seed: int, *, runs: int) -> Record:
    """Spending an order with the covariate and its gaps, theta estimated anew at each of 60 looks, no lift."""
    rng, wrong = np.random.default_rng([seed, 15]), np.zeros(runs)
    for run in range(runs):
        so_far, looks = [Moments(), Moments()], []
        for _ in range(60):
            so_far = [sums + group_of(rng, n) for sums, n in zip(so_far, (90, 15), strict=True)]
            looks.append([(so_far[0], so_far[1])])
        wrong[run] = claims(looks, 0.15, "ratio")
    return {"wrong": float(wrong.mean())}


def group_of(rng: np.random.Generator, n: int) -> Moments:
    d, y, _, x, missing = visits(rng, n)
    return sums_of(d, y, x, missing)


# Epochs: the holdout share moves, and so does the season.

SEASONS = [(0.02, 0.08), (0.05, 0.06), (0.10, 0.04), (0.20, 0.03)]
"""Holdout share and conversion of each epoch."""


def epoch(rng: np.random.Generator, units: int, held_out: float, rate: float, looks: int) -> list[Group]:
    """POLICY and HOLDOUT at each of so many looks of one epoch."""
    groups = []
    for share_of in (1 - held_out, held_out):
        n = np.round(np.arange(1, looks + 1) * units * share_of / looks).astype(int)
        x = rng.binomial(np.diff(n, prepend=0), rate).cumsum()
        groups.append([binary(*pair) for pair in zip(n, x, strict=True)])
    return list(zip(groups[0], groups[1], strict=True))


def claims(looks: list[list[Group]], target: float, kind: str = "binary") -> bool:
    """Whether some look claims."""
    found = [lift(strata, kind, target_lift=target, **RULE)[2] for strata in looks]
    return any(one.low > 0.0 or one.high < 0.0 for one in found if one)


def epochs(seed: int, *, runs: int) -> Record:
    """No lift, the share rises from 2 to 20 % while conversion falls from 8 to 3 %: 40 looks, stratified, and sums
    poured together at the last."""
    rng, wrong, poured = np.random.default_rng([seed, 13]), np.zeros(runs), np.zeros(runs)
    for run in range(runs):
        before: list[Group] = []
        looks: list[list[Group]] = []
        for held_out, rate in SEASONS:
            here = epoch(rng, 40_000, held_out, rate, 10)
            looks += [[*before, now] for now in here]
            before.append(here[-1])
        wrong[run] = claims(looks, 0.15)
        together = (sum((t for t, _ in before), Moments()), sum((c for _, c in before), Moments()))
        poured[run] = claims([[together]], 0.15)
    return {"wrong": float(wrong.mean()), "poured": float(poured.mean())}


def small_epochs(seed: int, *, runs: int) -> Record:
    """Nine epochs in which the holdout has some 35 conversions each: z of the sum, and of weights of 1 / variance, of
    epochs whose holdout has 25."""
    rng, z, plain = np.random.default_rng([seed, 14]), np.empty(runs), np.empty(runs)
    for run in range(runs):
        strata = [epoch(rng, 14_000, 0.05, 0.05, 1)[0] for _ in range(9)]
        found, _ = combined(strata, "binary")
        assert found is not None
        z[run] = found.estimate / found.standard_error
        each = [log_lift(*stratum) for stratum in strata if stratum[1].converted >= 25]
        plain[run] = sum(one.estimate / one.variance for one in each) / sum(1 / one.variance for one in each) ** 0.5
    return {"z": float(z.mean()), "covered": float(np.mean(np.abs(z) <= Z95)), "by variance": float(plain.mean())}


TRIALS: Kinds = {
    "closed loop": closed_loop,
    "outcomes that grow": growing,
    "orders": orders,
    "covariate": covariate,
    "epochs": epochs,
    "small epochs": small_epochs,
}


def measure(point: Point, seed: int) -> Record:
    return measured(TRIALS, point, seed)


WORLDS = {world: {"world": world} for world in RATES}


def sizes(loops: int, growing: int, orders: int, covariate: int, epochs: int, small_epochs: int) -> list[Point]:
    """Runs a seed of each trial."""
    return [
        *points("closed loop", WORLDS, runs=loops),
        *points("outcomes that grow", {"": {}}, runs=growing),
        *points("orders", {"": {}}, runs=orders),
        *points("covariate", {"": {}}, runs=covariate),
        *points("epochs", {"": {}}, runs=epochs),
        *points("small epochs", {"": {}}, runs=small_epochs),
    ]


SWEEP = Sweep(sizes(60, 100, 200, 60, 50, 400), measure, seeds=10)
SMALL = Sweep(sizes(12, 60, 60, 10, 15, 200), measure, seeds=2)
