"""Logs in Parquet, one row a decision, read page by page in bounded memory. See `docs/formats.md`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from banditcore.bandit_log import HOLDOUT, NOT_FINAL, PAGE, BanditLog, Rows, checked_rows
from banditcore.checks import Mask
from banditcore.errors import InvalidInput
from banditcore.formats import arrow
from banditcore.formats.checking import reporter
from banditcore.formats.parquet_columns import (
    LOGGED,
    PREFIX,
    TRUTHS,
    check_columns,
    damaged,
    metadata,
    open_parquet,
    told,
)
from banditcore.formats.parquet_values import UNITS, seconds, unit_keys
from banditcore.formats.parquet_writing import write
from banditcore.formats.problems import Problems
from banditcore.types import Floats

__all__ = ["NAME", "SUFFIXES", "read", "sniff", "write"]

NAME = "parquet"
SUFFIXES = (".parquet", ".pq")
CONSTANT = "constant"
"""The one feature of a log without context."""
_MAGIC = b"PAR1"
_NUMBERS = 2**21
"""In a page at most, which is 16 MiB: some pages are in memory at a time."""
_FIELDS = {"arms": "arm", "rewards": "reward", "contexts": "context", "times": "time_us"}
"""Columns of `Rows` that the file has under another name."""


def sniff(path: str | os.PathLike[str], start: bytes) -> bool:
    """Whether a file that begins with `start` is Parquet."""
    return start[:4] == _MAGIC


# Reading


@dataclass(frozen=True)
class _Plan:
    """How a file is read; goes to other processes with the log."""

    path: str
    lenient: bool
    variants: tuple[str, ...]
    shape: tuple[int, ...]
    """(d,) or (K, d) of a context; (0,) for none."""
    columns: tuple[str, ...]
    """To be decoded."""
    further: tuple[str, ...]
    """Those of them that become `Rows.columns`."""
    ours: bool
    """Whether it says what schema it has."""

    @property
    def page(self) -> int:
        """Rows at a time: fewer where the numbers of so many would fill the memory."""
        vectors = ("propensities" in self.columns) + ("eligible" in self.columns) + len(self.further)
        numbers = len(self.columns) + math.prod(self.shape) + vectors * len(self.variants)
        return max(1, min(PAGE, _NUMBERS // numbers))


def read(path: str | os.PathLike[str], *, lenient: bool = False, columns: Sequence[str] | None = None) -> BanditLog:
    """A log of a Parquet file. Raises InvalidInput here or from `pages`, with file, row (from 1) and column.

    `arm` (or `variant`), `reward` and `propensity` or `propensities` must be there. columns: which of the others are
    decoded; by default all numbers that an evaluation may want, and of an exported log not what only the learner reads.
    Left out and counted are decisions of the holdout, those that were not shown, and those without a final reward
    (null). A log without context has one constant feature. lenient: bad rows are counted instead of raised.
    """
    file = open_parquet(path)
    known, schema = metadata(file), file.schema_arrow
    check_columns(path, schema)
    shape = _shape(path, file, known)
    variants = _variants(path, file, known, shape)
    if columns is not None and (absent := [name for name in columns if name not in schema.names]):
        raise InvalidInput(
            f"{path}: column {absent[0]} is missing; it has {', '.join(schema.names)[:200]}", field=absent[0]
        )
    chosen, further = _chosen(file, columns, len(variants))
    if "context" not in chosen:
        shape = (0,)
    features = told(path, known, "features", []) if math.prod(shape) else [CONSTANT]
    plan = _Plan(os.fspath(path), lenient, variants, shape, chosen, further, ours=f"{PREFIX}schema" in known)
    return BanditLog(
        variants,
        partial(_pages, plan),
        source=os.fspath(path),
        features=features,
        rows=file.metadata.num_rows,
        path=os.fspath(path),
        metadata=known,
    )


def _chosen(file: Any, columns: Sequence[str] | None, n_arms: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is decoded, and what of it becomes `Rows.columns`."""
    names = file.schema_arrow.names
    always = {"arm", "variant", "reward", "propensity", *TRUTHS}
    if "propensity" not in names:
        always.add("propensities")
    optional = {"propensities", "eligible", "context", "time_us", "unit_hash" if "unit_hash" in names else "unit"}
    wanted = [name for name in names if name not in LOGGED] if columns is None else columns
    others = [name for name in wanted if name not in (*always, *optional, "unit", "unit_hash")]
    further = tuple(name for name in others if _numeric(file, name, n_arms))
    return tuple(
        name for name in names if name in always or name in (set(wanted) & optional) or name in further
    ), further


