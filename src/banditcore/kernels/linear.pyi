import numpy as np
import numpy.typing as npt

_F = npt.NDArray[np.float64]
_I = npt.NDArray[np.int64]

class LinearArms:
    """One Gaussian posterior over weights an arm; the arrays are the state itself, not copies."""

    A: _F
    b: _F
    S: _F
    m: _F
    l2: _F
    m0: _F
    n: _I
    weight: _F
    sum_r: _F
    sum_r2: _F
    rss: _F
    age: _I
    reach: _F
    width: _F
    due: _I
    arms: int
    d: int
    def __init__(self, n_arms: int, n_features: int, l2: float) -> None: ...
    def learn(self, contexts: _F, arms: _I, rewards: _F, mature: int = 0) -> None: ...
    def learn_clicks(self, contexts: _F, arms: _I, rewards: _F, offset: float, mature: int = 0) -> None: ...
    def inherit(self, mature: int) -> None: ...
    def reprior(self, g: float, l2: float) -> None: ...
    def refactor(self) -> None: ...
    def bounds(self) -> None: ...
    def moments(self, contexts: _F, scale: float, mean: _F, sd: _F | None) -> None: ...
    def noise_variance(self, shape: float, scale: float) -> float: ...

def squash(mean: _F, sd: _F, offset: float) -> None: ...
