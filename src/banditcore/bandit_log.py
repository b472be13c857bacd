"""A log of decisions and what they earned, as research reads it: `BanditLog`, page by page, and its `Rows`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.checks import Arms, Mask, check_count
from banditcore.errors import InvalidInput
from banditcore.kernels import LIMIT
from banditcore.types import Floats

PAGE = 65_536
"""Rows that readers give at a time."""
LEAST = 1e-12
"""A probability below counts as none: its inverse would drown all else."""
SUM_TOLERANCE = 1e-6
"""How far the sum of a vector may be from 1, for those written as float32 or as rounded text."""
HOLDOUT, NOT_FINAL = "holdout", "no final reward"
"""Why rows are left out that say nothing about the others: drawn at random, or the newest."""
Units = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n logged decisions of a policy in columns. Checked by who made them."""

    contexts: Floats
    """(n, d), or (n, K, d) where each arm brings its own features."""
    arms: Arms
    """(n,) int64 in 0..K-1 that were shown."""
    rewards: Floats
    """(n,) what they earned."""
    propensity: Floats
    """(n,) P(arm shown | context) in (0, 1]."""
    propensities: Floats | None = None
    """(n, K) the whole vector it was drawn from, where the log has it; rows sum to 1."""
    eligible: Mask | None = None
    """(n, K) which arms could be shown; None where the log does not say, which is taken as all."""
    units: Units | None = None
    """(n,) 64-bit hash of the unit (`hash_units`); None where each row is taken as a unit of its own."""
    times: Floats | None = None
    """(n,) seconds since the Unix epoch."""
    fallback: Mask | None = None
    """(n,) True where the policy did not draw the arm that was shown; None for nowhere."""
    columns: Mapping[str, Floats] = field(default_factory=dict)
    """Other numbers that came along, (n,) or (n, K) each."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Reason -> number of rows that stood between these (or beside them) and are not among them."""

    def __len__(self) -> int:
        return len(self.arms)

    def take(self, index: slice | Arms | Mask) -> Rows:
        """Some of the rows, in the order of `index`; a slice copies nothing. What was left out stays behind."""
        picked: dict[str, Any] = {
            name: None if array is None else array[index] for name, array in self._arrays().items()
        }
        return Rows(**picked, columns={name: array[index] for name, array in self.columns.items()})

    def _arrays(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _MAPPINGS}


_MAPPINGS = ("columns", "left_out")


