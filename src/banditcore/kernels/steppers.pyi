from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.kernels.models import LinearModel, Model, RatesModel, SharedModel

class Stepper:
    raised: BaseException | None
    arms: int
    numbers: int
    def step(self, context: Any, eligible: Any = None, seed: int = 0) -> npt.NDArray[np.float64]: ...
    def teach(self, context: Any, arm: int, reward: float, time: float = 0.0) -> None: ...

class PolicyStepper(Stepper):
    def __init__(self, policy: Any, *, per_arm: bool = False) -> None: ...

class ModelStepper(Stepper):
    def __init__(self, policy: Any, model: Model, floor: float) -> None: ...

class LinUCBStepper(ModelStepper):
    def __init__(self, policy: Any, model: LinearModel, floor: float, alpha: float) -> None: ...

class BoundStepper(ModelStepper):
    def __init__(self, policy: Any, model: Model, floor: float, alpha: float) -> None: ...

class GreedyStepper(ModelStepper): ...

class GapStepper(ModelStepper):
    def __init__(self, policy: Any, model: Model, floor: float, gamma: float) -> None: ...

class GaussianStepper(ModelStepper):
    def __init__(
        self, policy: Any, model: Model, floor: float, exploration: float, shape: float = 0.0, scale: float = 0.0
    ) -> None: ...

class MarginalStepper(GaussianStepper): ...

class JointStepper(GaussianStepper):
    def __init__(
        self,
        policy: Any,
        model: SharedModel,
        floor: float,
        exploration: float,
        shape: float,
        scale: float,
        draws: int,
    ) -> None: ...

class FreeStepper(ModelStepper): ...

class BetaStepper(FreeStepper):
    def __init__(self, policy: Any, model: RatesModel, floor: float) -> None: ...
