"""How much to clip or shrink, without knowing the bias: SLOPE of Su, Srinath and Krishnamurthy (2020),
arXiv:2002.07729, after Lepski.

Candidates are in the order of their bias, from none to large, and so of their error, from large to small. Each has an
interval, value +- 2 CNF, that holds its own expectation. The last one whose interval still meets all those before has
a bias that its error hides: it is chosen. Its risk is within a constant of the best candidate's.

    i* = max { i : the intervals 1..i have a point in common }

Where the theorem stops: it wants CNF to hold with high probability, and here it is the half-width of a normal
interval; bias must not fall along the grid; and the interval of what was chosen still says nothing of the bias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from banditcore.types import Floats

Z = 1.959964
"""97.5 % quantile of the standard normal."""
LIMITS = (math.inf, *(4.0**power for power in range(8, -1, -1)))
"""The weights at which to clip or to switch: geometric, fixed before any data is seen."""


def chosen(values: Sequence[float] | Floats, errors: Sequence[float]) -> int:
    """Index of the candidate to use, of m values with their standard errors, the least biased first."""
    low, high = -math.inf, math.inf
    for at, (value, error) in enumerate(zip(values, errors, strict=True)):
        margin = 2.0 * Z * error
        low, high = max(low, value - margin), min(high, value + margin)
        if low > high:
            return max(at - 1, 0)
    return len(errors) - 1