def _numeric(file: Any, name: str, n_arms: int) -> bool:
    """Whether a column holds numbers, one a row or one an arm."""
    kind = file.schema_arrow.field(name).type
    return arrow.is_number(kind) or (
        arrow.is_vector(kind) and (_width(file, name) == n_arms or not file.metadata.num_rows)
    )


def _width(file: Any, name: str) -> int:
    """Length of the first list in a column, 0 where there is none."""
    for batch in file.iter_batches(1024, columns=[name], use_threads=False):
        found = arrow.lengths(batch.column(0))
        if (found >= 0).any():
            return int(found[found >= 0][0])
    return 0


def _shape(path: str | os.PathLike[str], file: Any, known: dict[str, str]) -> tuple[int, ...]:
    if "context" not in file.schema_arrow.names:
        return (0,)
    shape = told(path, known, "context_shape", None)
    return (_width(file, "context"),) if shape is None else tuple(int(length) for length in shape)


def _variants(
    path: str | os.PathLike[str], file: Any, known: dict[str, str], shape: tuple[int, ...]
) -> tuple[str, ...]:
    """Keys by arm: as the file says, or as many as its vectors or contexts have, or as are found in it."""
    names = file.schema_arrow.names
    variants = told(path, known, "variants", None)
    if variants is None and "arm" not in names:
        variants = _found(path, file)
    elif variants is None:
        count = _width(file, "propensities") if "propensities" in names else 0
        variants = _counted(path, file, count or (shape[0] if len(shape) == 2 else 0))
    if not isinstance(variants, list) or not variants:
        raise InvalidInput(f"{path}: it names no variants", field="variants")
    return tuple(map(str, variants))


def _found(path: str | os.PathLike[str], file: Any) -> list[str]:
    seen: dict[Any, None] = {}
    for batch in _batches(path, file, ["variant"]):
        seen |= dict.fromkeys(batch.column(0).drop_null().unique().to_pylist())
    return sorted(map(str, seen))


def _counted(path: str | os.PathLike[str], file: Any, count: int) -> list[str]:
    """Keys of arms that nothing names but perhaps a column: `count` of them, or for 0 as many as the rows show."""
    named = "variant" in file.schema_arrow.names
    if count and not named:
        return [str(arm) for arm in range(count)]
    keys, arms = dict[int, str](), set[float]()
    for batch in _batches(path, file, ["arm", "variant"] if named else ["arm"]):
        shown = arrow.numbers(batch.column(0))
        arms.update(np.unique(shown[~np.isnan(shown)]).tolist())
        if named:
            _name(keys, shown, batch.column(1))
    return _keys(keys, count or _last(path, arms, named) + 1)


def _name(keys: dict[int, str], shown: Floats, column: Any) -> None:
    """An arm is called what the first row with it says; those that say otherwise are bad when they are read."""
    coded = arrow.coded(column)
    words = coded.dictionary.to_pylist()
    pairs = np.stack([shown, arrow.numbers(coded.indices)])[:, ~arrow.nulls(column)]
    _, first = np.unique(pairs, axis=1, return_index=True)
    for at in np.sort(first):
        arm, code = pairs[:, at]
        if arm == np.floor(arm) and words[int(code)] is not None and words[int(code)] not in keys.values():
            keys.setdefault(int(arm), words[int(code)])


def _keys(named: dict[int, str], count: int) -> list[str]:
    taken = {key for arm, key in named.items() if arm < count}
    return [named.get(arm, f"arm {arm}" if str(arm) in taken else str(arm)) for arm in range(count)]


