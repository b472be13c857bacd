import numpy as np
import numpy.typing as npt

def gaussian_argmax(
    mu: npt.NDArray[np.float64], sd: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], float]: ...
def gaussian_vectors(mean, sd, mask, floor, out, errors) -> None: ...
