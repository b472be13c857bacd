"""Reports by hand: one of a shop that has seen it all, one that has only begun, one that must not be read."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import numpy as np

from banditcore.config import parse_experiment
from banditcore.errors import NotFound
from banditcore.findings import (
    Advice,
    Alarm,
    AudienceReport,
    Check,
    Epoch,
    GoalReport,
    GroupReport,
    GuardrailReport,
    Lift,
    Look,
    OffPolicyReport,
    Power,
    Report,
    Traffic,
    VariantReport,
    Verdict,
)
from banditcore.types import (
    ArmExplanation,
    ArmInfo,
    Decision,
    Experiment,
    ExperimentHealth,
    Explanation,
    FeatureContribution,
    Group,
    Health,
    StoreHealth,
)

DAY_US = 86_400_000_000
START_US = 1_790_000_000_000_000
NOW_US = START_US + 60 * DAY_US
NAN = math.nan
DECISION_ID = "0192f0c1a5b37c0e8d44aa10c0ffee11223344556677" + "8899"
VARIANTS = ("plain", "sale", "new", "loyalty", "bundle", "retired")


def group(units: int, matured: int, mean: float, *, raw: float = NAN, variance: float = NAN) -> GroupReport:
    """One side of a goal."""
    converted = 0 if math.isnan(mean) else round(matured * min(mean, 0.05))
    return GroupReport(units, matured, converted, mean, variance, mean if math.isnan(raw) else raw)


def lift(estimate: float, low: float, high: float, *, base: float = 0.05, information: float = 0.87) -> Lift:
    """A lift whose differences follow from the holdout's mean."""
    e_value = 640.0 if low > 0 or high < 0 else 3.1
    return Lift(estimate, low, high, 0.05, e_value, estimate * base, low * base, high * base, information, 0.81)


POLICY, HOLDOUT = group(182_340, 171_902, 0.0561), group(20_255, 19_120, 0.0501)

REFUSED = OffPolicyReport(
    "refused",
    "the propensity log supports no estimate: only 64 effective decisions saw the control, 100 are needed",
    *(NAN,) * 5,
    64.0,
    *(NAN,) * 3,
    None,
    "Raise the floor of the policy, so that the control is shown more often.",
)
AGREEING = OffPolicyReport(
    "ok", "", 0.0557, 0.0502, 0.109, 0.042, 0.181, 2_140.0, 0.1163, 0.0387, 0.1998, True,
    "Both figures agree: what the log of propensities says is what customers who were left out say.",
)  # fmt: skip


