import numpy as np
import numpy.typing as npt

from banditcore.kernels.linear import LinearArms

_F = npt.NDArray[np.float64]

def evidence_terms(arms: LinearArms, l2: _F) -> tuple[_F, _F, npt.NDArray[np.int64], float]: ...
