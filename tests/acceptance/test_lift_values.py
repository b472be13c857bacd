"""How often the lift of revenue is wrong over many looks while the holdout has few buyers, and what prevents it."""

import numpy as np
import pytest
from looks import same_as_the_real_one, share, value_looks
from scipy.special import ndtr

from banditcore.estimators.lift import OPEN_ALPHA, PLANNED_ALPHA, Moments

RATE, HELD_OUT, SPREAD = 0.05, 0.10, 1.2
LOOKS = 400
CAP = float(np.exp(2.326348 * SPREAD))
"""99 % quantile of what buyers spend, known before the start."""
CAPPED_MEAN = float(np.exp(SPREAD**2 / 2) * ndtr(2.326348 - SPREAD) + 0.01 * CAP)
HORIZONS = {100: (0.60, 25), 400: (0.30, 100)}
"""By the holdout's buyers at the end: the target for which the clock is then near 1, and the buyers at the first
look."""
PLANNED_ONLY = {"open_alpha": 1e-9, "planned_alpha": 0.05}
RULE = {"open_alpha": OPEN_ALPHA, "planned_alpha": PLANNED_ALPHA}
NAMES = ("n", "buyers", "capped", "capped squares", "raw", "raw squares")


def group(rng, runs, units, median=1.0, spread=SPREAD):
    """The sums of NAMES, each (runs, looks) and cumulated, of a group whose buyers spend lognormally."""
    n = np.round(np.arange(1, LOOKS + 1) * units / LOOKS).astype(np.int64)
    buyers = rng.binomial(np.diff(n, prepend=0), RATE, (runs, LOOKS))
    spent = rng.lognormal(np.log(median), spread, buyers.sum())
    at = np.repeat(np.arange(buyers.size), buyers.ravel())
    capped = np.minimum(spent, CAP)
    sums = [np.bincount(at, v, buyers.size).reshape(buyers.shape) for v in (capped, capped**2, spent, spent**2)]
    columns = [np.broadcast_to(n, buyers.shape), *(v.cumsum(axis=1) for v in [buyers, *sums])]
    return dict(zip(NAMES, columns, strict=True))


def without_a_lift(seed, runs, buyers, **of_policy):
    rng, units = np.random.default_rng(seed), buyers / RATE / HELD_OUT
    policy = group(rng, runs, units * (1 - HELD_OUT), **of_policy)
    return policy, group(rng, runs, units * HELD_OUT)


def looks_of(groups, what, pooled, least):
    columns = ("n", "buyers", what, f"{what} squares")
    return value_looks(*([sums[name] for name in columns] for sums in groups), pooled=pooled, least=least)


def moments(groups, run, look):
    found = []
    for sums in groups:
        n, buyers, y, yy, raw, raw_raw = (sums[name][run, look] for name in NAMES)
        found.append(Moments(int(n), int(buyers), float(y), float(yy), float(raw), float(raw_raw), float(n), float(n)))
    return tuple(found)


@pytest.mark.parametrize("buyers", [100, 400])
def test_the_same_revenue_on_both_sides(buyers, full, note):
    """1,500 runs, 400 looks until the holdout has so many buyers, the first at a quarter of them: capped, with the
    larger of own and pooled error, the planned boundary and the rule stay at .061 (.05 and two standard errors).

    Small: 300 runs, .08. False alarm: 2 %.
    """
    (target, least), (runs, bar) = HORIZONS[buyers], (1_500, 0.061) if full else (300, 0.08)
    groups = without_a_lift(77, runs, buyers)
    right = looks_of(groups, "capped", "maximum", least)
    planned, rule = share(right.outside(target, **PLANNED_ONLY)), share(right.outside(target, **RULE))
    peeked = share(looks_of(groups, "raw", "", least).peeked())
    case = f"A/A, revenue, {buyers} buyers held out"
    note(f"{case}: planned .05, capped, larger error", planned, f"<= {bar}")
    note(f"{case}: planned .04 + open .01", rule, f"<= {bar}")
    note(f"{case}: 95 % interval peeked at, uncapped", peeked, ">= .2")
    assert planned <= bar and rule <= bar and peeked >= 0.2
    if least == 100:  # as the real one has it
        claiming = np.flatnonzero(right.outside(target, **RULE).any(axis=1))[:2]
        same_as_the_real_one(
            right, lambda run, look: moments(groups, run, look), "value", [0, *claiming], target_lift=target, **RULE
        )


def test_neither_cap_nor_error_is_for_nothing(full, note):
    """100 buyers at the end, planned boundary at .05, 3,000 runs: with the groups' own error it claims in .055 and more
    uncapped, and in more than .01 more of the runs, capped or not, than capped with the larger error (measured: .03).

    Small: 600 runs, .05. False alarm: 2 %.
    """
    target, least = HORIZONS[100]
    groups = without_a_lift(78, 3_000 if full else 600, 100)
    found = {
        name: share(looks_of(groups, what, pooled, least).outside(target, **PLANNED_ONLY))
        for name, what, pooled in [
            ("uncapped, own error", "raw", ""),
            ("capped, own error", "capped", ""),
            ("capped, larger error", "capped", "maximum"),
        ]
    }
    for name, measured in found.items():
        note(f"A/A, revenue, 100 buyers held out: planned .05, {name}", measured)
    raw, capped, larger = found.values()
    assert raw >= (0.055 if full else 0.05) and min(raw, capped) > larger + 0.01


def test_the_pooled_error_alone_fails_where_spreads_differ(full, note):
    """Same capped mean, but the policy's buyers spend alike (sd of log .6): the pooled error believes the large
    group. It claims in .12 and more; the larger of both errors in .061 at most (small: 300 runs, .08). False alarm: 2
    %.
    """
    target, least = HORIZONS[400]
    runs, bar = (1_500, 0.061) if full else (300, 0.08)
    groups = without_a_lift(79, runs, 400, median=CAPPED_MEAN * np.exp(-(0.6**2) / 2), spread=0.6)
    alone, larger = (
        share(looks_of(groups, "capped", pooled, least).outside(target, **PLANNED_ONLY))
        for pooled in ("alone", "maximum")
    )
    note("A/A, revenue of unlike spread: planned .05, pooled error alone", alone, ">= .12")
    note("A/A, revenue of unlike spread: planned .05, larger error", larger, f"<= {bar}")
    assert alone >= 0.12 and larger <= bar
