import numpy as np
import numpy.typing as npt

def beta_argmax(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]: ...
