"""What a report says, as plain frozen data: lift, checks, what each variant is worth, and how it came to that.

Relative numbers are ratio - 1: .05 is five per cent up. Times are microseconds since the Unix epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GoalStatus = Literal["collecting", "ready", "blanked"]
"""Too little data for an interval; an interval; or data that must not be read, since a check has failed."""
Outcome = Literal["better", "worse", "undecided"]
Level = Literal["ok", "warning", "alarm"]


@dataclass(frozen=True, slots=True)
class GroupReport:
    """One side of the lift on one goal."""

    units: int
    """Units decided for, matured or not."""
    matured_units: int
    """Units with at least one decision whose window has closed; only these count below."""
    converted_units: int
    """Matured units with a non-zero outcome."""
    mean: float
    """Mean outcome a matured unit, up to the cap if there is one; of a ratio: sum over sum. NaN when there is none."""
    variance: float
    """Sample variance of the (capped) outcome; NaN below two units and for ratios."""
    raw_mean: float
    """Mean outcome without the cap."""


@dataclass(frozen=True, slots=True)
class Lift:
    """POLICY against HOLDOUT on the log-ratio scale; all relative numbers are ratio - 1."""

    estimate: float
    low: float
    high: float
    alpha: float
    """Error of the interval over all looks together."""
    e_value: float
    """Evidence against "no lift"; for an interval by the confidence sequence alone, at least 1 / alpha exactly when it
    excludes 0."""
    difference: float
    """Absolute: mean(POLICY) - mean(HOLDOUT), with its interval."""
    difference_low: float
    difference_high: float
    information: float
    """Information so far over the information planned for the target lift; 1 at the planned horizon."""
    variance_ratio: float = 1.0
    """Variance with the covariate over variance without it; 1 where there is none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The primary goal's answer, frozen at the first look that had all of the planned information, or earlier when the
    planned boundary was crossed."""

    outcome: Outcome
    time_us: int
    estimate: float
    low: float
    high: float
    information: float


@dataclass(frozen=True, slots=True)
class OffPolicyReport:
    """The lift over "always the control" as the propensity log has it: from POLICY decisions alone, by decision."""

    status: Literal["ok", "amber", "refused"]
    reason: str
    """Why it is refused or to be read with care; empty when ok."""
    policy_value: float
    """Mean outcome a decision under the policy; NaN when refused, like the rest."""
    control_value: float
    """Doubly robust mean outcome a decision if the control had always been shown."""
    estimate: float
    low: float
    high: float
    effective_sample_size: float
    by_decision: float
    """The lift over the holdout counted the same way, by decision and not by unit, which is what it must agree with."""
    by_decision_low: float
    by_decision_high: float
    agrees: bool | None
    """Whether it agrees with `by_decision`; None while one of the two is missing, or both are too wide to tell."""
    explanation: str
    """What agreement or disagreement means, in a sentence."""


@dataclass(frozen=True, slots=True)
class GuardrailReport:
    """Whether a guardrail goal holds."""

    e_value: float
    """One-sided evidence of harm; the alarm comes at `threshold`."""
    threshold: float
    alarmed: bool
    margin: float
    safe_to_ship: bool
    """Whether the interval lies above -margin (in the good direction)."""


@dataclass(frozen=True, slots=True)
class AudienceReport:
    """The lift within units that had one value of an audience attribute at their first decision."""

    audience: str
    value: str
    policy: GroupReport
    holdout: GroupReport
    status: GoalStatus
    lift: Lift | None
    discovered: bool
    """Whether e-BH at .05 over all audiences counts it as different from 0."""


@dataclass(frozen=True, slots=True)
class GoalReport:
    """One goal of an experiment, as it stands now."""

    goal: str
    kind: str
    role: str
    direction: str
    learned: bool
    policy: GroupReport
    holdout: GroupReport
    status: GoalStatus
    lift: Lift | None
    """None while collecting or blanked. Stratified by epoch where the holdout share has moved."""
    note: str = ""
    """What is still missing, or why it is blanked."""
    outcome: Outcome = "undecided"
    """What may be said now: of the primary goal by its rule, of the others by e-BH at .05 over all of them."""
    verdict: Verdict | None = None
    """Of the primary goal only."""
    uncapped: Lift | None = None
    """The same without the cap, beside it."""
    recent: Lift | None = None
    """Outcomes of the last `Report.recent_days` only, per unit of the group: the policy as it is now."""
    off_policy: OffPolicyReport | None = None
    """Of the primary goal, unless it is a ratio."""
    guardrail: GuardrailReport | None = None
    audiences: tuple[AudienceReport, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantReport:
    """One variant within the POLICY group."""

    variant: str
    control: bool
    active: bool
    decisions: int
    share: float
    """Share of the POLICY group's decisions."""
    raw_mean: float
    """Mean outcome a decision on the learned goal. Raw: biased by the policy's selection, not an effect."""
    value: float
    """Doubly robust mean outcome a decision if this variant were always shown; NaN when refused."""
    value_low: float
    value_high: float
    """Ends of its anytime-valid 95 % interval."""
    value_reason: str
    """Why there is no value; empty when there is."""
    probability_best: float
    """That its value is the largest, as a normal approximation has it; NaN when refused."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check that comes before the numbers."""

    name: str
    """Such as "sample_ratio", "join_rate", "immature", "merges", "twyman", "logging_loss"."""
    level: Level
    value: float
    """What was measured, in the check's own unit."""
    message: str
    """What it means and what to do, in a sentence."""
    blanks: bool = False
    """Whether no lift is shown because of it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that happened and stays in the log."""

    time_us: int
    kind: str
    """"sample_ratio" or "harm"."""
    subject: str
    """Where it was found: a goal, or an epoch and audience."""
    message: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """A time in which the holdout share stood still; estimates are stratified by it."""

    number: int
    """From 1."""
    holdout: float
    start_us: int


