"""What may be asked of the estimators, checked once where it comes in."""

from __future__ import annotations

import math

from banditcore.errors import InvalidInput
from banditcore.estimators.lift.outcome import KINDS

SMALLEST_TARGET = 1e-6
DIRECTIONS = ("increase", "decrease")


def check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"kind must be one of {', '.join(KINDS)}, got {kind!r}", field="kind")


def check_direction(direction: str) -> None:
    if direction not in DIRECTIONS:
        raise InvalidInput(f"direction must be increase or decrease, got {direction!r}", field="direction")


def check_target(target_lift: float) -> None:
    if not SMALLEST_TARGET <= target_lift < math.inf:
        raise InvalidInput(
            f"target_lift must be a finite relative lift of at least {SMALLEST_TARGET:g}, got {target_lift}",
            field="target_lift",
        )


def check_alphas(open_alpha: float, planned_alpha: float) -> None:
    if not 0.0 < open_alpha < 1.0:
        raise InvalidInput(f"open_alpha must lie strictly between 0 and 1, got {open_alpha}", field="open_alpha")
    if not 0.0 <= planned_alpha < 1.0 - open_alpha:
        raise InvalidInput(
            f"planned_alpha must be at least 0 and below 1 together with open_alpha, got {planned_alpha}",
            field="planned_alpha",
        )
