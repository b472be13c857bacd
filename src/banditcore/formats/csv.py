"""Plain CSV with a header, for everybody else: columns arm or variant, reward, propensity, and numbers as context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from banditcore.bandit_log import BanditLog, Rows, hash_units
from banditcore.errors import InvalidInput
from banditcore.formats.checking import MOST_ARMS, constant, given_arms, reporter, shown, sound_rows
from banditcore.formats.problems import Problems
from banditcore.formats.tables import Chunk, chunks, header, require
from banditcore.types import Floats

NAME = "csv"
SUFFIXES = (".csv",)
ROLES = {
    "arm": ("arm", "action"),
    "variant": ("variant",),
    "reward": ("reward",),
    "propensity": ("propensity", "pscore", "p"),
    "time": ("time", "timestamp"),
    "unit": ("unit", "user"),
}
"""Meaning of a column and the names it may have."""
VECTORS = ("propensity_", "p_")
"""How the columns of a whole vector begin; the rest is the variant."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a pass over the file needs to know."""

    path: Path
    columns: tuple[str, ...]
    roles: dict[str, str]
    """Meaning -> column."""
    vectors: tuple[str, ...]
    context: tuple[str, ...]
    variants: tuple[str, ...]
    lenient: bool

    @property
    def shown(self) -> str:
        """The column that says what was shown."""
        return self.roles.get("variant") or self.roles["arm"]


def sniff(path: Path, start: bytes) -> bool:
    first = start.partition(b"\n")[0].lower()
    return b"reward" in first and (b"arm" in first or b"variant" in first) and not first.startswith(b"{")


def read(path: Path, *, lenient: bool = False, context: str | None = None, n_arms: int | None = None) -> BanditLog:
    """Columns as in ROLES, vectors as p_VARIANT. Raises InvalidInput.

    context: names of the columns that policies see, "" for none; None takes all that mean nothing else. n_arms: where
    the column is `arm`, which counts from 0, and no vectors are there; else the largest one that was shown and one.
    """
    columns = header(path)
    roles = _roles(columns)
    vectors = _vectors(columns)
    require(path, [*roles, *columns], ["reward"] if vectors else ["reward", "propensity"])
    if not {"arm", "variant"} & roles.keys():
        require(path, columns, ["variant"])
    plan = _Plan(path, columns, roles, vectors, _context(path, columns, roles, vectors, context), (), lenient)
    variants, rows = _survey(plan, given_arms(n_arms))
    plan = _Plan(path, columns, roles, vectors, plan.context, variants, lenient)
    return BanditLog(
        variants,
        partial(_pages, plan),
        source=str(path),
        features=plan.context or ("constant",),
        rows=rows,
        path=str(path),
        metadata={"format": NAME},
    )


def _roles(columns: Sequence[str]) -> dict[str, str]:
    small = {name.lower(): name for name in columns}
    found = {role: next((small[name] for name in names if name in small), None) for role, names in ROLES.items()}
    return {role: name for role, name in found.items() if name is not None}


def _vectors(columns: Sequence[str]) -> tuple[str, ...]:
    for prefix in VECTORS:
        if found := tuple(name for name in columns if name.lower().startswith(prefix) and len(name) > len(prefix)):
            return found
    return ()


def _context(
    path: Path, columns: Sequence[str], roles: dict[str, str], vectors: Sequence[str], asked: str | None
) -> tuple[str, ...]:
    if asked is None:
        taken = {*roles.values(), *vectors, ""}
        return tuple(name for name in columns if name not in taken)
    names = tuple(name.strip() for name in asked.split(",") if name.strip())
    require(path, columns, names)
    return names


# First pass: which arms there are, and whether the context is numbers


def _survey(plan: _Plan, n_arms: int | None) -> tuple[tuple[str, ...], int]:
    rows, found = 0, set[str]()
    # The rows that are bad are told of when they are read.
    for chunk in chunks(plan.path, plan.columns, (plan.shown, *plan.context), Problems("", lenient=True)):
        if not rows and chunk.numbers:
            _refuse_text(plan, chunk)
        rows += len(chunk.numbers)
        found.update(cell.strip() for cell in chunk.cells[plan.shown])
        if len(found) > MOST_ARMS:
            raise InvalidInput(
                f"{plan.path}: {plan.shown} has more than {MOST_ARMS:,} values: is it the column of an id?",
                field=plan.shown,
            )
    if plan.vectors:
        prefix = next(prefix for prefix in VECTORS if plan.vectors[0].lower().startswith(prefix))
        return tuple(name[len(prefix) :] for name in plan.vectors), rows
    if "variant" in plan.roles:
        return tuple(sorted(found - {""})) or ("",), rows
    return tuple(map(str, range(n_arms or _largest(plan, found) + 1))), rows