@dataclass(frozen=True, slots=True)
class Power:
    """What the holdout of a definition can show, from what its owner expects (fixed-size test, 80 % power)."""

    units: float
    """New units expected over the duration."""
    smallest_lift: float
    """Smallest relative lift it shows by then."""
    days_to_target: float
    """Until it shows the target lift."""
    best_share: float
    """Holdout share that shows the smallest lift with as many units."""
    message: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to ship the policy to everybody."""

    ship: bool
    message: str


@dataclass(frozen=True, slots=True)
class Look:
    """Lift and off-policy lift of a goal as they were at one time; NaN where there was none."""

    time_us: int
    goal: str
    estimate: float
    low: float
    high: float
    information: float
    off_policy: float
    off_policy_low: float
    off_policy_high: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Decisions for one variant within one span of time."""

    time_us: int
    """Start of the span."""
    width_s: float
    audience: str
    """Empty: everybody."""
    value: str
    group: str
    variant: str
    decisions: int


@dataclass(frozen=True, slots=True)
class Report:
    """What an experiment has shown so far."""

    experiment: str
    version: int
    status: str
    time_us: int
    decisions: int
    holdout_share: float
    target_lift: float
    model_position: int
    goals: tuple[GoalReport, ...]
    variants: tuple[VariantReport, ...]
    checks: tuple[Check, ...]
    alarms: tuple[Alarm, ...]
    """Oldest first."""
    epochs: tuple[Epoch, ...]
    advice: Advice
    power: Power | None
    """None where the definition says too little about what is expected."""
    history: tuple[Look, ...]
    """Oldest first, thinned to some hundred a goal."""
    traffic: tuple[Traffic, ...]
    recent_days: float = 28.0
    caveats: tuple[str, ...] = ()
    """What is outside of every guarantee here, in sentences."""
    behind: int = 0
    """Decisions that could not be counted yet."""
