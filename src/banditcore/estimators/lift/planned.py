"""The planned boundary: any number of looks, up to an amount of information fixed before the start.

    reject at the first look with |z| sqrt(min(r, 1)) >= b(alpha),     P(sup of |B(t)| over [0, 1] >= b) = alpha

B is Brownian motion and z sqrt(r) its path when r = I / I_max is the share of the planned information: the estimate's
increments are then independent with the variance that the clock says. As an interval: estimate +- b / sqrt(r) SE. The
law of the supremum is in Feller, An Introduction to Probability Theory and Its Applications II, X.5; the test is that
of O'Brien and Fleming (1979) in the limit of many looks.

Where the theorem stops:
- Asymptotic, like the open boundary: valid as far as the path is Brownian at the first look, hence the minimum counts.
- It ends at r = 1. The first look at or past it decides, and later looks of this boundary prove nothing; the answer is
  therefore frozen. A last look that overshoots uses |z| >= b: exact when there is none at r = 1, else a little
  above alpha (.040 becomes .047 when looks are dense up to 1 and the last one is at 1.3).
- Information must be the clock. Units are not one where outcomes still grow within units.
- Of a learning policy the target moves, see `confidence_sequence`: B then has no drift only when the lift is measured
  against the lift realised so far.
"""

from __future__ import annotations

import math
from functools import cache

from scipy.optimize import brentq

_SMALLEST, _LARGEST = 0.05, 40.0


def sup_exceeds(b: float) -> float:
    """P(sup of |B(t)| over [0, 1] >= b) for b > 0, by whichever of its two series is short."""
    if b >= 1.0:
        return 4.0 * sum((-1.0) ** k * _upper_tail((2 * k + 1) * b) for k in range(6))
    exponent = math.pi * math.pi / (8.0 * b * b)
    inside = sum((-1.0) ** k / (2 * k + 1) * math.exp(-((2 * k + 1) ** 2) * exponent) for k in range(6))
    return 1.0 - 4.0 / math.pi * inside


def _upper_tail(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2.0))


@cache
def planned_boundary(alpha: float) -> float:
    """b(alpha) for alpha in (0, 1): 2.2414 at .05, 2.3263 at .04, 2.4977 at .025, 2.8070 at .01."""
    if sup_exceeds(_LARGEST) >= alpha:
        return _LARGEST
    if sup_exceeds(_SMALLEST) <= alpha:
        return _SMALLEST
    return float(
        brentq(lambda b: math.log(sup_exceeds(b) or 5e-324) - math.log(alpha), _SMALLEST, _LARGEST, xtol=1e-13)
    )
