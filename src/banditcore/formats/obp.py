"""The dictionary of Open Bandit Pipeline (`BanditFeedback`), in memory or as .npz; nothing is ever unpickled."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.bandit_log import PAGE, BanditLog, Rows, hash_units
from banditcore.errors import InvalidInput
from banditcore.formats.checking import brief, constant, largest_arm, reporter, sound_rows
from banditcore.formats.problems import Problems

Array = npt.NDArray[Any]
NAME = "obp"
SUFFIXES = (".npz",)
MOST_ACTIONS = 1_000_000
_CELLS = 2**22
_OWN = {"arms": "action", "rewards": "reward", "propensity": "pscore", "propensities": "pi_b", "contexts": "context"}
_EXTRA = {"eligible": "eligible", "units": "unit", "times": "time", "fallback": "fallback"}
"""Columns that obp does not know: it passes them by, we read them back."""
_NAMES = _OWN | _EXTRA
_COLUMN = "column_"
_SHAPES = {"pi_b": (2, 3), "context": (2,), "expected_reward": (2,), "eligible": (2,), "action_context": (2,)}


def sniff(path: Path, start: bytes) -> bool:
    return start.startswith(b"PK\x03\x04") and b".npy" in start[:512]


def read(path: Path, *, lenient: bool = False, action_context: bool = False) -> BanditLog:
    """A dictionary that `numpy.savez(path, **dictionary)` or `write` has saved. Raises InvalidInput.

    action_context: append those of each arm to the context, which becomes (n, K, d).
    """
    found = _Feedback(_loaded(path), str(path), action_context)
    return found.log(partial(_npz_pages, path, lenient, action_context), str(path))


def from_dict(
    feedback: Mapping[str, Any], *, lenient: bool = False, action_context: bool = False, source: str = "memory"
) -> BanditLog:
    """The dictionary as obp's data sets give it. Raises InvalidInput.

    action (n,), reward (n,) and pscore (n,) or pi_b (n, K) or (n, K, positions) are needed; context (n, d), position
    (n,), n_actions, expected_reward (n, K) and action_context (K, d) may be there or None.
    """
    arrays = {name: np.asarray(value) for name, value in feedback.items() if value is not None}
    found = _Feedback(arrays, source, action_context)
    return found.log(partial(_pages, arrays, source, lenient, action_context), None)


def _npz_pages(path: Path, lenient: bool, action_context: bool) -> Iterator[Rows]:
    return _pages(_loaded(path), str(path), lenient, action_context)


def _pages(arrays: Mapping[str, Array], source: str, lenient: bool, action_context: bool) -> Iterator[Rows]:
    feedback, problems = _Feedback(arrays, source, action_context), Problems(source, lenient)
    for start in range(0, feedback.n, feedback.page):
        yield feedback.rows(start, problems)


def _loaded(path: Path) -> dict[str, Array]:
    try:
        opened = np.load(path, allow_pickle=False)
        if isinstance(opened, np.ndarray):
            raise InvalidInput(f"{path} is a single array: save the dictionary with numpy.savez", field="file")
        with opened as file:
            return {name: _member(file, name, path) for name in file.files}
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}", field="file") from None
    # What zipfile raises for versions and flags that it does not know are RuntimeErrors.
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, KeyError, RuntimeError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path} is no sound .npz file ({brief(error)}): write it anew", field="file") from None


def _member(file: Any, name: str, path: Path) -> Array:
    try:
        found: Array = file[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InvalidInput(
            f"{path}: {name} holds Python objects, which are not read: save arrays, and leave out what is None",
            field=name,
        ) from None
    return found


class _Feedback:
    """The arrays of a dictionary, checked for their shapes."""

    def __init__(self, arrays: Mapping[str, Array], source: str, action_context: bool) -> None:
        self._arrays, self._source = dict(arrays), source
        for name in ("action", "reward"):
            self._need(name)
        if "pi_b" not in arrays:
            self._need("pscore")
        self.n = len(self._array("action", (1,)))
        for name in ("reward", "pscore", "position", "time", "context", "pi_b", "expected_reward", "eligible"):
            if name in arrays and len(self._array(name, _SHAPES.get(name, (1,)))) != self.n:
                raise self._wrong(name, f"has {len(arrays[name])} rows, action has {self.n}")
        for name in (name for name in arrays if name.startswith(_COLUMN)):
            if len(self._array(name, (1, 2))) != self.n:
                raise self._wrong(name, f"has {len(arrays[name])} rows, action has {self.n}")
        self.n_arms = self._count()
        self._of_arms = self._array("action_context", (2,)) if action_context and self._need("action_context") else None
        d = sum(self._arrays[name].shape[1] for name in ("context", "action_context") if name in arrays)
        self.page = max(1, min(PAGE, _CELLS // max(1, self.n_arms * (d if action_context else 1))))

    def _need(self, name: str) -> bool:
        if name not in self._arrays:
            raise self._wrong(name, f"is missing, found {', '.join(sorted(self._arrays))[:80] or 'nothing'}")
        return True

    def _wrong(self, name: str, wrong: str) -> InvalidInput:
        return InvalidInput(f"{self._source}: {name} {wrong}", field=name)

    def _array(self, name: str, dimensions: tuple[int, ...]) -> Array:
        found = self._arrays[name]
        if found.ndim not in dimensions or found.dtype.kind not in "fiub":
            expected = " or ".join(map(str, dimensions))
            raise self._wrong(
                name, f"must be numbers in {expected} dimensions, found {found.dtype} of shape {found.shape}"
            )
        return found

    def _count(self) -> int:
        counts: dict[str, int] = {
            name: self._arrays[name].shape[1] for name in ("pi_b", "expected_reward") if name in self._arrays
        }
        if "action_context" in self._arrays:
            counts["action_context"] = len(self._array("action_context", (2,)))
        if "n_actions" in self._arrays:
            counts = {"n_actions": self._told()} | counts
        if len(set(counts.values())) > 1:
            raise self._wrong(next(iter(counts)), f"contradicts the number of actions: {counts}")
        found = next(iter(counts.values())) if counts else largest_arm(self._arrays["action"]) + 1
        return max(1, found)

    def _told(self) -> int:
        told = float(self._array("n_actions", (0,)))
        if not (told.is_integer() and 1 <= told <= MOST_ACTIONS):
            raise self._wrong("n_actions", f"must be a whole number of 1..{MOST_ACTIONS:,}, found {told:g}")
        return int(told)

    def log(self, pages: Any, path: str | None) -> BanditLog:
        keys = self._words("variants") or [str(arm) for arm in range(self.n_arms)]
        if len(keys) != self.n_arms:
            raise self._wrong("variants", f"has {len(keys)} keys, there are {self.n_arms} actions")
        return BanditLog(
            keys,
            pages,
            source=self._source,
            features=self._words("features") or ([] if "context" in self._arrays else ["constant"]),
            rows=self.n,
            path=path,
            metadata={"format": NAME},
        )

    def _words(self, name: str) -> list[str]:
        return [str(word) for word in np.atleast_1d(self._arrays[name])] if name in self._arrays else []

    def rows(self, start: int, problems: Problems) -> Rows:
        part = slice(start, start + self.page)
        found = {name: self._arrays[key][part] for name, key in _NAMES.items() if key in self._arrays}
        n = len(found["arms"])
        if "units" in found and found["units"].dtype != np.uint64:
            found["units"] = hash_units(found["units"])
        if found.get("propensities", found["arms"]).ndim == 3:
            found["propensities"] = self._of_position(found["propensities"], part)
        found["contexts"] = self._contexts(found.get("contexts"), n)
        columns = {name.removeprefix(_COLUMN): self._arrays[name][part] for name in self._columns()}
        numbers = range(start + 1, start + 1 + n)
        bad = reporter(problems, numbers, _NAMES, self.n_arms)
        return sound_rows(self.n_arms, problems, bad, columns=columns, **found)

    def _columns(self) -> list[str]:
        return [name for name in self._arrays if name in ("position", "expected_reward") or name.startswith(_COLUMN)]

    def _of_position(self, vectors: Array, part: slice) -> Array:
        """(n, K) of (n, K, positions)."""
        positions = vectors.shape[2]
        if positions == 1:
            return vectors[:, :, 0]
        self._need("position")
        at = np.asarray(self._arrays["position"][part])
        if not ((at >= 0) & (at < positions)).all():
            raise self._wrong("position", f"must lie in 0..{positions - 1}, the positions of pi_b")
        return vectors[np.arange(len(at)), :, at.astype(np.int64)]

    def _contexts(self, contexts: Array | None, n: int) -> Array:
        x = constant(n) if contexts is None else contexts
        if self._of_arms is None:
            return x
        k = self.n_arms
        shared = np.broadcast_to(x[:, None, :], (n, k, x.shape[1]))
        return np.concatenate([shared, np.broadcast_to(self._of_arms, (n, *self._of_arms.shape))], axis=2)


# Out


def to_dict(log: BanditLog) -> dict[str, Any]:
    """obp's dictionary of a log, all of it in memory. Raises InvalidInput where contexts are by arm.

    pi_b is (n, K, 1), as obp wants it. What obp has no key for stands beside: eligible, unit, time, fallback,
    variants, features, column_NAME. Positions that count from 1 count from 0 there.
    """
    rows = log.load()
    if rows.contexts.ndim == 3:
        raise InvalidInput("obp has no features by arm: write Parquet or DSJSON", field="contexts")
    found: dict[str, Any] = {"n_rounds": len(rows), "n_actions": log.n_arms, "position": None, "action_context": None}
    found |= {key: getattr(rows, name) for name, key in _OWN.items()}
    found |= {key: getattr(rows, name) for name, key in _EXTRA.items() if getattr(rows, name) is not None}
    found["pi_b"] = None if rows.propensities is None else rows.propensities[:, :, None]
    found["variants"] = np.array(log.variants)
    if log.features:
        found["features"] = np.array(log.features)
    for name, values in rows.columns.items():
        found[name if name in ("position", "expected_reward") else _COLUMN + name] = values
    if found["position"] is not None:
        found["position"] = _from_zero(found["position"].astype(np.int64))
    return found


def _from_zero(positions: Array) -> Array:
    """obp uses positions as an index."""
    return positions - int(np.min(positions, initial=1) == 1)


def write(log: BanditLog, path: Path) -> int:
    """`to_dict` without what is None, as .npz; returns the number of rows."""
    found = {name: value for name, value in to_dict(log).items() if value is not None}
    with path.open("wb") as file:
        np.savez(file, **found)
    return int(found["n_rounds"])
