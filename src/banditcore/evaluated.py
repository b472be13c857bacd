"""What an evaluation of a log says; plain frozen data. NaN stands where nothing may be said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["green", "amber", "refused"]
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimator's answer to "what does a decision of this target earn?", in units of the reward."""

    estimator: str
    value: float
    standard_error: float = NAN
    low: float = NAN
    """With `high`, covers the truth with probability 1 - alpha at one look; NaN where a bias is not in it."""
    high: float = NAN
    anytime_low: float = NAN
    """With `anytime_high`, at all looks together."""
    anytime_high: float = NAN
    role: Literal["main", "sensitivity"] = "main"
    parameter: float = NAN
    """The clip, threshold or shrinkage that was used."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How far the target is from what was logged: w = P(arm shown | target) / P(arm shown | log)."""

    rows: int
    mean: float
    """1 but for chance, where the target plays nothing that had no chance."""
    surprise: float
    """|mean - 1| in standard errors."""
    largest: float
    largest_share: float
    """Of the sum of all weights."""
    effective_sample: float
    """(sum of w)^2 / (sum of w^2), in rows."""
    zero_share: float
    """Rows of weight 0."""
    unsupported: float
    """Mean probability that the target gives to arms which had no chance; NaN where the log tells neither vectors
    nor eligible arms."""
    edges: tuple[float, ...] = ()
    """m + 1 bounds of the histogram: 0, then powers of 2, then infinity."""
    counts: tuple[int, ...] = ()
    """m numbers of rows with edges[i] <= w < edges[i + 1]; rows of weight 0 are not among them."""
    foreseen_sample: float = NAN
    """The effective sample as whole vectors had it before anything was drawn; NaN where the log has none."""
    effective_rewards: float = NAN
    """How many rewards other than the usual one the figure rests on, as if they were alike; at most the rows."""


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What the log says of one target."""

    target: str
    status: Status
    reasons: tuple[str, ...]
    """Why it is amber or refused; empty when it is green."""
    estimates: tuple[Estimate, ...]
    """The main ones first; none where refused, and where amber for too few effective rows only DR (SNIPS without a
    model), with `anytime` only."""
    gain: Estimate | None
    """Its value less the mean of the log, of the first of `estimates`."""
    lower: float
    """With `upper`, bounds that hold whatever the overlap, with 1 - alpha; NaN where the propensities are wrong."""
    upper: float
    weights: Weights
    estimators_apart: float = NAN
    """|DR - SNIPS| in standard errors of DR."""
    bootstrap_low: float = NAN
    """With `bootstrap_high`, percentile interval of the first of `estimates`, where it was asked for and is green."""
    bootstrap_high: float = NAN
    model_apart: float = NAN
    """DM - DR in standard errors of DR: how wrong the outcome model is by itself."""
    notes: tuple[str, ...] = ()
    """What a reader must know, such as that it was trained on the first half."""


@dataclass(frozen=True, slots=True)
class ArmHealth:
    """One variant in the log."""

    variant: str
    shown: int
    mean: float
    """Raw mean reward of the rows in which it was shown: biased by who was shown it."""
    eligible: int
    """Rows in which it could be shown."""
    inverse: float
    """Mean of 1[shown] / p over those rows: 1 but for chance when the propensities are right."""
    surprise: float
    """How far it was shown too often or too rarely, in standard errors; NaN where too little is expected to tell."""
    least: float
    """Smallest propensity with which it was shown."""


@dataclass(frozen=True, slots=True)
class LogHealth:
    """Whether a log can carry an evaluation at all."""

    rows: int
    """That count: without those left out and the fallbacks."""
    left_out: Mapping[str, int]
    """Reason -> rows that were not used."""
    status: Status
    reasons: tuple[str, ...]
    """Why it is amber or refused."""
    can: tuple[str, ...]
    """What it can answer, in sentences."""
    cannot: tuple[str, ...]
    arms: tuple[ArmHealth, ...]
    units: int
    """Different units; the number of rows where the log does not tell them."""
    has_units: bool
    largest_unit: float
    """Share of all rows that the group of units with the most rows has; NaN without units."""
    has_vectors: bool
    has_times: bool
    steps_back: int
    """Rows earlier than the one before."""
    fallback_share: float
    """Rows whose arm the policy did not draw."""
    repeated: float
    """Share of the rows that have the commonest propensity."""
    certain: float
    """Share of the rows with propensity 1: nothing is learned of other arms there."""
    drift: float
    """Difference of the mean reward between the halves of the log, in standard errors."""
    mean_reward: float
    reward_error: float
    """Standard error of the mean, clustered by unit."""
    least_reward: float
    most_reward: float
    wrong_propensities: bool = False
    """Whether some variant came more or less often than they say, beyond chance."""


@dataclass(frozen=True, slots=True)
class Course:
    """A learning policy's way through a log, as the mean over its repeats."""

    steps: tuple[int, ...]
    """Accepted rows up to each point."""
    mean: tuple[float, ...]
    """Mean reward of all accepted rows up to it."""
    low: tuple[float, ...]
    """Smallest and largest over the repeats."""
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a policy that learns along the way would have earned a decision."""

    policy: str
    status: Status
    reasons: tuple[str, ...]
    method: str
    """"match", "rejection" or "dr_ns"."""
    value: float
    """Mean over the repeats."""
    spread: float
    """Standard deviation between repeats: one repeat is one trajectory, so this is what another may differ by."""
    low: float
    """With `high`, 1 - alpha interval of what the policy is expected to earn over logs like this one."""
    high: float
    least: float
    """Smallest and largest repeat."""
    most: float
    repeats: int
    shuffled: bool
    """Whether repeats differ in the order of rows; else in their random numbers only."""
    accepted: int
    """Rows that a repeat learned from: the mean over the repeats."""
    rows: int
    """Read by a repeat."""
    bound: float
    """M of the rejection: the largest ratio it allows, fixed before."""
    over: int
    """Rows whose ratio was larger, over all repeats: with any, the value is biased."""
    logged: float
    """Mean reward of the log."""
    course: Course
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Targets on one log. `banditcore.evaluation.show` prints it, draws it and makes tables of it."""

    source: str
    alpha: float
    health: LogHealth
    targets: tuple[TargetReport, ...]
    trained: int = 0
    """First rows, which targets that learn were trained on; no estimate uses them."""
    left: int = 0
    """Rows after those that a model among the targets may have learned from; no estimate uses them either."""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replay:
    """Learning policies on one log."""

    source: str
    alpha: float
    health: LogHealth
    policies: tuple[ReplayReport, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
