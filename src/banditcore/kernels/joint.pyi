import numpy as np
import numpy.typing as npt

_F = npt.NDArray[np.float64]
_U = npt.NDArray[np.uint64]

def joint_vectors(
    features: _F,
    m: _F,
    S: _F,
    variance: float,
    mask: npt.NDArray[np.bool_] | None,
    seeds: _U,
    draws: int,
    floor: float,
    out: _F,
    errors: _F | None = None,
) -> None: ...
def philox(seed: int, n: int) -> _U: ...
def normals_of(words: _U) -> _F: ...
def standard_normals(seed: int, n: int) -> _F: ...
