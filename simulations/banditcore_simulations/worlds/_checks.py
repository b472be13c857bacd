"""Parameters of worlds: what several of them ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Literal

from banditcore.checks import check_number
from banditcore.errors import InvalidInput

LAWS = ("linear", "clicks")
"""Of rewards: "linear", a score with normal noise; "clicks", whose log-odds are the score."""


def check_choice(value: Any, field: str, choices: Sequence[str]) -> int:
    """Which of the words it is."""
    if value in choices:
        return choices.index(value)
    near = get_close_matches(str(value), choices, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InvalidInput(f"{field} must be one of {', '.join(choices)}, found {value!r}{hint}", field=field)


def check_law(rewards: Any) -> Literal["clicks", "normal"]:
    """What `World.outcome` is for one of LAWS."""
    return "clicks" if check_choice(rewards, "rewards", LAWS) else "normal"


def log_odds(rate: Any, field: str) -> float:
    """Of a probability strictly between 0 and 1. Raises InvalidInput."""
    p = check_number(rate, field, 0.0, 1.0, above=True)
    if p == 1.0:
        raise InvalidInput(f"{field} must be below 1, found {rate!r}.", field=field)
    return math.log(p / (1.0 - p))
