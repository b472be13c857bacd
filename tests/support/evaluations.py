"""Evaluations and replays of every shape, made by hand, for tests of what shows them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from banditcore.evaluated import (
    ArmHealth,
    Course,
    Estimate,
    Evaluation,
    LogHealth,
    Replay,
    ReplayReport,
    TargetReport,
    Weights,
)

NAN = math.nan
HOSTILE = '<script>alert("1")</script>[red]&\'" \x1b[31m'
LONG = "linear_thompson:alpha=0.25,ridge=1.0,floor=0.01,features=age+country+device+hour+weekday+" + "x" * 80


def estimate(value: float, error: float, name: str = "dr", **rest: Any) -> Estimate:
    wide = 1.55 * 1.96 * error
    fields = {
        "low": value - 1.96 * error,
        "high": value + 1.96 * error,
        "anytime_low": value - wide,
        "anytime_high": value + wide,
    }
    return Estimate(name, value, error, **fields | rest)


def weights(rows: int = 20_000, ess: float = 4_200.0, **rest: Any) -> Weights:
    edges = (0.0, *(2.0**power for power in range(-4, 7)), math.inf)
    parts = (0.01, 0.03, 0.06, 0.12, 0.2, 0.18, 0.12, 0.06, 0.02, 0.006, 0.002, 0.0004)
    counts = tuple(round(rows * part) for part in parts)
    zero = 1.0 - sum(counts) / rows if rows else NAN
    fields = {"mean": 1.003, "surprise": 0.4, "largest": 71.3, "largest_share": 0.0036, "unsupported": 0.0}
    return Weights(rows=rows, effective_sample=ess, zero_share=zero, edges=edges, counts=counts, **fields | rest)


def target(name: str, value: float, error: float = 0.0021, mean: float = 0.1104, **rest: Any) -> TargetReport:
    """A green one."""
    estimates = (
        estimate(value, error),
        estimate(value + 0.4 * error, 1.1 * error, "snips"),
        Estimate("ips", value - 0.3 * error, role="sensitivity"),
        Estimate("dm", value - 1.7 * error, role="sensitivity"),
        Estimate("dros", value - 0.2 * error, role="sensitivity", parameter=12.5),
    )
    fields: dict[str, Any] = {
        "status": "green",
        "reasons": (),
        "estimates": estimates,
        "gain": estimate(value - mean, error),
        "lower": max(value - 0.06, 0.0),
        "upper": value + 0.07,
        "weights": weights(),
        "estimators_apart": 0.4,
        "model_apart": -1.7,
    }
    return TargetReport(name, **fields | rest)


def amber(name: str, value: float, error: float = 0.008, **rest: Any) -> TargetReport:
    alone = estimate(value, error, low=NAN, high=NAN)
    gain = estimate(value - 0.1104, error, low=NAN, high=NAN)
    reason = "its effective sample is 188 rows, fewer than 300: only an interval that is valid at all looks is shown"
    found = target(name, value, status="amber", reasons=(reason,), estimates=(alone,), gain=gain)
    return replace(found, weights=weights(ess=188.4, largest_share=0.021), **rest)


def refused(name: str, **rest: Any) -> TargetReport:
    reasons = (
        "its effective sample is 37 rows, fewer than 100: it plays what the log hardly ever showed",
        "one row carries 12.4 % of all weight, more than 5 %",
    )
    found = target(name, 0.1, status="refused", reasons=reasons, estimates=(), gain=None, lower=0.031, upper=0.412)
    poor = weights(ess=37.2, largest=812.0, largest_share=0.124, mean=0.91, surprise=1.3)
    return replace(found, weights=poor, estimators_apart=NAN, model_apart=NAN, **rest)


def arm(variant: str, shown: int, mean: float, surprise: float, error: float = 0.02, **rest: Any) -> ArmHealth:
    fields = {"eligible": 20_000, "inverse": 1.0 + surprise * error, "least": 0.0125}
    return ArmHealth(variant, shown, mean, surprise=surprise, **fields | rest)


ARMS = (
    arm("free shipping", 6_210, 0.1312, 0.7),
    arm("sale", 8_004, 0.1189, -1.2, 0.011),
    arm("plain", 5_402, 0.0791, 0.3, 0.016),
    arm("new arrivals", 372, 0.0914, 2.1, 0.06),
    arm("gift card", 12, 0.0833, NAN, inverse=0.62, eligible=1_980, least=0.004),
)
HEALTH = LogHealth(
    rows=20_000,
    left_out={"the policy did not draw the arm (fallback)": 211, "no propensity": 12},
    status="green",
    reasons=(),
    can=(
        "what any target earns that plays only variants that had a chance: whole vectors of probabilities are in it",
        "intervals for customers who come back: it has units",
    ),
    cannot=(
        "what gift card would earn: it was shown 12 times",
        "effects later than the window of the reward",
    ),
    arms=ARMS,
    units=11_842,
    has_units=True,
    largest_unit=0.0011,
    has_vectors=True,
    has_times=True,
    steps_back=0,
    fallback_share=0.0104,
    repeated=0.081,
    certain=0.0,
    drift=-0.8,
    mean_reward=0.1104,
    reward_error=0.0022,
    least_reward=0.0,
    most_reward=1.0,
)
TARGETS = (
    target("lin_ucb:alpha=0.5", 0.1312),
    target("always:free shipping", 0.1274, 0.0034),
    target("always:sale", 0.1121, 0.0029),
    target("always:plain", 0.0802, 0.0031),
    amber("always:new arrivals", 0.0951),
    refused("always:gift card"),
)
SETTINGS = {"policies": "lin_ucb:alpha=0.5", "folds": "5, in order of time", "model": "ridge, by arm", "seed": "7"}
SHOP = Evaluation("shop-log.parquet", 0.05, HEALTH, TARGETS, trained=10_000, settings=SETTINGS)
"""One that would earn more, one perhaps, one the same, one less, one amber, one refused."""


def course(value: float, last: int = 4_000, spread: float = 0.004) -> Course:
    steps = tuple(range(last // 80, last + 1, last // 80))
    mean = tuple(value - 0.035 * math.exp(-step / 700) + 0.02 * math.cos(step / 90) / math.sqrt(step) for step in steps)
    wide = [spread + 1.8 * spread * math.sqrt(last / step) / 3 for step in steps]
    low = tuple(item - by for item, by in zip(mean, wide, strict=True))
    return Course(steps, mean, low, tuple(item + by for item, by in zip(mean, wide, strict=True)))


def policy(name: str, value: float, spread: float = 0.0045, **rest: Any) -> ReplayReport:
    fields: dict[str, Any] = {
        "status": "green",
        "reasons": (),
        "method": "rejection",
        "value": value,
        "spread": spread,
        "low": value - 0.45 * spread,
        "high": value + 0.45 * spread,
        "least": value - 1.9 * spread,
        "most": value + 2.1 * spread,
        "repeats": 20,
        "shuffled": True,
        "accepted": 4_000,
        "rows": 20_000,
        "bound": 5.0,
        "over": 0,
        "logged": 0.1104,
        "course": course(value),
    }
    return ReplayReport(name, **fields | rest)


NOT_REPLAYED = policy(
    "neural:width=64",
    NAN,
    NAN,
    status="refused",
    reasons=("it accepted 61 rows of 20,000, fewer than 100: the log shows too little of what it would play",),
    low=NAN,
    high=NAN,
    least=NAN,
    most=NAN,
    accepted=61,
    course=Course((), (), (), ()),
)
REPLAY = Replay(
    "shop-log.parquet",
    0.05,
    HEALTH,
    (
        policy("lin_ucb:alpha=0.5", 0.1294),
        policy("beta_ts", 0.1182, over=31, status="amber", reasons=("31 rows had a ratio above M = 5",)),
        policy("uniform", 0.1011, notes=("It does not learn; it is here to compare with.",)),
        NOT_REPLAYED,
    ),
    SETTINGS,
)

NOTHING = Evaluation(
    "empty.csv",
    0.05,
    replace(
        HEALTH,
        rows=0,
        left_out={"no reward": 1_204},
        status="refused",
        reasons=("no row is left: all 1,204 were left out",),
        can=(),
        arms=(),
        units=0,
        **dict.fromkeys(
            ("largest_unit", "fallback_share", "repeated", "certain", "drift", "mean_reward", "reward_error"), NAN
        ),
        least_reward=NAN,
        most_reward=NAN,
    ),
    (
        TargetReport(
            "always:sale",
            "refused",
            ("no row is left",),
            (),
            None,
            NAN,
            NAN,
            Weights(0, NAN, NAN, NAN, NAN, 0.0, NAN, NAN, (), ()),
        ),
    ),
)
"""Zero rows left, so that nothing is a number."""
HOSTILES = replace(
    SHOP,
    source=f"{HOSTILE}.csv",
    targets=tuple(
        replace(item, target=f"{item.target}{HOSTILE}", reasons=(HOSTILE,), notes=(HOSTILE,)) for item in TARGETS
    ),
    health=replace(
        HEALTH,
        left_out={HOSTILE: 3},
        reasons=(HOSTILE,),
        can=(HOSTILE,),
        cannot=(HOSTILE,),
        arms=tuple(replace(item, variant=HOSTILE + item.variant) for item in ARMS),
    ),
    settings={HOSTILE: HOSTILE},
)
HOSTILE_REPLAY = replace(
    REPLAY,
    source=HOSTILE,
    policies=tuple(replace(item, policy=item.policy + HOSTILE, notes=(HOSTILE,)) for item in REPLAY.policies),
    settings={HOSTILE: HOSTILE},
)
ONE = replace(SHOP, targets=TARGETS[:1])
FORTY = replace(
    SHOP,
    targets=tuple(
        make(f"{LONG if number % 9 == 0 else 'softmax:temperature='}{number}", 0.09 + 0.001 * number)
        for number, make in enumerate((target, target, amber, target) * 10)
    ),
)
HUGE = replace(
    SHOP,
    health=replace(HEALTH, mean_reward=3.1e12, reward_error=4e9, least_reward=-2.2e15, most_reward=8.8e15),
    targets=(
        target("revenue", 3.4e12, 5e9, 3.1e12, lower=-1e15, upper=9e15),
        refused("other", lower=-1e15, upper=9e15),
    ),
)
TINY = replace(
    SHOP,
    health=replace(HEALTH, mean_reward=2.1e-7, reward_error=3e-9, most_reward=1e-4),
    targets=(target("clicks", 2.4e-7, 4e-9, 2.1e-7, lower=0.0, upper=1e-4),),
)
EVALUATIONS = {
    "shop": SHOP,
    "nothing": NOTHING,
    "hostile": HOSTILES,
    "one": ONE,
    "forty": FORTY,
    "long": replace(SHOP, targets=(target(LONG, 0.13), refused(f"{LONG}2"))),
    "huge": HUGE,
    "tiny": TINY,
    "refused": replace(SHOP, targets=(refused("a"), refused("b", lower=NAN, upper=NAN))),
    "none": replace(SHOP, targets=()),
}
REPLAYS = {
    "shop": REPLAY,
    "hostile": HOSTILE_REPLAY,
    "refused": replace(REPLAY, policies=(NOT_REPLAYED,)),
    "none": replace(REPLAY, policies=()),
    "twelve": replace(REPLAY, policies=tuple(policy(f"{LONG}{n}", 0.1 + 0.002 * n) for n in range(12))),
}
