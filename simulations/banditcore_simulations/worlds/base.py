"""What a world is: who comes, what every arm would earn, and what the optimal policy would have earned."""

from __future__ import annotations

import traceback
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from keyword import iskeyword
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from banditcore.checks import check_count, check_matrix, check_number
from banditcore.errors import InvalidInput
from banditcore.types import Floats

Ints = npt.NDArray[np.int64]
Function = Callable[..., None]


class Event(NamedTuple):
    """One visit, in arrays that a world writes into; a number is an array of one.

    They stay as they were written at the visit before, but for what is marked "given": that is set anew each time.
    """

    step: Ints
    """(1,) given: the visit, from 0."""
    time: Floats
    """(1,) given: seconds since the start, `World.seconds` times the step."""
    normals: Floats
    """(`World.normals`,) given: standard normal draws, the same for every policy."""
    uniforms: Floats
    """(`World.uniforms`,) given: draws in [0, 1), the same for every policy."""
    luck: Floats
    """(2,) given: a standard normal and a uniform draw for the outcome, whichever arm is played."""
    unit: Ints
    """(1,) given: which customer; a new one each visit unless the world says otherwise."""
    context: Floats
    """(d,), or (K, d) where each arm has features of its own."""
    eligible: npt.NDArray[np.bool_]
    """(K,) all, unless the world says otherwise."""
    means: Floats
    """(K,) expected reward of every arm at this visit."""
    values: Floats
    """(K,) what every arm is worth to the optimal policy, where the future hangs on it; NaN first: the means."""
    best: Floats
    """(1,) what the optimal policy's arm is worth here; NaN: the largest of an eligible arm."""
    outcomes: Floats
    """(goals,) what the arm that was played earned of each goal; the first is what policies learn from."""
    delay: Floats
    """(1,) given as 0: seconds until that is known; infinite: never, and 0 is learned when the window closes."""


