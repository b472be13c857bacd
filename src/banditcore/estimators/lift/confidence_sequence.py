"""An interval that may be looked at as often as one likes, and stopped on.

Asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (arXiv:2103.06476, Annals of
Statistics 2024): Robbins' normal mixture with the estimated variance in place of the true one. Its clock here
is information, I = 1 / SE^2, not units, so unequal groups and a changing variance need no care of their own.

    r = I / I*                                        1 when a test of fixed size would have its planned power
    c = -2 log(alpha) + log(1 - 2 log(alpha))         makes the interval about narrowest at r = 1; 7.94 at .05
    x = c r
    k = sqrt(2 (1 + 1/x) log(sqrt(1 + x) / alpha))    interval: estimate +- k SE
    E = (1 + x)^(-1/2) exp(x z^2 / (2 (1 + x)))       evidence; z = estimate / SE, and E = 1/alpha at |z| = k

Natural logarithms; alpha in (0, 1), r > 0, E in (0, inf). I* must be fixed before the data are seen: it
decides where the interval is narrowest, never whether it is valid.

Where the theorem stops:
- It is asymptotic: the error over all looks tends to at most alpha as the *first* look moves out. Looks
  before the minimum counts are therefore not shown, and heavy-tailed values need a later first look.
- The policy may learn all the while, because group membership depends on nothing that was seen. What is
  covered is then the lift of the policy as deployed up to this look, its learning phase included, not that of
  its last state. That target moves, so intervals of earlier looks must not be intersected with this one.
- Interference between units (shared stock, word of mouth) and units that changed groups are outside.
- E-values of several goals may be compared (e-BH) at the current look only, never their running maxima.
"""

from __future__ import annotations

import math
import sys

from scipy.special import erfcx, log_ndtr

Z_TWO_SIDED_05 = 1.959964
"""97.5 % quantile of the standard normal."""
Z_POWER_80 = 0.841621
"""80 % quantile of the standard normal."""
LOG_MAX = math.log(sys.float_info.max)
"""Largest number whose exponential is finite."""


def design_information(target_lift: float) -> float:
    """I* at which a fixed-size z test (two-sided .05) finds the relative lift `target_lift` with power .8.

    I* = ((z_.975 + z_.8) / log(1 + target_lift))^2; 864 for a lift of 10 %.
    """
    return float(((Z_TWO_SIDED_05 + Z_POWER_80) / math.log1p(target_lift)) ** 2)


def intrinsic_time(r: float, alpha: float) -> float:
    """x = c(alpha) r for the information fraction r > 0."""
    spent = -2.0 * math.log(alpha)
    return (spent + math.log1p(spent)) * r


def boundary(r: float, alpha: float) -> float:
    """k(r): half the interval's width in standard errors; 3.86, 3.04, 3.24 at r = .1, 1, 10 (alpha .05)."""
    x = intrinsic_time(r, alpha)
    return math.sqrt(2.0 * (1.0 + 1.0 / x) * (0.5 * math.log1p(x) - math.log(alpha)))


def e_value(z: float, r: float, alpha: float) -> float:
    """Evidence against "no effect" at the look with statistic z; finite always (capped near 1.8e308).

    Under the null its expectation is at most 1 at any stopping time, asymptotically. `alpha` only tunes it.
    """
    x = intrinsic_time(r, alpha)
    return math.exp(min(0.5 * (x * z * z / (1.0 + x) - math.log1p(x)), LOG_MAX))


def one_sided_e_value(z: float, r: float, alpha: float) -> float:
    """Evidence for an effect above 0 at the look with statistic z; finite always, below 1 for effects under 0.

    E+ = 2 Phi(u) (1 + x)^(-1/2) exp(u^2 / 2), u = z sqrt(x / (1 + x)): the mixture over the positive half of the same
    normal (Howard, Ramdas, McAuliffe and Sekhon, arXiv:1810.08240, section 3). Its expectation is at most 1 at any
    stopping time whenever the effect is 0 *or below*, asymptotically; where the theorem stops otherwise, see the
    module's head. E+ >= 1/alpha is an alarm whose error over all looks is alpha; the sum of E+ for both signs is 2 E.
    """
    x = intrinsic_time(r, alpha)
    u = z * math.sqrt(x / (1.0 + x))
    # Phi(u) exp(u^2 / 2) is 0 times infinity far below 0, and erfcx is their product.
    log_mills = math.log(erfcx(-u / math.sqrt(2.0))) if u < 0.0 else math.log(2.0) + log_ndtr(u) + 0.5 * u * u
    return math.exp(min(float(log_mills) - 0.5 * math.log1p(x), LOG_MAX))
