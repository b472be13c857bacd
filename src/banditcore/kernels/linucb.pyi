import numpy as np
import numpy.typing as npt

from banditcore.kernels.linear import LinearArms

_F = npt.NDArray[np.float64]

def linucb(
    arms: LinearArms,
    contexts: _F,
    mask: npt.NDArray[np.bool_] | None,
    alpha: float,
    floor: float,
    out: _F,
) -> None: ...
