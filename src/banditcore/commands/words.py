"""Numbers, times and states as a terminal shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

RESUMING = "Resuming serves the policy again; this guardrail will not freeze it a second time."
RESUMING_PAUSED = (
    "Paused after a guardrail alarmed: resuming leads to frozen first, which serves the control to everybody; resuming "
    "once more serves the policy again."
)
_FOLD = 10.0
"""From a lift of so much on "12-fold" reads better than per cents."""


class Interval(Protocol):
    """What has an estimate and the two ends of its interval, as relative lifts."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def relative(value: float) -> str:
    """A relative lift: "+12.3%"."""
    if math.isnan(value):
        return "-"
    if value < _FOLD:
        return f"{value:+.1%}"
    return "unbounded" if math.isinf(value) else f"{1 + value:.3g}-fold"


def interval(found: Interval) -> str:
    """Both ends of the interval of a relative lift."""
    return ends(found.low, found.high)


def ends(low: float, high: float) -> str:
    """Both ends of an interval of relative lifts."""
    return f"{relative(low)} .. {relative(high)}"


def care(reason: str) -> str:
    """The reason without the advice that stands before it already."""
    return reason.removesuffix(".").removesuffix(": read it with care")


def number(value: float) -> str:
    """Four digits of a mean or a difference; "-" where there is none."""
    return "-" if math.isnan(value) else f"{value:.4g}"


def signed(value: float) -> str:
    """As `number`, with a sign always."""
    return "-" if math.isnan(value) else f"{value:+.4g}"


def between(low: float, high: float, form: str = ".4g") -> str:
    """Both ends of an interval; "-" where there is none."""
    return "-" if math.isnan(low) or math.isnan(high) else f"{low:{form}} .. {high:{form}}"


def share(value: float) -> str:
    """A share in per cent; "-" where there is none."""
    return "-" if math.isnan(value) else f"{value:.1%}"


def when(time_us: int) -> str:
    """A time to the minute."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def day(time_us: int) -> str:
    """A time to the day."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d")


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends in one or is empty."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def together(parts: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def frozen(name: str) -> str:
    """What a frozen experiment does, and what to do about it."""
    return (
        f"{name} is FROZEN: it serves the control to everybody, because a guardrail alarmed. "
        f"`banditcore report {name}` shows why; `banditcore resume {name}` resumes it. {RESUMING}"
    )
