from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.kernels.hybrid import HybridArms
from banditcore.kernels.linear import LinearArms

_F = npt.NDArray[np.float64]

class Model:
    raised: BaseException | None
    arms: int
    per_arm: bool
    def __init__(self, posterior: Any, *, per_arm: bool = False) -> None: ...

class NoModel(Model): ...

class RatesModel(Model):
    def __init__(self, posterior: Any, successes: _F, failures: _F, *, per_arm: bool = False) -> None: ...

class LinearModel(Model):
    def __init__(self, posterior: Any, kernel: LinearArms, *, per_arm: bool = False) -> None: ...

class LogisticModel(LinearModel):
    def __init__(self, posterior: Any, kernel: LinearArms, offset: float, *, per_arm: bool = False) -> None: ...

class HybridModel(Model):
    def __init__(self, posterior: Any, kernel: HybridArms, *, per_arm: bool = False) -> None: ...

class SharedModel(Model):
    def __init__(self, posterior: Any, kernel: LinearArms, arm_features: _F, *, per_arm: bool = False) -> None: ...
