"""Checks of what comes from outside that belong to no attribute, goal or definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from banditcore.config import MAX_REWARD
from banditcore.errors import InvalidInput
from banditcore.types import Reward

MAX_TEXT = 256


def text(value: str, field: str, *, least: int = 1, most: int = MAX_TEXT) -> bytes:
    """UTF-8 of an id from outside. Raises InvalidInput when it is empty, too long or not text."""
    try:
        encoded = value.encode()
    except (UnicodeEncodeError, AttributeError):
        raise InvalidInput(f"{field} is not valid text", field=field) from None
    if not least <= len(encoded) <= most:
        raise InvalidInput(f"{field} must have {least} to {most} bytes, found {len(encoded)}", field=field)
    if b"\0" in encoded:
        raise InvalidInput(f"{field} must not contain a NUL character", field=field)
    return encoded


def texts(values: Sequence[str], field: str) -> list[bytes]:
    """`text` of each, with the index in the field's name."""
    try:
        encoded = [value.encode() for value in values]
    except (UnicodeEncodeError, AttributeError):
        encoded = [b""]
    if min(map(len, encoded)) >= 1 and max(map(len, encoded)) <= MAX_TEXT and b"\0" not in b"".join(encoded):
        return encoded
    return [text(value, f"{field}[{index}]") for index, value in enumerate(values)]


def reward(value: Reward) -> Reward:
    """The reward itself when its parts are well formed. Raises InvalidInput."""
    text(value.goal, "goal")
    text(value.key, "key", least=0)
    if isinstance(value.value, bool) or not isinstance(value.value, int | float | np.number):
        raise InvalidInput(f"value must be a number, found {str(value.value)[:64]!r}", field="value")
    if not abs(value.value) <= MAX_REWARD:
        raise InvalidInput(f"value must be finite and at most {MAX_REWARD:g}, found {value.value}", field="value")
    return value
