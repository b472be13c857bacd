"""Whether the groups have the sizes they were set up to have, asked as often as one likes.

Dirichlet-multinomial e-process of Lindon and Malek, "Anytime-valid inference for multinomial count data"
(arXiv:2011.03567): the evidence for "some other shares" against "the shares that were set".

    log E = lG(c) - lG(N + c) + sum_j [lG(n_j + c pi_j) - lG(c pi_j) - n_j log pi_j]

with lG the log of the gamma function, n_j the units of group j, N their sum, pi_j the share that was set, and c the
concentration of the alternative around pi. With the shares as set, E has expectation 1 at every look and reaches
1/alpha at any of them with probability alpha at most: exactly, not in a limit.

Where it stops: the units must be independent and the shares constant, so ask per epoch of the holdout share. It finds
units that are lost or assigned wrongly in one group more than in another, not what loses both alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from banditcore.errors import InvalidInput
from banditcore.types import Floats

CONCENTRATION = 1_000.0
"""c: the alternative's shares scatter around pi as if so many units had been drawn; it tunes power, not validity."""
ALPHA = 0.001
LOG_ALARM = -math.log(ALPHA)
"""log E from which on the groups count as spoiled."""


def log_evidence(counts: Sequence[int], shares: Sequence[float]) -> float:
    """log E of `counts` (J,) units against the `shares` (J,) that were set; an alarm from `LOG_ALARM` = log 1000 on.

    Raises InvalidInput where shares are not all above 0 with sum 1, or counts are negative or of another length.
    """
    return float(log_evidences(np.asarray(counts, dtype=np.float64), np.asarray(shares, dtype=np.float64)))


def log_evidences(counts: npt.NDArray[np.float64], shares: Floats, concentration: float = CONCENTRATION) -> Floats:
    """(...) log E of counts (..., J), as `log_evidence` for each."""
    _check(counts, shares)
    prior = concentration * shares
    total = counts.sum(axis=-1)
    groups = gammaln(counts + prior) - gammaln(prior) - counts * np.log(shares)
    found: Floats = gammaln(concentration) - gammaln(total + concentration) + groups.sum(axis=-1)
    return found


def _check(counts: Floats, shares: Floats) -> None:
    if shares.ndim != 1 or not (shares > 0.0).all() or abs(shares.sum() - 1.0) > 1e-9:
        raise InvalidInput(f"shares must all be above 0 and sum to 1, found {shares.tolist()}", field="shares")
    if counts.shape[-1:] != shares.shape or not ((counts >= 0.0) & (counts < math.inf)).all():
        raise InvalidInput(f"counts must be {len(shares)} numbers of units from 0 on, one a share", field="counts")
