"""What happened at some visits."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from banditcore.types import Floats


class Happened(NamedTuple):
    """Arrays over n visits."""

    arms: npt.NDArray[np.int32]
    """(n,) what was played."""
    propensity: Floats
    """(n,) of the arm played; 1 in the holdout."""
    gaps: Floats
    """(n,) what the optimal policy's arm is worth more than the one played, >= 0."""
    means: Floats
    """(n,) expected reward of the arm played."""
    probes: Floats
    """(n,) propensity of the arm whose turn it is, step modulo K: to hold claimed against drawn."""
    outcomes: Floats
    """(n, goals) what came of it."""
    held_out: npt.NDArray[np.bool_]
    """(n,) who got the control whatever the policy says."""

    @classmethod
    def empty(cls, n: int, goals: int) -> Self:
        arms, held_out = np.empty(n, np.int32), np.zeros(n, np.bool_)
        propensity, gaps, means, probes = (np.empty(n) for _ in range(4))
        return cls(arms, propensity, gaps, means, probes, np.empty((n, goals)), held_out)
