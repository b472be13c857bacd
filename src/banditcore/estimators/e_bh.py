"""Which of many hypotheses may be called found, when each has an e-value and they may depend on each other in any way.

e-BH of Wang and Ramdas, "False discovery rate control with e-values" (arXiv:2009.02824): with the e-values sorted
e_(1) >= e_(2) >= .., find the largest k with k e_(k) / K >= 1 / level and take the first k. Of what is taken, the
expected share that is false is at most `level`.

Give it e-values of one and the same look. Never running maxima: the largest e-value so far is no e-value (only the
threshold 1/alpha for a single hypothesis survives a maximum), and e-BH on maxima loses its guarantee
(arXiv:2501.19360).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from banditcore.errors import InvalidInput


def discoveries(e_values: Sequence[float], level: float) -> tuple[bool, ...]:
    """Whether each hypothesis is taken, in the order given; `e_values` are from 0 on, inf allowed.

    `level` in (0, 1) bounds the false discovery rate. Give the *current* e-values, never their running maxima. One
    without data has e = 1, not NaN: leaving it out would depend on the data.
    """
    if not 0.0 < level < 1.0:
        raise InvalidInput(f"level must lie strictly between 0 and 1, got {level}", field="level")
    if not all(0.0 <= e <= math.inf for e in e_values):
        raise InvalidInput("e_values must be numbers from 0 on; one without data is 1", field="e_values")
    needed = len(e_values) / level
    found = [k * e >= needed for k, e in enumerate(sorted(e_values, reverse=True), 1)]
    taken = max((k for k, enough in enumerate(found, 1) if enough), default=0)
    return tuple(taken > 0 and taken * e >= needed for e in e_values)
