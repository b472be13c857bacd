"""The boundary of the policies: whatever comes in leaves as an array a kernel may read, or as InvalidInput."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from banditcore.errors import InvalidInput
from banditcore.kernels import LIMIT, plain_contexts, plain_indices, plain_vector
from banditcore.types import Floats

Mask = npt.NDArray[np.bool_]
Arms = npt.NDArray[np.int64]
Seeds = npt.NDArray[np.uint64]


def _real(value: Any, field: str) -> Floats:
    """Any real dtype, any layout -> C-contiguous float64 with bounded numbers."""
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise InvalidInput(f"{field} must be one rectangular array of numbers.", field=field) from error
    if found.dtype.kind not in "fiub":
        raise InvalidInput(f"{field} must hold real numbers, found dtype {found.dtype}.", field=field)
    # Not ascontiguousarray: it turns () into (1,).
    array: Floats = np.asarray(found, dtype=np.float64, order="C")
    if not (np.abs(array) <= LIMIT).all():
        raise InvalidInput(f"{field} must be finite and at most {LIMIT:g} in size.", field=field)
    return array


def _wrong_shape(field: str, found: tuple[int, ...], expected: str) -> InvalidInput:
    return InvalidInput(f"{field} has shape {found}, expected {expected}.", field=field)


def check_contexts(value: Any, n_arms: int, n_features: int) -> Floats:
    """(n, d) or (n, K, d)."""
    if plain_contexts(value, n_arms, n_features):
        return value
    array = _real(value, "contexts")
    if array.shape[1:] not in ((n_features,), (n_arms, n_features)) or array.ndim < 2:
        expected = f"(n, {n_features}) or (n, {n_arms}, {n_features})"
        if array.shape == (n_features,):
            expected += "; a single context x goes in as x[None, :]"
        raise _wrong_shape("contexts", array.shape, expected)
    return array


def check_eligible(value: Any, rows: int, n_arms: int) -> Mask | None:
    """None, (K,) or (n, K) bool with at least one True a row; C-contiguous."""
    if value is None:
        return None
    mask = np.asarray(value)
    if mask.dtype != np.bool_:
        raise InvalidInput(f"eligible must be bool, found dtype {mask.dtype}.", field="eligible")
    if mask.shape not in ((n_arms,), (rows, n_arms)):
        raise _wrong_shape("eligible", mask.shape, f"({n_arms},) or ({rows}, {n_arms})")
    if not mask.any(axis=-1).all():
        raise InvalidInput("eligible leaves a row without any arm; a decision needs at least one.", field="eligible")
    return np.ascontiguousarray(mask)


def check_arms(value: Any, rows: int, n_arms: int) -> Arms:
    """(n,) integers in 0..K-1."""
    if plain_indices(value, rows, n_arms):
        return value
    array = np.asarray(value)
    if array.shape != (rows,):
        raise _wrong_shape("arms", array.shape, f"({rows},)")
    if array.dtype.kind not in "iu" and array.size:
        raise InvalidInput(f"arms must be integers, found dtype {array.dtype}.", field="arms")
    if not ((array >= 0) & (array < n_arms)).all():
        raise InvalidInput(f"arms must lie in 0..{n_arms - 1}.", field="arms")
    return np.ascontiguousarray(array, dtype=np.int64)


def check_vector(value: Any, field: str, rows: int, low: float, high: float) -> Floats:
    """(n,) numbers in [low, high]."""
    if plain_vector(value, rows, low, high):
        return value
    array = _real(value, field)
    if array.shape != (rows,):
        raise _wrong_shape(field, array.shape, f"({rows},)")
    if not ((array >= low) & (array <= high)).all():
        raise InvalidInput(f"{field} must lie in [{low:g}, {high:g}].", field=field)
    return array


def check_matrix(value: Any, field: str, rows: int) -> Floats:
    """(rows, p) numbers, p >= 1."""
    array = _real(value, field)
    if array.ndim != 2 or len(array) != rows or not array.shape[1]:
        raise _wrong_shape(field, array.shape, f"({rows}, p), one row an arm")
    return array


def check_count(value: Any, field: str, least: int) -> int:
    """A whole number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInput(f"{field} must be an integer of at least {least}, found {value!r}.", field=field)
    return int(value)


def check_number(value: Any, field: str, low: float, high: float = LIMIT, *, above: bool = False) -> float:
    """A finite number in [low, high], or in (low, high] with `above`."""
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{field} must be a number, found {value!r}.", field=field) from error
    if isinstance(value, str):
        raise InvalidInput(f"{field} must be a number, found the text {value!r}.", field=field)
    if not low <= number <= high or (above and number == low):
        bracket = "(" if above else "["
        raise InvalidInput(f"{field} must lie in {bracket}{low:g}, {high:g}], found {number!r}.", field=field)
    return number


def check_whole(value: Any, field: str, least: int) -> int:
    """As `check_count`, also given as a float: definitions that came as JSON or over the wire know no integers."""
    return check_count(int(value) if isinstance(value, float) and value.is_integer() else value, field, least)


def check_seeds(value: Any, rows: int) -> Seeds:
    """(n,) integers in 0..2^64-1."""
    # A list of small and of large integers would become floats, and an empty one too.
    whole = isinstance(value, list) and all(isinstance(seed, int) and 0 <= seed < 2**64 for seed in value)
    array = np.array(value, dtype=np.uint64) if whole else np.asarray(value)
    if array.shape != (rows,):
        raise _wrong_shape("seeds", array.shape, f"({rows},)")
    if array.dtype.kind not in "iu" or (array < 0).any():
        raise InvalidInput(f"seeds must be integers in 0..2^64-1, found dtype {array.dtype}.", field="seeds")
    return np.ascontiguousarray(array, dtype=np.uint64)


def context_seeds(contexts: Floats) -> Seeds:
    """(n,) a seed of each row's bits: equal rows get equal ones."""
    bits = contexts.reshape(len(contexts), -1).view(np.uint64)
    odd = 2 * np.arange(1, bits.shape[1] + 1, dtype=np.uint64) + 1
    mixed: Seeds = ((bits ^ (bits >> np.uint64(29))) * (odd * np.uint64(0x9E3779B97F4A7C15))).sum(
        axis=1, dtype=np.uint64
    )
    return mixed ^ (mixed >> np.uint64(32))
