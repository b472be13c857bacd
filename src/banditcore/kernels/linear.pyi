import numpy as np
import numpy.typing as npt

_F = npt.NDArray[np.float64]
_I = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]

class LinearArms:
    """One ridge regression an arm; the arrays are the state itself, not copies."""

    A: _F
    b: _F
    S: _F
    m: _F
    n: _I
    sum_r: _F
    sum_r2: _F
    rss: _F
    age: _I
    def __init__(self, n_arms: int, n_features: int, l2: float) -> None: ...
    def learn(self, contexts: _F, arms: _I, rewards: _F) -> None: ...
    def indices(self, contexts: _F, alpha: float, out: _F) -> None: ...
    def linucb(self, contexts: _F, mask: _Mask | None, alpha: float, floor: float, out: _F) -> None: ...
    def thompson(
        self,
        contexts: _F,
        mask: _Mask | None,
        variance: float,
        floor: float,
        out: _F,
        certificates: _F | None = None,
    ) -> None: ...
    def noise_variance(self, shape: float, scale: float) -> float: ...
