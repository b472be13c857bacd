import numpy as np
import numpy.typing as npt

_F = npt.NDArray[np.float64]
_I = npt.NDArray[np.int64]

class HybridArms:
    """Ridge regressions with a part common to all arms; the arrays are the state itself, not copies."""

    A: _F
    b: _F
    B: _F
    S: _F
    m: _F
    W: _F
    n: _I
    weight: _F
    sum_r: _F
    sum_r2: _F
    rss: _F
    age: _I
    Z: _F
    bz: _F
    A0: _F
    b0: _F
    S0: _F
    beta: _F
    age0: _I
    def __init__(self, n_arms: int, n_features: int, n_shared: int, l2: float) -> None: ...
    def learn(self, contexts: _F, arms: _I, rewards: _F) -> None: ...
    def moments(self, contexts: _F, mean: _F, sd: _F | None = None) -> None: ...
    def decay(self, g: float) -> None: ...
    def refresh(self) -> None: ...
