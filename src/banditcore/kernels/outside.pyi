from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.kernels.playing import Play

class Preview(Play):
    restricted: bool
    def __init__(self, event: Any, held_out: npt.NDArray[np.bool_], *, unit_interval: bool = False) -> None: ...
    def start(self, rows: int) -> None: ...
    @property
    def contexts(self) -> npt.NDArray[np.float64]: ...
    @property
    def eligible(self) -> npt.NDArray[np.bool_]: ...
    @property
    def units(self) -> npt.NDArray[np.int64]: ...

class PlayOutside(Play):
    strayed: bool
    def __init__(
        self,
        outside: Any,
        event: Any,
        held_out: npt.NDArray[np.bool_],
        *,
        unit_interval: bool = False,
        window: float = 0.0,
    ) -> None: ...
    def expect(self, ahead: Preview | None, answers: Any = None) -> None: ...
