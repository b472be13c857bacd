"""Numbers with as many digits as they are worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from banditcore.evaluated import NAN, Estimate

_SIGNIFICANT = 4
"""Digits of a number of which no error is known."""
_MOST = 12


@dataclass(frozen=True, slots=True)
class Digits:
    """How to write numbers that stand beside one another."""

    decimals: int
    scientific: bool = False
    bare: bool = False
    """Without zeros at the end, as of numbers that are exact."""

    def __call__(self, value: float, *, signed: bool = False) -> str:
        """The number; "-" for NaN. Zero has no sign."""
        if math.isnan(value):
            return "-"
        text = f"{abs(value):{'.' if self.scientific else ',.'}{self.decimals}{'e' if self.scientific else 'f'}}"
        if self.bare and not self.scientific and "." in text:
            text = text.rstrip("0").rstrip(".")
        if math.isfinite(value) and float(text.replace(",", "")) == 0.0:
            return text
        return f"{'-' if value < 0 else '+' if signed else ''}{text}"

    def between(self, low: float, high: float, *, signed: bool = False) -> str:
        """Both ends of an interval; "-" where there is none."""
        if math.isnan(low) or math.isnan(high):
            return "-"
        return f"{self(low, signed=signed)} .. {self(high, signed=signed)}"


def digits(error: float, *values: float) -> Digits:
    """Two digits of the error, for it and all values beside it."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    known = math.isfinite(error) and error > 0.0
    if known:
        place = math.floor(math.log10(error)) - 1
    else:
        place = math.floor(math.log10(largest)) + 1 - _SIGNIFICANT if largest else 1 - _SIGNIFICANT
    top = math.floor(math.log10(largest)) if largest else place
    if top >= 9 or (largest and max(top, place) < -5):
        return Digits(min(max(top - place, 1), _MOST), scientific=True)
    return Digits(min(max(-place, 0), _MOST), bare=not known)


def error_of(estimate: Estimate) -> float:
    """Its standard error, or a quarter of its interval, or NaN."""
    if math.isfinite(estimate.standard_error):
        return estimate.standard_error
    low, high = span(estimate)
    return (high - low) / 4


def span(estimate: Estimate) -> tuple[float, float]:
    """Its interval at one look, else that at all looks; NaN where it has none."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return estimate.anytime_low, estimate.anytime_high
    return estimate.low, estimate.high


def of_estimate(estimate: Estimate | None) -> Digits:
    """For its value and its interval."""
    return digits(NAN) if estimate is None else digits(error_of(estimate), estimate.value, *span(estimate))
