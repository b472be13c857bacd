"""A world that is no world, in words for who wrote it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.kernels import LIMIT, codes
from banditcore.types import Floats
from banditcore_simulations.worlds.base import Event, World


def problem(world: World, said: int, step: int, event: Event) -> BanditcoreError:
    """What `decide` or `learn` found wrong at a visit."""
    if said == codes.BAD_VECTOR:
        what = "numbers of at least 0 that sum to 1, exactly 0 for an arm that is not eligible"
        return InvalidInput(f"visit {step}: the policy gave no vector of probabilities: {what}", field="policy")
    return InvalidInput(f"world {world.name}, visit {step}: {_wrong(world, said, event)}", field="world")


def _wrong(world: World, said: int, event: Event) -> str:
    worth, name = (event.means, "means") if np.isnan(event.values[0]) else (event.values, "values")
    if said == codes.BAD_CONTEXT:
        return (
            f"context{_first(event.context, ~(np.abs(event.context) <= LIMIT))}: it must be finite, at most {LIMIT:g}"
        )
    if said == codes.BAD_MEANS:
        return _bad_means(world, event)
    if said == codes.NO_ARM:
        return "no arm is eligible: one must be at least"
    if said == codes.BETTER_THAN_BEST:
        at = _first(worth, event.eligible & (worth > event.best[0]))
        return f"the world lies: {name}{at}, more than `best`, {event.best[0]:g}, which is what the optimal policy gets"
    if said == codes.BAD_OUTCOME:
        at = _first(event.outcomes, ~np.isfinite(event.outcomes) | ~_lawful(world, event.outcomes))
        return f"outcomes{at}: {_range(world)}"
    if said == codes.BAD_DELAY:
        return f"delay is {event.delay[0]:g}: it must be 0 or more, and 0 in a world without a window"
    if said == codes.BAD_UNIT:
        return f"unit is {event.unit[0]}: it must be one of the {world.units or 'visits'}, counted from 0"
    if said == codes.REMEMBERS:
        return (
            "who comes hangs on what was played before, which the first visits did not show, so visits between two"
            " lessons cannot be decided together: play it with learn_every=1, or in kernel mode"
        )
    return "more rewards are waited for than there is memory for: shorten the window"


def _bad_means(world: World, event: Event) -> str:
    bad = ~np.isfinite(event.means) | ~_lawful(world, event.means)
    if (bad & event.eligible).any():
        return f"means{_first(event.means, bad & event.eligible)}: {_range(world)}"
    return f"values{_first(event.values, event.eligible & ~np.isfinite(event.values))}: they must be finite"


def _lawful(world: World, numbers: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(((numbers >= 0.0) & (numbers <= 1.0)) | (not world.unit_interval))


def _range(world: World) -> str:
    return "it must lie in [0, 1]" if world.unit_interval else "it must be finite"


def _first(numbers: Floats, bad: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> str:
    """Where the first bad one is, and what."""
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    unwritten = ", as if it were never written" if np.isnan(numbers[at]) else ""
    return f"[{', '.join(map(str, at))}] is {numbers[at]:g}{unwritten}"


@contextmanager
def faults(world: World) -> Iterator[None]:
    """Turns what Numba says of a world's functions, or what they raise, into one line."""
    from numba.core.errors import NumbaError, UnsupportedBytecodeError

    try:
        yield
    except (NumbaError, UnsupportedBytecodeError) as error:
        raise InvalidInput(
            f"world {world.name}: Numba cannot compile it: {_brief(str(error), world)}", field="world"
        ) from error
    except BanditcoreError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, ValueError, TypeError) as error:
        raise InvalidInput(f"world {world.name} fails: {error}", field="world") from error


def _brief(said: str, world: World) -> str:
    """The line of a message of many that says what to change, and where."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", said)
    files = {Path(inspect.getfile(part)).name for part in (world.visit, world.outcome) if callable(part)}
    found = ((Path(file).name, line) for file, line in re.findall(r'File "([^"]+)", line (\d+)', said))
    places = [place for place in found if place[0] in files]
    where = f" ({places[-1][0]}, line {places[-1][1]})" if places else ""
    if plain := re.search(r"Untyped global name '(\w+)'.*<class 'function'>", said):
        return f"{plain[1]} is a plain function: put @numba.njit above its def{where}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not re.match(r"Failed in|During:|File |Use of unsupported|- |>", line)]
    return f"{(telling or lines)[0].rstrip(':.')}{where}"