class BanditLog:
    """A log that can be read again and again, in pages of bounded size, in the order it was written.

    Readers of `banditcore.formats` make it from files, `BanditLog.of` from arrays. It goes to other processes as
    what it was opened with, so `pages` must be a function of a module, or a `partial` of one.
    """

    def __init__(
        self,
        variants: Sequence[str],
        pages: Callable[[], Iterator[Rows]],
        *,
        source: str = "memory",
        features: Sequence[str] = (),
        rows: int | None = None,
        path: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """variants: K keys by arm. `pages` gives the rows from the start each time, not yet in any certain sizes.

        features: names of the d features, where known; rows: how many there are at most, where known; path: the file;
        metadata: what the file says about itself.
        """
        self.variants, self.source, self.features = tuple(variants), source, tuple(features)
        self.rows, self.path, self.metadata = rows, path, dict(metadata or {})
        self._pages = pages
        if len(set(self.variants)) != len(self.variants) or not self.variants:
            raise InvalidInput("variants must be different keys, one an arm, at least one.", field="variants")

    @property
    def n_arms(self) -> int:
        return len(self.variants)

    def pages(self) -> Iterator[Rows]:
        """All rows from the start. Raises InvalidInput with file, row and column where they cannot be read."""
        return self._pages()

    def head(self) -> Rows:
        """The first page. Raises InvalidInput where there is no row at all."""
        for rows in self.pages():
            if len(rows):
                return rows
        raise InvalidInput(f"{self.source} holds no decision that can be used", field="log")

    def load(self) -> Rows:
        """All of it in memory."""
        return concatenated(list(self.pages()))

    def in_memory(self) -> BanditLog:
        """The same log, read once and kept."""
        rows = self.load()
        return self.with_pages(partial(_one_page, rows), len(rows))

    def with_pages(self, pages: Callable[[], Iterator[Rows]], rows: int | None = None) -> BanditLog:
        """A log of the same variants and features with other rows."""
        return BanditLog(
            self.variants,
            pages,
            source=self.source,
            features=self.features,
            rows=self.rows if rows is None else rows,
            path=self.path,
            metadata=self.metadata,
        )

    @classmethod
    def of(
        cls,
        contexts: npt.ArrayLike,
        arms: npt.ArrayLike,
        rewards: npt.ArrayLike,
        propensity: npt.ArrayLike | None = None,
        *,
        propensities: npt.ArrayLike | None = None,
        eligible: npt.ArrayLike | None = None,
        units: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
        fallback: npt.ArrayLike | None = None,
        columns: Mapping[str, npt.ArrayLike] | None = None,
        variants: Sequence[str] | None = None,
        n_arms: int | None = None,
        features: Sequence[str] = (),
    ) -> BanditLog:
        """From arrays, checked; shapes and units as in `Rows`. Raises InvalidInput that names the field.

        One of `propensity` and `propensities` is needed, or both. units: texts or integers, one a row. Without
        `variants` the keys are "0", "1", ..; without `n_arms` too there are as many as the vectors or the arms show.
        """
        known = len(variants) if variants is not None else n_arms
        if known is None:
            vectors = np.asarray(() if propensities is None else propensities)
            known = vectors.shape[1] if vectors.ndim == 2 else int(np.max(np.asarray(arms), initial=0)) + 1
        rows = checked_rows(
            check_count(known, "n_arms", 1),
            contexts=contexts,
            arms=arms,
            rewards=rewards,
            propensity=propensity,
            propensities=propensities,
            eligible=eligible,
            units=None if units is None else hash_units(units),
            times=times,
            fallback=fallback,
            columns=columns or {},
        )
        keys = [str(arm) for arm in range(known)] if variants is None else variants
        return cls(keys, partial(_one_page, rows), features=features, rows=len(rows))


def _one_page(rows: Rows) -> Iterator[Rows]:
    yield rows


def hash_units(units: npt.ArrayLike) -> Units:
    """(n,) 64-bit hashes of texts or whole numbers; equal units have equal ones, in every process and on every day."""
    given = np.asarray(units)
    if given.ndim != 1 or given.dtype.kind not in "iuUSO":
        raise InvalidInput("units must be texts or integers, one a row.", field="units")
    known: dict[Any, int] = {}
    return np.fromiter((_hashed(unit, known) for unit in given.tolist()), dtype=np.uint64, count=len(given))


def _hashed(unit: Any, known: dict[Any, int]) -> int:
    if unit not in known:
        known[unit] = int.from_bytes(blake2b(str(unit).encode(), digest_size=8).digest(), "big")
    return known[unit]


Bad = Callable[[int, str, str], None]
"""Hears of a bad row, counted from 0, its column and what is wrong with it; one that does not raise skips the row."""


def checked_rows(
    n_arms: int,
    *,
    contexts: npt.ArrayLike,
    arms: npt.ArrayLike,
    rewards: npt.ArrayLike,
    propensity: npt.ArrayLike | None = None,
    propensities: npt.ArrayLike | None = None,
    eligible: npt.ArrayLike | None = None,
    units: Units | None = None,
    times: npt.ArrayLike | None = None,
    fallback: npt.ArrayLike | None = None,
    columns: Mapping[str, npt.ArrayLike] | None = None,
    left_out: Mapping[str, int] | None = None,
    bad: Bad | None = None,
) -> Rows:
    """`Rows` of n_arms variants, of which those that `bad` was told of are left out (`left_out` is the caller's).

    Raises InvalidInput for a column that is no column of numbers of the right shape, and, without `bad`, for the first
    bad row. An arm may be a float with a whole value; NaN stands for what is missing, and is bad.
    """
    shown = _column(arms, "arms", None, ())
    n = len(shown)
    rules = _Rules(n, bad)
    rules.apply("arms", (shown >= 0) & (shown < n_arms) & (shown == np.floor(shown)), _in(f"0..{n_arms - 1}"), shown)
    at, own_arm = np.arange(n), np.where(rules.sound, shown, 0).astype(np.int64)
    whole = None if propensities is None else _column(propensities, "propensities", n, (n_arms,))
    if whole is not None:
        rules.vectors("propensities", whole)
    if propensity is None and whole is None:
        raise InvalidInput("propensity is missing: without P(arm shown) nothing can be weighted.", field="propensity")
    told = None if propensity is None else _column(propensity, "propensity", n, ())
    own = whole[at, own_arm] if told is None and whole is not None else _given(told)
    rules.apply("propensity", (own > 0.0) & (own <= 1.0), "must lie in (0, 1]", own)
    if whole is not None and told is not None:
        same = np.abs(whole[at, own_arm] - own) <= SUM_TOLERANCE
        rules.apply("propensity", same, "differs from the entry of the vector for the arm shown", own)
    earned = _column(rewards, "rewards", n, ())
    rules.apply("rewards", np.abs(earned) <= LIMIT, _FINITE, earned)
    x = _contexts(contexts, n, n_arms)
    rules.apply("contexts", (np.abs(x) <= LIMIT).all(axis=tuple(range(1, x.ndim))), _FINITE)
    mask = None if eligible is None else np.broadcast_to(_flags(eligible, "eligible", (n, n_arms)), (n, n_arms))
    if mask is not None:
        rules.apply("eligible", mask[at, own_arm], "must hold the arm that was shown")
    when = None if times is None else _column(times, "times", n, ())
    if when is not None:
        rules.apply("times", np.abs(when) <= 1e12, "must be seconds since 1970", when)
    rows = Rows(
        contexts=x,
        arms=own_arm,
        rewards=earned,
        propensity=own,
        propensities=whole,
        eligible=mask,
        units=None if units is None else _as_long(np.asarray(units, dtype=np.uint64), "units", n),
        times=when,
        fallback=None if fallback is None else _flags(fallback, "fallback", (n,)),
        columns={name: _as_long(_numbers(value, name), name, n) for name, value in (columns or {}).items()},
    )
    return replace(rows if rules.sound.all() else rows.take(rules.sound), left_out=dict(left_out or {}))


_FINITE = f"must be finite and at most {LIMIT:g} in size"


def _in(bounds: str) -> str:
    return f"must lie in {bounds}"


class _Rules:
    """Tells of the rows that break a rule, each once."""

    def __init__(self, n: int, bad: Bad | None) -> None:
        self.sound = np.ones(n, dtype=np.bool_)
        self._bad = bad or self._raise

    @staticmethod
    def _raise(row: int, column: str, wrong: str) -> None:
        raise InvalidInput(f"{column} {wrong} in row {row}.", field=column)

    def apply(self, column: str, kept: Any, rule: str, seen: npt.NDArray[Any] | None = None) -> None:
        if kept.all():
            return
        for row in np.flatnonzero(self.sound & ~kept):
            found = "" if seen is None else f", found {seen[row]:.6g}"
            self._bad(int(row), column, rule + found)
        self.sound &= kept

    def vectors(self, column: str, found: Floats) -> None:
        """Probability vectors (n, K)."""
        # Rows are looked at one by one only where the extremes say that there is something to find.
        if len(found) and not (found.min() >= 0.0 and found.max() <= 1.0):
            self.apply(column, ((found >= 0.0) & (found <= 1.0)).all(axis=1), "must lie in [0, 1]")
        total = found @ np.ones(found.shape[1])
        self.apply(column, np.abs(total - 1.0) <= SUM_TOLERANCE, "must sum to 1", total)


def checked_vectors(value: npt.ArrayLike, n: int, n_arms: int, name: str = "propensities") -> Floats:
    """(n, K) probability vectors. Raises InvalidInput that names the first bad row, from 0."""
    found = _column(value, name, n, (n_arms,))
    _Rules(n, None).vectors(name, found)
    return found


def _numbers(value: npt.ArrayLike, name: str) -> Floats:
    try:
        found: Floats = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} must be numbers, rows of equal length.", field=name) from None
    return found


