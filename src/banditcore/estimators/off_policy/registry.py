"""All estimators by name; a new one is a new file and a line here."""

from __future__ import annotations

from typing import Any

from banditcore.errors import InvalidInput
from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.clipped_ips import ClippedIPS
from banditcore.estimators.off_policy.dm import DM
from banditcore.estimators.off_policy.dr import DR
from banditcore.estimators.off_policy.dros import DRos
from banditcore.estimators.off_policy.ips import IPS
from banditcore.estimators.off_policy.sndr import SNDR
from banditcore.estimators.off_policy.snips import SNIPS
from banditcore.estimators.off_policy.switch_dr import SwitchDR
from banditcore.estimators.off_policy.weighted import Weighted

ESTIMATORS: dict[str, type[Estimator]] = {
    kind.name: kind for kind in (DR, SNIPS, IPS, ClippedIPS, DM, SNDR, SwitchDR, DRos)
}
"""In the order of a report: the main ones, then what they are held against."""


def make_estimator(name: str, **params: Any) -> Estimator:
    """An estimator without rows. Raises InvalidInput for a name or a parameter that does not exist."""
    if name not in ESTIMATORS:
        raise InvalidInput(f"estimator must be one of {', '.join(ESTIMATORS)}; found {name!r}.", field="estimator")
    try:
        return ESTIMATORS[name](**params)
    except TypeError:
        raise InvalidInput(f"{name} has no parameter {', '.join(params)}.", field="estimator") from None


def estimate(name: str, weighted: Weighted, **params: Any) -> Estimator:
    """One estimator over rows in memory: `estimate("snips", weigh(rows, target)).value()`."""
    found = make_estimator(name, **params)
    found.add(weighted)
    return found