def _last(path: str | os.PathLike[str], arms: set[float], named: bool) -> int:
    highest = max(arms, default=0.0)
    if not highest < 2**16:
        raise InvalidInput(f"{path}: column arm goes up to {highest:.6g}, and no variants are named", field="arm")
    if arms and arms == set(range(1, int(highest) + 1)):
        remedy = "leave arm out, as variant is enough" if named else "name the variants in banditcore.variants"
        raise InvalidInput(
            f"{path}: arm counts from 0, but no row has 0 and it seems to count from 1: subtract 1, or {remedy}",
            field="arm",
        )
    return int(max(highest, 0.0))


def _batches(path: str | os.PathLike[str], file: Any, columns: Sequence[str], rows: int = PAGE) -> Iterator[Any]:
    import pyarrow

    done = 0
    try:
        # One thread ahead of who computes is as fast on two cores, and leaves the others to other work.
        for batch in file.iter_batches(rows, columns=list(columns), use_threads=False):
            yield batch
            done += batch.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        raise damaged(path, error, after=done) from None


def _pages(plan: _Plan) -> Iterator[Rows]:
    file = open_parquet(plan.path)
    first, problems = 0, Problems(plan.path, plan.lenient)
    if not file.metadata.num_rows:
        # So that an empty log still has its columns.
        yield _Page(plan, _nothing(file, plan.columns), 0, problems).rows()
    for batch in arrow.ahead(_batches(plan.path, file, plan.columns, plan.page)):
        yield _Page(plan, batch, first, problems).rows()
        first += batch.num_rows


def _nothing(file: Any, columns: Sequence[str]) -> Any:
    import pyarrow

    kinds = [file.schema_arrow.field(name).type for name in columns]
    return pyarrow.RecordBatch.from_arrays([pyarrow.nulls(0, kind) for kind in kinds], names=list(columns))


