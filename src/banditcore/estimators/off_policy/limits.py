"""From where on a log, or a target on it, is refused, in one place."""

from __future__ import annotations

from scipy.special import ndtri

MOST_MISSING = 0.005
MOST_ERRORS = 4.0
FALSE_ALARM = 1e-3
"""With many variants the limit of 4 standard errors rises, so that chance exceeds it in no more of the looks."""
LEAST_SAMPLE = 100.0
AMBER_SAMPLE = 300.0
MOST_ALIKE = 1.5
"""How much more a sum may vary between units than between rows, for the rows alone to tell enough."""
LEAST_BY_UNIT = 40.0
"""Rows that a variant's are worth as draws of units, before it is said that it came too often or too rarely."""
LEAST_REWARDS = 10.0
"""That a figure rests on, as many as the report of a running experiment wants."""
AMBER_REWARDS = 25.0
MOST_WEIGHT = 0.05
MOST_APART = 5.0
"""Errors between DR and SNIPS: their difference has at most the sum of both as its own."""
MOST_DRIFT = 4.0
MOST_STEPS_BACK = 0.01
MOST_FALLBACK = 0.05
LEAST_UNITS = 200
NARROWEST_AT = 10_000.0
"""Rows at which an anytime interval of a value is tuned to be narrowest; it is valid at any number."""


def most_errors(n_arms: int) -> float:
    """Standard errors that the worst of so many variants may be off, in either of two checks to either side."""
    return max(MOST_ERRORS, -float(ndtri(0.25 * FALSE_ALARM / n_arms)))
