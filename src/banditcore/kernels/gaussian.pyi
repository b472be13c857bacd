import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

def gaussian_argmax(mu: Floats, sd: Floats) -> tuple[Floats, float]: ...
def gaussian_vectors(
    mean: Floats,
    sd: Floats,
    mask: npt.NDArray[np.bool_] | None,
    floor: float,
    out: Floats,
    errors: Floats | None,
) -> None: ...
