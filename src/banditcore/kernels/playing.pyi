from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.kernels.steppers import Stepper

DECIDE: int
LEARN: int

class Play:
    def __init__(
        self,
        policy: Stepper,
        event: Any,
        held_out: npt.NDArray[np.bool_],
        *,
        control: int = 0,
        learn_every: int = 1,
        window: float = 0.0,
        seconds: float = 1.0,
        unit_interval: bool = False,
    ) -> None: ...
    @property
    def raised(self) -> BaseException | None: ...
    def begin(self, happened: Any) -> None: ...
    def finish(self, events: int) -> int: ...