def _refuse_text(plan: _Plan, chunk: Chunk) -> None:
    for name in plan.context:
        if chunk.cells[name][0].strip() and chunk.is_text(0, name):
            numeric = ",".join(other for other in plan.context if not chunk.is_text(0, other))
            raise InvalidInput(
                f"{plan.path}, row {chunk.numbers[0]}: {name} holds text, found {shown(chunk.cells[name][0])}: write it"
                f" as numbers (one column of 0 and 1 for each value), or leave it out with context={numeric!r}",
                field=name,
            )


def _largest(plan: _Plan, found: set[str]) -> int:
    arms = {int(cell) for cell in found if cell.isdecimal() and len(cell) < 10 and int(cell) < MOST_ARMS}
    if arms and arms == set(range(1, max(arms) + 1)):
        raise InvalidInput(
            f"{plan.path}: {plan.shown} counts from 0, but no row has 0 and it seems to count from 1: subtract 1, give"
            " n_arms, or call the column variant to take the numbers as names",
            field=plan.shown,
        )
    return max(arms, default=0)


# Second pass: the rows


def _pages(plan: _Plan) -> Iterator[Rows]:
    problems = Problems(str(plan.path), plan.lenient)
    wanted = tuple(dict.fromkeys((*plan.roles.values(), *plan.vectors, *plan.context)))
    for chunk in chunks(plan.path, plan.columns, wanted, problems, len(plan.context) + len(plan.vectors)):
        yield _rows(plan, chunk, problems)


def _rows(plan: _Plan, chunk: Chunk, problems: Problems) -> Rows:
    roles, n = plan.roles, len(chunk.numbers)
    found: dict[str, npt.NDArray[np.float64]] = {"arms": _arms(plan, chunk), "rewards": chunk.floats(roles["reward"])}
    found["contexts"] = _stacked([chunk.bounded(name) for name in plan.context]) if plan.context else constant(n)
    if "propensity" in roles:
        found["propensity"] = chunk.floats(roles["propensity"])
    if plan.vectors:
        found["propensities"] = _stacked([chunk.floats(name) for name in plan.vectors])
    if "time" in roles:
        found["times"] = chunk.times(roles["time"])
    units = _units(plan, chunk)
    sound = chunk.sound
    names = {"arms": plan.shown, "rewards": roles["reward"], "propensity": roles.get("propensity", "propensity")}
    names |= {"times": roles.get("time", "time"), "propensities": _some(plan.vectors, ",")}
    return sound_rows(
        len(plan.variants),
        problems,
        reporter(problems, np.array(chunk.numbers, dtype=np.int64)[sound].tolist(), names, len(plan.variants)),
        units=None if units is None else hash_units(np.array(units, dtype=object)[sound]),
        **{name: values[sound] for name, values in found.items()},
    )


def _stacked(columns: Sequence[Floats]) -> Floats:
    return np.stack(columns, axis=1)


def _arms(plan: _Plan, chunk: Chunk) -> Floats:
    at = {variant: float(arm) for arm, variant in enumerate(plan.variants)}
    cells = [cell.strip() for cell in chunk.cells[plan.shown]]
    found = np.array([at.get(cell, -1.0) for cell in cells])
    for row in np.flatnonzero(found < 0.0):
        if "variant" not in plan.roles and cells[row].isdecimal() and len(cells[row]) < 10:
            found[row] = float(cells[row])
        else:
            chunk.refuse(int(row), plan.shown, f"must be one of {_some(plan.variants)}, found {shown(cells[row])}")
    return found


def _some(words: Sequence[str], comma: str = ", ") -> str:
    return comma.join([*words[:5], *[".."][: len(words) - 5 > 0]])


def _units(plan: _Plan, chunk: Chunk) -> list[str] | None:
    if "unit" not in plan.roles:
        return None
    units = [cell.strip() for cell in chunk.cells[plan.roles["unit"]]]
    for row, unit in enumerate(units):
        if not unit:
            chunk.refuse(row, plan.roles["unit"], "is empty")
    return units
