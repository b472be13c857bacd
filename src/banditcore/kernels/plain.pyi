from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

LIMIT: float

def plain_contexts(array: Any, n_arms: int, n_features: int) -> TypeGuard[npt.NDArray[np.float64]]: ...
def plain_vector(array: Any, length: int, low: float, high: float) -> TypeGuard[npt.NDArray[np.float64]]: ...
def plain_indices(array: Any, length: int, stop: int) -> TypeGuard[npt.NDArray[np.int64]]: ...