def _column(value: npt.ArrayLike, name: str, n: int | None, rest: tuple[int, ...]) -> Floats:
    """(n, *rest) numbers; any n for None."""
    found = _numbers(value, name)
    if found.ndim != 1 + len(rest) or found.shape[1:] != rest or n not in (None, len(found)):
        expected = ("n" if n is None else str(n), *map(str, rest))
        raise InvalidInput(f"{name} has shape {found.shape}, expected ({', '.join(expected)}).", field=name)
    return found


def _given(value: Floats | None) -> Floats:
    assert value is not None
    return value


def _contexts(value: npt.ArrayLike, n: int, n_arms: int) -> Floats:
    found = _numbers(value, "contexts")
    if found.ndim not in (2, 3) or len(found) != n or (found.ndim == 3 and found.shape[1] != n_arms):
        raise InvalidInput(
            f"contexts has shape {found.shape}, expected ({n}, d) or ({n}, {n_arms}, d).", field="contexts"
        )
    return np.ascontiguousarray(found)


def _flags(value: npt.ArrayLike, name: str, shape: tuple[int, ...]) -> Mask:
    found = np.asarray(value)
    if found.dtype != np.bool_ or found.shape not in (shape, shape[1:]) or not found.ndim:
        raise InvalidInput(f"{name} must be truth values of shape {shape}.", field=name)
    return found


def _as_long(found: npt.NDArray[Any], name: str, n: int) -> npt.NDArray[Any]:
    if found.shape[:1] != (n,):
        raise InvalidInput(f"{name} has shape {found.shape}, expected {n} rows.", field=name)
    return found


def concatenated(pages: Sequence[Rows]) -> Rows:
    """One page of several. Raises InvalidInput where there is none."""
    if not pages:
        raise InvalidInput("there are no rows", field="log")
    if len(pages) == 1:
        return pages[0]
    joined: dict[str, Any] = {
        name: None if array is None else np.concatenate([getattr(page, name) for page in pages])
        for name, array in pages[0]._arrays().items()
    }
    names = pages[0].columns.keys()
    left_out: dict[str, int] = {}
    for page in pages:
        for reason, count in page.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + count
    columns = {name: np.concatenate([page.columns[name] for page in pages]) for name in names}
    return Rows(**joined, columns=columns, left_out=left_out)