class _Page:
    """A batch on its way to `Rows`: what does not belong in is left out, then what is bad."""

    def __init__(self, plan: _Plan, batch: Any, first: int, problems: Problems) -> None:
        self._plan, self._first, self._problems = plan, first, problems
        self._columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        self._count = batch.num_rows
        self._kept = np.ones(self._count, dtype=np.bool_)

    def rows(self) -> Rows:
        self._leave_out()
        plan, n_arms = self._plan, len(self._plan.variants)
        arms = self._arms()
        vectors = {name: self._vectors(name, n_arms) for name in ("propensities", "eligible") if name in self._columns}
        contexts = self._contexts()
        further = {name: self._further(name, n_arms) for name in plan.further}
        units, times = self._units(), self._times() if "time_us" in self._columns else None
        # All of it was looked at before anything is taken, so that every column has the same rows.
        at = slice(None) if self._kept.all() else np.flatnonzero(self._kept)
        numbers = np.arange(self._first + 1, self._first + 1 + self._count)[at]
        mask = vectors.get("eligible")
        fallback = arrow.flags(self._columns["degraded"], False)[at] if "degraded" in self._columns else None
        rows = checked_rows(
            n_arms,
            contexts=contexts[at],
            arms=arms[at],
            rewards=self._numbers("reward")[at],
            propensity=self._numbers("propensity")[at] if "propensity" in self._columns else None,
            propensities=None if "propensities" not in vectors else _given(vectors["propensities"])[at],
            eligible=None if mask is None else mask[at] != 0,
            units=None if units is None else units[at],
            times=None if times is None else times[at],
            fallback=fallback if fallback is not None and fallback.any() else None,
            columns={name: column[at] for name, column in further.items()},
            bad=reporter(self._problems, numbers.tolist(), _FIELDS, n_arms),
        )
        return replace(rows, left_out=self._problems.told())

    def _leave_out(self) -> None:
        columns = self._columns
        if "holdout" in columns:
            self._leave(arrow.flags(columns["holdout"], False), HOLDOUT)
        if "exposed" in columns:
            self._leave(~arrow.flags(columns["exposed"], True), "not exposed")
        if columns["reward"].null_count:
            self._leave(arrow.nulls(columns["reward"]), NOT_FINAL)

    def _leave(self, rows: Mask, reason: str) -> None:
        if count := int((rows & self._kept).sum()):
            self._problems.leave_out(reason, count)
            self._kept &= ~rows

    def _misfit(self, rows: Mask, column: str, wrong: Callable[[int], str]) -> None:
        """Tells of bad rows that are still there; `wrong(row)` says in what way."""
        for row in np.flatnonzero(rows & self._kept):
            self._problems.bad(self._first + int(row) + 1, column, wrong(int(row)))
        self._kept &= ~rows

    def _numbers(self, name: str) -> Floats:
        return arrow.numbers(self._columns[name])

    def _arms(self) -> Floats:
        columns, keys = self._columns, self._plan.variants
        if "variant" not in columns:
            return self._numbers("arm")
        named, silent = self._named(), arrow.nulls(columns["variant"])
        words = columns["variant"]
        if "arm" not in columns:
            known = ", ".join(keys)[:200]
            self._misfit(
                np.isnan(named), "variant", lambda row: f"must be one of {known}, found {words[row].as_py()!r}"
            )
            return named
        arms = self._numbers("arm")
        # An arm that cannot be one is told of as such.
        other = (named != arms) & ~silent & (arms >= 0) & (arms < len(keys)) & (arms == np.floor(arms))
        self._misfit(
            other,
            "variant",
            lambda row: (
                f"is not that of the column arm, found {words[row].as_py()!r} for arm {arms[row]:.6g},"
                f" which is {keys[int(arms[row])]!r}"
            ),
        )
        return arms

    def _named(self) -> Floats:
        """(n,) arms of the column `variant`; NaN for what is none."""
        import pyarrow
        from pyarrow import compute

        coded = arrow.coded(self._columns["variant"])
        keys = pyarrow.array(self._plan.variants, pyarrow.string())
        found = arrow.numbers(compute.index_in(coded.dictionary.cast(pyarrow.string()), value_set=keys))
        codes = arrow.numbers(coded.indices)
        # The last one is for null.
        return np.append(found, np.nan)[np.where(np.isnan(codes), len(found), codes).astype(np.int64)]

    def _contexts(self) -> Floats:
        shape = self._plan.shape
        if not math.prod(shape):
            return np.ones((self._count, 1))
        found = self._vectors("context", math.prod(shape))
        return _given(found).reshape(self._count, *shape)

    def _vectors(self, name: str, width: int) -> Floats | None:
        """(n, width); None where all of an optional column is null."""
        column = self._columns[name]
        optional = name == "eligible"
        if optional and column.null_count == len(column):
            return None
        found, fitting = arrow.vectors(column, width)
        if fitting is not None:
            absent = arrow.nulls(column)
            if optional:
                found[absent] = 1.0
                fitting |= absent
            lengths = arrow.lengths(column)
            self._misfit(
                ~fitting,
                name,
                lambda row: "is null" if absent[row] else f"has {lengths[row]} numbers, expected {width}",
            )
        return found

    def _further(self, name: str, n_arms: int) -> Floats:
        column = self._columns[name]
        return arrow.vectors(column, n_arms)[0] if arrow.is_list(column.type) else arrow.numbers(column)

    def _times(self) -> Floats:
        column = self._columns["time_us"]
        found, wrong = seconds(column, self._plan.ours)
        for words, rows in wrong.items():
            self._misfit(rows, "time_us", partial(_quoted, words, column))
        return found

    def _units(self) -> Any:
        name = "unit_hash" if "unit_hash" in self._columns else "unit"
        column = self._columns.get(name)
        if column is None:
            return None
        if name == "unit":
            keys, absent = unit_keys(column)
        else:
            keys, absent = column.fill_null(0).to_numpy(zero_copy_only=False), arrow.nulls(column)
        self._misfit(absent, name, lambda row: self._no_unit(column[row].as_py()))
        return keys

    @staticmethod
    def _no_unit(value: Any) -> str:
        if value is None or value != value:
            return "is null"
        return f"must be {UNITS} (below 2**53 where they are floats), found {value:.17g}"


def _quoted(words: str, column: Any, row: int) -> str:
    value = column[row].as_py()
    return words if value is None else f"{words}, found {value}"


def _given(value: Floats | None) -> Floats:
    assert value is not None
    return value
