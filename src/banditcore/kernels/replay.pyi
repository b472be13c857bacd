import numpy as np
import numpy.typing as npt

_F = npt.NDArray[np.float64]
_I = npt.NDArray[np.int64]

def first_match(vectors: _F, arms: _I, uniform: _F, start: int) -> int: ...
def first_below(vectors: _F, arms: _I, limits: _F, start: int) -> int: ...
