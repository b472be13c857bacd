"""What an owner reads on applying a definition: what its holdout can show, or what it takes to say so."""

from __future__ import annotations

from banditcore.config import ExperimentSpec
from banditcore.findings import Power


def sentence(spec: ExperimentSpec, power: Power | None) -> str:
    """The power in words, or the fields that are missing for it."""
    if power is not None:
        return power.message
    if not (fields := missing(spec)):
        return (
            f"What the holdout of {spec.holdout:g} can show on goal {spec.primary_goal.name} cannot be told beforehand."
        )
    return f"To learn what the holdout of {spec.holdout:g} can show, add {_together(fields)}."


def missing(spec: ExperimentSpec) -> list[str]:
    """The fields of the definition, in words, without which nothing can be planned."""
    goal = spec.primary_goal
    wanted = [
        (spec.units_per_day, "units_per_day"),
        (spec.duration_s, "duration"),
        (goal.baseline, f"baseline of goal {goal.name}"),
        # A share determines its own spread; amounts and ratios do not.
        (goal.kind == "binary" or goal.spread, f"spread of goal {goal.name}"),
    ]
    return [words for value, words in wanted if not value]


def _together(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
