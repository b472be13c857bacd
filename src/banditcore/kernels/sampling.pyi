import numpy as np
import numpy.typing as npt

def add_floor(
    vectors: npt.NDArray[np.float64],
    mask: npt.NDArray[np.uint8] | None,
    floor: float,
    out: npt.NDArray[np.float64],
) -> None: ...
def draw(p: npt.NDArray[np.float64], u: float) -> int: ...
def draw_many(vectors: npt.NDArray[np.float64], u: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]: ...
