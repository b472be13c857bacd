"""Open Bandit Dataset: CSV of a fashion shop, one row an item that was shown, with `item_context.csv` beside it.

The data are their owner's: https://research.zozo.com/data.html, no commercial use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from banditcore.bandit_log import BanditLog, Rows
from banditcore.errors import InvalidInput
from banditcore.formats.checking import given_arms, largest_arm, reporter, sound_rows
from banditcore.formats.hashing import given_dims, place
from banditcore.formats.problems import Problems
from banditcore.formats.tables import Chunk, chunks, header, require
from banditcore.types import Floats

NAME = "obd"
SUFFIXES = (".csv",)
REQUIRED = ("timestamp", "item_id", "position", "click", "propensity_score")
MOST_VALUES = 1_000
"""Values of a feature that get a column each; more are an id, and belong hashed."""
_ITEMS = "item_context.csv"
_NAMES = {"arms": "item_id", "rewards": "click", "propensity": "propensity_score", "times": "timestamp"}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a pass over the file needs to know."""

    path: Path
    columns: tuple[str, ...]
    n_arms: int
    values: tuple[tuple[str, tuple[str, ...]], ...]
    """Columns of text and, without `dims`, their values, one column each."""
    dims: int | None
    affinities: tuple[str, ...]
    lenient: bool


def sniff(path: Path, start: bytes) -> bool:
    first = start.partition(b"\n")[0]
    return b"item_id" in first and (b"propensity_score" in first or b"user_feature_" in first)


def read(
    path: Path,
    *,
    lenient: bool = False,
    n_arms: int | None = None,
    dims: int | None = None,
    affinities: bool = False,
) -> BanditLog:
    """A campaign's CSV, or the directory it lies in with `item_context.csv`. Raises InvalidInput.

    n_arms: number of items, else what `item_context.csv` has, else the largest item_id and one. dims: hash position
    and user features into so many columns, the same for every file; else one column for each value found in this
    file, in sorted order. affinities: append the columns user-item_affinity_*.
    """
    path = _campaign(path)
    columns = header(path)
    require(path, columns, REQUIRED)
    survey = _survey(path, columns, dims is None)
    values = tuple((name, tuple(sorted(found))) for name, found in survey.values.items())
    plan = _Plan(
        path=path,
        columns=columns,
        n_arms=given_arms(n_arms) or _items(path) or survey.largest + 1,
        values=values,
        dims=None if dims is None else given_dims(dims),
        affinities=tuple(name for name in columns if name.startswith("user-item_affinity_")) if affinities else (),
        lenient=lenient,
    )
    return BanditLog(
        [str(item) for item in range(plan.n_arms)],
        partial(_pages, plan),
        source=str(path),
        features=_features(plan),
        rows=survey.rows,
        path=str(path),
        metadata={"format": NAME},
    )


def _campaign(path: Path) -> Path:
    """The CSV of a directory."""
    if not path.is_dir():
        return path
    found = sorted(file for file in path.glob("*.csv*") if file.name != _ITEMS)
    named = [file for file in found if file.name.partition(".")[0] == path.name]
    if len(named or found) == 1:
        return (named or found)[0]
    inside = ", ".join(sorted(file.name for file in (*found, *(x for x in path.iterdir() if x.is_dir())))[:8])
    raise InvalidInput(
        f"{path} is a directory without the CSV of one campaign: name one, such as {path}/random/men"
        + (f"; it holds {inside}" if inside else ""),
        field="file",
    )


def _items(path: Path) -> int | None:
    """Number of items by the file beside; None without one."""
    beside = path.with_name(_ITEMS)
    if not beside.exists():
        return None
    problems = Problems(str(beside))
    columns = header(beside)
    require(beside, columns, ("item_id",))
    largest = -1
    for chunk in chunks(beside, columns, ("item_id",), problems):
        largest = max(largest, largest_arm(chunk.floats("item_id")))
    if largest < 0:
        raise InvalidInput(f"{beside} names no item: fill it, or move it away", field="item_id")
    return largest + 1


# First pass: what values there are


@dataclass(slots=True)
class _Survey:
    values: dict[str, set[str]]
    largest: int = 0
    rows: int = 0


def _survey(path: Path, columns: tuple[str, ...], spread: bool) -> _Survey:
    texts = ("position", *(name for name in columns if name.startswith("user_feature_")))
    survey = _Survey({name: set() for name in texts})
    # The rows that are bad are told of when they are read.
    for chunk in chunks(path, columns, ("item_id", *texts), Problems(str(path), lenient=True)):
        survey.rows += len(chunk.numbers)
        survey.largest = max(survey.largest, largest_arm(chunk.floats("item_id")))
        for name in texts if spread else ():
            survey.values[name].update(chunk.cells[name])
            if len(survey.values[name]) > MOST_VALUES:
                raise InvalidInput(
                    f"{path}: {name} has more than {MOST_VALUES:,} values: hash them with dims=64", field=name
                )
    return survey


def _features(plan: _Plan) -> list[str]:
    if plan.dims is not None:
        named = [f"hash[{index}]" for index in range(plan.dims)]
    else:
        named = [f"{name}={value}" for name, values in plan.values for value in values]
    return [*named, *plan.affinities]


# Second pass: the rows


def _pages(plan: _Plan) -> Iterator[Rows]:
    problems = Problems(str(plan.path), plan.lenient)
    wanted = (*REQUIRED, *(name for name, _ in plan.values if name != "position"), *plan.affinities)
    for chunk in chunks(plan.path, plan.columns, wanted, problems, len(_features(plan))):
        yield _rows(plan, chunk, problems)


def _rows(plan: _Plan, chunk: Chunk, problems: Problems) -> Rows:
    numbers = {name: chunk.floats(column) for name, column in _NAMES.items() if name != "times"}
    numbers["times"] = chunk.times("timestamp")
    position = chunk.bounded("position")
    contexts = _contexts(plan, chunk)
    sound = chunk.sound
    return sound_rows(
        plan.n_arms,
        problems,
        reporter(problems, np.array(chunk.numbers)[sound].tolist(), _NAMES, plan.n_arms),
        contexts=contexts[sound],
        columns={"position": position[sound]},
        **{name: found[sound] for name, found in numbers.items()},
    )


def _contexts(plan: _Plan, chunk: Chunk) -> Floats:
    names = [name for name, _ in plan.values]
    if plan.dims is None:
        blocks = [_indicators(chunk.cells[name], values) for name, values in plan.values]
    else:
        blocks = [_hashed(chunk, names, plan.dims)]
    blocks += [chunk.bounded(name)[:, None] for name in plan.affinities]
    return np.concatenate(blocks, axis=1)


def _indicators(cells: Sequence[str], values: tuple[str, ...]) -> Floats:
    """(n, values) with a 1 where the cell has the value."""
    at = {value: index for index, value in enumerate(values)}
    found = np.zeros((len(cells), len(values)))
    try:
        found[np.arange(len(cells)), [at[cell] for cell in cells]] = 1.0
    except KeyError as error:
        raise InvalidInput(f"the file changed while it was read: it had no {error} before", field="file") from None
    return found


def _hashed(chunk: Chunk, names: Sequence[str], dims: int) -> Floats:
    found = np.zeros((len(chunk.numbers), dims))
    for name in names:
        places = [place(f"{name}^{cell}", dims) for cell in chunk.cells[name]]
        columns, signs = zip(*places, strict=True) if places else ((), ())
        np.add.at(found, (np.arange(len(places)), np.array(columns, dtype=np.int64)), np.array(signs))
    return found