@dataclass(frozen=True)
class World:
    """K arms and the law that visits and rewards follow. What happens is a function of the seed and of the arms played.

    visit(world, event) writes `context` and `means` of the visit, and what else it wants of `Event`;
    outcome(world, event, arm) writes `outcomes` and `delay` once an arm was played. They are plain functions of a
    module, compiled by Numba when they are first used, and see `constants` as attributes of their first argument.
    Chance comes in by the event alone, so two policies of one seed meet the same visitors and the same luck.
    Regret is exact: what an arm is worth is known before it is played.
    """

    name: str
    n_arms: int
    n_features: int
    """Numbers of a context, or of each arm's."""
    visit: Function
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Arrays and numbers; every run starts from copies, so an array may be a memory."""
    outcome: Function | Literal["clicks", "normal"] = "normal"
    """"clicks": 1 with probability `means[arm]`; "normal": `means[arm]` + `noise` N(0, 1)."""
    noise: float = 1.0
    normals: int = 0
    uniforms: int = 0
    goals: tuple[str, ...] = ("reward",)
    seconds: float = 1.0
    window: float = 0.0
    """Seconds after a decision in which its reward may arrive; 0 where none is late."""
    units: int = 0
    """Customers, where `visit` says who comes: 0..units-1; 0 where everyone comes once."""
    control: int = 0
    """The arm that stands for not personalised."""
    per_arm: bool = False
    """Whether a context is (K, d)."""
    arm_features: Floats | None = None
    """(K, m) what tells arms apart, for policies that take it."""
    features: tuple[str, ...] = ()
    """Names of the numbers of a context, where they have some."""
    unit_interval: bool = False
    """Whether rewards lie in [0, 1]; always so for clicks."""

    def __post_init__(self) -> None:
        if not self.goals or not (callable(self.outcome) or self.outcome in LAWS):
            raise InvalidInput(
                f"world {self.name} needs a goal at least, and for its outcome a function, or one of {', '.join(LAWS)}",
                field="outcome" if self.goals else "goals",
            )
        for name, least in _LEAST.items():
            check_count(getattr(self, name), name, least)
        check_number(self.noise, "noise", 0.0)
        check_number(self.window, "window", 0.0)
        check_number(self.seconds, "seconds", 0.0, above=True)
        if self.control >= self.n_arms:
            raise InvalidInput(f"control must be below {self.n_arms}, found {self.control}", field="control")
        if self.features and len(self.features) != self.n_features:
            raise InvalidInput(
                f"features must be {self.n_features} names, found {len(self.features)}", field="features"
            )
        if self.arm_features is not None:
            check_matrix(self.arm_features, "arm_features", self.n_arms)
        if len(set(self.goals)) < len(self.goals):
            raise InvalidInput(f"goals must be different names, found {self.goals}", field="goals")
        for key in self.constants:
            if not str(key).isidentifier() or iskeyword(str(key)) or str(key).startswith("_"):
                raise InvalidInput(f"constant {key!r} must be a name that Python allows", field="constants")
        object.__setattr__(self, "constants", MappingProxyType(dict(self.constants)))
        if self.outcome == "clicks":
            object.__setattr__(self, "unit_interval", True)

    def event(self) -> Event:
        """Arrays for one run."""
        d, arms = self.n_features, self.n_arms
        return Event(
            step=np.zeros(1, np.int64),
            time=np.zeros(1),
            normals=np.zeros(self.normals),
            uniforms=np.zeros(self.uniforms),
            luck=np.zeros(2),
            unit=np.zeros(1, np.int64),
            # NaN, so that what a world forgets to write is found.
            context=np.full((arms, d) if self.per_arm else d, np.nan),
            eligible=np.ones(arms, np.bool_),
            means=np.full(arms, np.nan),
            values=np.full(arms, np.nan),
            best=np.full(1, np.nan),
            outcomes=np.full(len(self.goals), np.nan),
            delay=np.zeros(1),
        )

    def state(self) -> Any:
        """The constants, copied, as what functions get for their first argument."""
        values = {"noise": float(self.noise), **self.constants}
        return _constants(tuple(values))(*map(_own, values.values()))

    def functions(self) -> tuple[Any, Any]:
        """`visit` and `outcome`, compiled. Raises InvalidInput where they cannot be run."""
        outcome = LAWS[self.outcome] if isinstance(self.outcome, str) else self.outcome
        self._try(outcome)
        return compiled(self.visit), compiled(outcome)

    def _try(self, outcome: Function) -> None:
        """Both once in Python, which says what is wrong where machine code would write past the end of an array."""
        event, state = self.event(), self.state()
        with np.errstate(all="ignore"):
            try:
                getattr(self.visit, "py_func", self.visit)(state, event)
                getattr(outcome, "py_func", outcome)(state, event, int(event.eligible.argmax()))
            except ArithmeticError:  # is infinite or NaN in machine code
                pass
            except (LookupError, AttributeError, NameError, TypeError, ValueError) as error:
                if str(error) != "math domain error":
                    raise _fault(self.name, error) from error


def _fault(name: str, error: Exception) -> InvalidInput:
    place = traceback.extract_tb(error.__traceback__)[-1]
    hint = ""
    if "can't set attribute" in str(error):
        hint = "; write into the arrays of an event, as in event.means[:] = .."
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return InvalidInput(f"world {name} ({where}): {type(error).__name__}: {error}{hint}", field="world")


def click(world: Any, event: Event, arm: int) -> None:
    """1 with the probability that is the arm's mean."""
    event.outcomes[0] = 1.0 if event.luck[1] < event.means[arm] else 0.0


def gaussian(world: Any, event: Event, arm: int) -> None:
    """The arm's mean and noise."""
    event.outcomes[0] = event.means[arm] + world.noise * event.luck[0]


_LEAST = {"n_arms": 1, "n_features": 0, "normals": 0, "uniforms": 0, "units": 0, "control": 0}
LAWS: Mapping[str, Function] = {"clicks": click, "normal": gaussian}


@cache
def compiled(function: Function) -> Any:
    """The function as machine code. Sums may be taken in another order, which makes them several times faster."""
    try:
        from numba import njit
        from numba.core.dispatcher import Dispatcher
    except ImportError as error:
        raise InvalidInput(f"worlds need Numba ({error}): pip install 'banditcore[offline]'", field="world") from None

    if isinstance(function, Dispatcher):
        return function
    if "random" in function.__code__.co_names:
        raise InvalidInput(
            f"{function.__name__} draws numbers of its own, so no two runs would be alike: take event.normals and "
            "event.uniforms, and say in World how many it needs",
            field="world",
        )
    # Machine code does not notice an index that is out of range; of somebody's own file nobody knows that none is.
    own = not function.__module__.startswith("banditcore_simulations.")
    return njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy", boundscheck=own)(function)


@cache
def _constants(names: tuple[str, ...]) -> Any:
    # One class for the same names: Numba compiles for a class.
    return namedtuple("constants", names)


def _own(value: Any) -> Any:
    if isinstance(value, bool | int | float | np.number):
        return value
    array = np.array(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