def goals() -> tuple[GoalReport, ...]:
    """Five goals: the primary one, revenue with a cap, a ratio, and two guardrails, one of which is alarmed."""
    audiences = tuple(
        AudienceReport(
            name, value, group(units, units - 900, 0.056), group(units // 9, units // 9 - 90, 0.05), status,
            lift(*found) if found else None, bool(found and found[1] > 0),
        )
        for name, value, units, status, found in (
            ("country", "DE", 91_400, "ready", (0.151, 0.062, 0.247)),
            ("country", "FR", 52_200, "ready", (0.083, -0.031, 0.211)),
            ("country", "PL", 30_100, "ready", (0.021, -0.112, 0.174)),
            ("country", "(other)", 2_040, "collecting", None),
            ("member", "true", 48_900, "ready", (0.187, 0.071, 0.316)),
            ("member", "false", 133_440, "ready", (0.094, 0.003, 0.194)),
        )
    )  # fmt: skip
    return (
        GoalReport(
            "purchase", "binary", "primary", "increase", True, POLICY, HOLDOUT, "ready", lift(0.121, 0.043, 0.206),
            outcome="better", verdict=Verdict("better", NOW_US - 9 * DAY_US, 0.118, 0.021, 0.224, 0.71),
            recent=lift(0.143, 0.011, 0.293), off_policy=AGREEING, audiences=audiences,
        ),
        GoalReport(
            "revenue", "value", "secondary", "increase", False, group(182_340, 171_902, 3.41, raw=3.62, variance=210.0),
            group(20_255, 19_120, 3.12, raw=3.19, variance=198.0), "ready", lift(0.093, -0.011, 0.208, base=3.12),
            uncapped=lift(0.135, -0.043, 0.346, base=3.19), recent=lift(0.101, -0.071, 0.305, base=3.1),
            off_policy=REFUSED,
        ),
        GoalReport(
            "revenue-per-order", "ratio", "secondary", "increase", False, group(182_340, 171_902, 61.2),
            group(20_255, 19_120, 62.3), "ready", lift(-0.018, -0.094, 0.065, base=62.3),
        ),
        GoalReport(
            "returned", "binary", "guardrail", "decrease", False, group(182_340, 150_220, 0.0213),
            group(20_255, 16_700, 0.0183), "ready", lift(0.164, 0.048, 0.293, base=0.0183), outcome="worse",
            guardrail=GuardrailReport(412.0, 200.0, True, 0.02, False),
        ),
        GoalReport(
            "newsletter-left", "binary", "guardrail", "decrease", False, group(182_340, 171_902, 0.0101),
            group(20_255, 19_120, 0.0102), "ready", lift(-0.009, -0.051, 0.017, base=0.0102), outcome="undecided",
            guardrail=GuardrailReport(0.31, 200.0, False, 0.02, True),
        ),
    )  # fmt: skip


def history() -> tuple[Look, ...]:
    """300 looks at purchase: wide at first, settling on .12; the first 20 have no off-policy figure."""
    random.seed(7)
    looks, drift = [], 0.0
    for index in range(300):
        done = (index + 1) / 300
        drift = 0.97 * drift + random.gauss(0, 0.006) * (1.2 - done)
        estimate, half = 0.121 + 0.1 * (1 - done) ** 3 + drift * (1.4 - done), 0.075 / math.sqrt(done)
        other, wide = 0.109 + 0.6 * drift * (1.3 - done), 0.064 / math.sqrt(done)
        beside = (NAN, NAN, NAN) if index < 20 else (other, other - wide, other + wide)
        time_us = START_US + round(done * 60 * DAY_US)
        looks.append(Look(time_us, "purchase", estimate, estimate - half, estimate + half, 0.87 * done, *beside))
    return tuple(looks)


def traffic() -> tuple[Traffic, ...]:
    """Sixty days, for everybody and by country: the policy comes to prefer "sale"."""
    random.seed(8)
    found = []
    for audience, value, scale in (("", "", 1.0), ("country", "DE", 0.5), ("country", "FR", 0.3)):
        for day in range(60):
            learned = 1 / (1 + math.exp(-(day - 18) / 7))
            shares = [0.2 - 0.14 * learned, 0.2 + 0.3 * learned, 0.2 + 0.06 * learned, 0.2 - 0.12 * learned]
            shares += [0.2 - 0.05 * learned, 0.0 if day > 12 else 0.05]
            start = START_US + day * DAY_US
            for variant, share in zip(VARIANTS, shares, strict=True):
                count = round(3_000 * scale * share * random.uniform(0.85, 1.15))
                if count:
                    found.append(Traffic(start, 86_400.0, audience, value, "POLICY", variant, count))
            found.append(Traffic(start, 86_400.0, audience, value, "HOLDOUT", "plain", round(330 * scale)))
    return tuple(found)


def variants() -> tuple[VariantReport, ...]:
    """A control, four that are shown, one of them starved, and one that was removed."""
    return (
        VariantReport("plain", True, True, 19_310, 0.1013, 0.0488, 0.0502, 0.0467, 0.0537, "", 0.0),
        VariantReport("sale", False, True, 84_120, 0.440, 0.0591, 0.0574, 0.0551, 0.0597, "", 0.71),
        VariantReport("new", False, True, 45_870, 0.240, 0.0577, 0.0568, 0.0536, 0.0600, "", 0.29),
        VariantReport("loyalty", False, True, 21_400, 0.112, 0.0511, 0.0519, 0.0478, 0.0560, "", 0.002),
        VariantReport("bundle", False, True, 18_640, 0.0975, 0.0497, 0.0508, 0.0461, 0.0555, "", 0.0004),
        VariantReport(
            "retired", False, False, 1_840, 0.0096, 0.0434, NAN, NAN, NAN,
            "only 71 effective decisions would have shown it: 100 are needed", NAN,
        ),
    )  # fmt: skip


CHECKS = (
    Check("sample_ratio", "ok", 1.3, "Holdout and policy have the sizes they should have."),
    Check(
        "join_rate", "warning", 0.941,
        "94.1 % of the rewards name a decision in the log; look for callers that drop or alter decision ids.",
    ),
    Check("immature", "ok", 0.056, "5.6 % of the units still wait for their windows to close and count later."),
    Check("merges", "ok", 0.002, "0.2 % of the units were merged; each counts where it was first assigned."),
    Check("twyman", "ok", 0.121, "The lift is of a size that is seen in practice."),
    Check("logging_loss", "ok", 0.0004, "0.04 % of the decisions were served without being logged."),
)  # fmt: skip


def rich() -> Report:
    """Sixty days of a shop: a decided primary goal, an alarmed guardrail, and one check that warns."""
    return Report(
        experiment="shop",
        version=3,
        status="running",
        time_us=NOW_US,
        decisions=211_435,
        holdout_share=0.10,
        target_lift=0.10,
        model_position=640_112,
        goals=goals(),
        variants=variants(),
        checks=CHECKS,
        alarms=(
            Alarm(
                NOW_US - 4 * DAY_US, "harm", "returned",
                "returned is worse under the policy (e-value 412, alarm at 200): everybody gets the control until"
                " somebody resumes the experiment.",
            ),
        ),
        epochs=(Epoch(1, 0.05, START_US), Epoch(2, 0.10, START_US + 11 * DAY_US)),
        advice=Advice(False, "Do not ship: the guardrail returned is alarmed, although purchase is better."),
        power=Power(
            210_000.0, 0.087, 47.0, 0.31,
            "With a holdout of 10 % and 3,500 new units a day it shows a lift of 8.7 % in 60 days, and the target of"
            " 10 % in 47 days.",
        ),
        history=history(),
        traffic=traffic(),
        caveats=(
            "A customer with two ids counts twice, once on each side if the ids fell so.",
            "Variants are compared while the policy learns: their values are those of the traffic of these 60 days.",
        ),
        behind=17,
    )  # fmt: skip


def empty() -> Report:
    """An hour after the start: nothing may be said yet."""
    none = GroupReport(412, 0, 0, NAN, NAN, NAN)
    note = "0 of 25 conversions in the policy group, 0 of 25 in the holdout"
    return Report(
        experiment="fresh",
        version=1,
        status="running",
        time_us=NOW_US,
        decisions=455,
        holdout_share=0.10,
        target_lift=0.10,
        model_position=0,
        goals=(
            GoalReport(
                "purchase", "binary", "primary", "increase", True, none, replace(none, units=43), "collecting", None,
                note,
            ),
        ),
        variants=tuple(
            VariantReport(name, name == "plain", True, 206, 0.5, NAN, NAN, NAN, NAN, "no window has closed yet", NAN)
            for name in ("plain", "sale")
        ),
        checks=(Check("sample_ratio", "ok", 1.0, "Holdout and policy have the sizes they should have."),),
        alarms=(),
        epochs=(Epoch(1, 0.10, NOW_US - 3_600_000_000),),
        advice=Advice(False, "Wait: purchase is still collecting."),
        power=None,
        history=(),
        traffic=(),
    )  # fmt: skip


def blanked() -> Report:
    """The rich one after the ratio of the groups went wrong; what was estimated all the same must not be read."""
    report = rich()
    words = "customers are missing from the holdout: 9.1 % instead of 10 % (e-value 4,120, alarm at 1,000)"
    bad = Check("sample_ratio", "alarm", 4_120.0, f"The {words[10:]}: find where they are lost.", blanks=True)
    return replace(
        report,
        experiment="broken",
        goals=tuple(
            replace(
                goal, status="blanked", lift=None, note=words, outcome="undecided",
                audiences=tuple(
                    replace(item, status="blanked", lift=None, discovered=False) for item in goal.audiences
                ),
            )
            for goal in report.goals
        ),
        checks=(replace(bad, message=f"{words[0].upper()}{words[1:]}. Find where they are lost."), *CHECKS[1:]),
        alarms=(*report.alarms, Alarm(NOW_US - DAY_US, "sample_ratio", "epoch 2", f"{words[0].upper()}{words[1:]}.")),
        advice=Advice(False, "Wait: a check has failed."),
    )  # fmt: skip


def experiment(name: str, status: str = "running") -> Experiment:
    """A definition to go with a report."""
    spec = parse_experiment(
        name,
        {
            "control": "plain",
            "holdout": 0.1,
            "variants": ["plain", "sale"],
            "policy": "uniform",
            "goals": [{"name": "purchase"}],
        },
    )
    arms = tuple(ArmInfo(variant.key, "", True) for variant in spec.variants)
    return Experiment(spec, 1, status, arms, 1, 0, (), 640_112, START_US, NOW_US)


def health() -> Health:
    """A store that fares well; "shop" is a little behind."""
    return Health(
        StoreHealth(True, 4_200_000, 12.0, 88_000_000_000),
        (
            ExperimentHealth("broken", 640_112, 0, 0.0, 8_123, 0),
            ExperimentHealth("fresh", 0, 0, 0.0, 412, 0),
            ExperimentHealth("shop", 640_112, 41, 2.4, 9_870, 3),
        ),
    )


def explanation() -> Explanation:
    """One decision of the shop, with what each feature did."""
    vector = np.array([0.071, 0.522, 0.287, 0.06, 0.06, 0.0])
    scores = (0.041, 0.0612, 0.0587, 0.0455, 0.0441, 0.0301)
    features = (("age", 0.4, 0.0041), ("country=DE", 1.0, 0.0122), ("member", 1.0, 0.0071), ("one", 1.0, 0.0378))
    return Explanation(
        decision=Decision(
            DECISION_ID, "shop", 3, "customer-42", Group.POLICY, 1, "sale", '{"banner": "sale.png"}', 0.522, vector,
            640_020, NOW_US - DAY_US, 0.0004,
        ),
        policy="logistic_ts",
        floor=0.02,
        method="quadrature",
        holdout_share=0.1,
        holdout_bucket=0.7314,
        draw=0.4127,
        context=np.array([0.4, 1.0, 1.0, 1.0]),
        arms=tuple(
            ArmExplanation(
                name, index < 5, score, float(vector[index]),
                tuple(FeatureContribution(f, v, c * score / 0.0612) for f, v, c in features),
            )
            for index, (name, score) in enumerate(zip(VARIANTS, scores, strict=True))
        ),
        recomputed=True,
    )  # fmt: skip


@dataclass
class Shelf:
    """Answers as an engine does, with the reports it was given."""

    reports: tuple[Report, ...]
    asked: int = 0
    """How often a report was asked for."""

    def list(self) -> list[Experiment]:
        return [experiment(report.experiment, report.status) for report in self.reports]

    def report(self, name: str) -> Report:
        self.asked += 1
        for report in self.reports:
            if report.experiment == name:
                return report
        raise NotFound(f"experiment {name!r} does not exist", field="experiment", reason="EXPERIMENT_NOT_FOUND")

    def health(self) -> Health:
        return health()

    def explain(self, decision_id: str) -> Explanation:
        if decision_id != DECISION_ID:
            raise NotFound(f"decision_id {decision_id!r} is not in the log", field="decision_id", reason="NOT_FOUND")
        return explanation()
