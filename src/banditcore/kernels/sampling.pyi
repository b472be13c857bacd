import numpy as np
import numpy.typing as npt

def add_floor(
    vectors: npt.NDArray[np.float64],
    mask: npt.NDArray[np.uint8] | None,
    floor: float,
    out: npt.NDArray[np.float64],
) -> None: ...
def draw(p: npt.NDArray[np.float64], u: float) -> int: ...
def lawful(vectors: npt.NDArray[np.float64]) -> bool: ...
def draw_many(vectors: npt.NDArray[np.float64], u: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]: ...
def best_vectors(
    scores: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_] | None, floor: float, out: npt.NDArray[np.float64]
) -> None: ...
def gap_vectors(
    scores: npt.NDArray[np.float64],
    mask: npt.NDArray[np.bool_] | None,
    gamma: float,
    floor: float,
    out: npt.NDArray[np.float64],
) -> None: ...
