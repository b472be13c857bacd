"""What a log can answer and what it cannot, in sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentences depend on."""

    sound: bool
    """No variant was shown more or less often than by its propensities."""
    uniform: bool
    """Every arm that could be shown had the same chance, in every row."""
    least: float
    """Smallest propensity with which anything was shown."""
    certain: bool
    """Every propensity is 1."""
    vectors: bool
    units: bool
    times: bool
    own_features: bool
    """Contexts are features of each arm."""


def can(facts: Facts) -> tuple[str, ...]:
    if not facts.sound:
        return ("Show how often each variant was shown and what it earned then, which compares nothing.",)
    if facts.certain:
        return ("Say what the policy that wrote it earns, and nothing of any other.",)
    found = ["Say what any policy would earn that gives a probability to what was shown: IPS and SNIPS."]
    found.append("With whole vectors of the target and an outcome model also DR, and what is held against it.")
    if facts.vectors:
        found.append("Tell exactly how much of a target had no chance in the log.")
    if facts.uniform:
        found.append(
            "Replay policies that learn by matching, since each arm had the same chance: no weights are needed."
        )
    else:
        found.append(
            f"Replay policies that learn by rejection, with ratios up to M = 1 / {facts.least:.3g} = "
            f"{1.0 / facts.least:.4g}: about one row in M is used."
        )
    if facts.own_features:
        found.append("Evaluate policies over features of each arm.")
    return tuple(found)


def cannot(facts: Facts) -> tuple[str, ...]:
    found = []
    if not facts.sound:
        found.append("Say what any other policy would earn: its propensities are not what was drawn from.")
    elif facts.certain:
        found.append("Say anything of other policies: nothing else was tried.")
    elif not facts.vectors:
        found.append(
            "Tell arms without a chance from those with a small one, as it has no whole vectors: a target that plays "
            "them shows only in a mean of the weights below 1."
        )
    if not facts.units:
        found.append("Tell who was shown what: errors take rows as independent, and are too small where people return.")
    if not facts.times:
        found.append("Tell when a row was written: the order in the file is taken as the order in time.")
    found.append("Say what a policy does to later visits: it is worth what it earns where it was asked.")
    return tuple(found)
