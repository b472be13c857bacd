"""Named features into a fixed number of columns by signed hashing, the same in every process and on every day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain

import numpy as np
import numpy.typing as npt

from banditcore.checks import check_count
from banditcore.errors import InvalidInput
from banditcore.types import Floats

Features = list[tuple[str, float]]
"""("namespace^feature", value); a word is a feature of the value 1."""
Hashes = npt.NDArray[np.uint64]
DIMS = 32
_PAIRS = 2**20
"""Products of features that are looked at together."""
_SIGN = 2**63


@lru_cache(maxsize=2**16)
def feature_hash(name: str) -> int:
    """64 bits of "namespace^feature"; the highest one is the sign."""
    return int.from_bytes(blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


@lru_cache(maxsize=2**16)
def place(name: str, dims: int) -> tuple[int, float]:
    """(column, +1 or -1): features that fall into one column cancel out on average instead of adding up."""
    found = feature_hash(name)
    return found % dims, -1.0 if found & _SIGN else 1.0


def given_dims(dims: int) -> int:
    """The option `dims`. Raises InvalidInput."""
    return check_count(dims, "dims", 1)


def given_arm_features(value: bool | None) -> bool | None:
    """The option `arm_features`. Raises InvalidInput."""
    if value is not None and not isinstance(value, bool | np.bool_):
        raise InvalidInput(f"arm_features must be true, false or left out, found {value!r}", field="arm_features")
    return value


def hashed(rows: Sequence[Features], dims: int) -> Floats:
    """(n, dims) sums of the values of each row's features, by their signs and columns."""
    at: list[int] = []
    values: list[float] = []
    for row, features in enumerate(rows):
        start = row * dims
        for name, value in features:
            column, sign = place(name, dims)
            at.append(start + column)
            values.append(sign * value)
    return _summed(at, values, len(rows) * dims).reshape(len(rows), dims)


def hashed_by_arm(
    shared: Sequence[Features], actions: Sequence[Mapping[int, Features]], n_arms: int, dims: int
) -> Floats:
    """(n, K, dims): each arm's own features and their products with the shared ones; zeros where it was not there."""
    left, weights = _hashes(chain.from_iterable(shared))
    right, values = _hashes(own for arms in actions for features in arms.values() for own in features)
    cells = [(row, arm, len(features)) for row, arms in enumerate(actions) for arm, features in arms.items()]
    rows, arms, sizes = np.array(cells, dtype=np.int64).reshape(-1, 3).T
    # Of each own feature: the row, where its arm's columns begin, and where the row's shared features begin.
    row, base = np.repeat(rows, sizes), np.repeat((rows * n_arms + arms) * dims, sizes)
    counts = np.array([len(features) for features in shared], dtype=np.int64)
    first = (np.cumsum(counts) - counts)[row]
    found = np.zeros(len(shared) * n_arms * dims)
    _add(found, right, values, base, dims)
    for part in _parts(counts[row]):
        times = counts[row[part]]
        own = np.repeat(np.arange(part.start, part.stop), times)
        other = np.repeat(first[part], times) + np.arange(len(own)) - np.repeat(np.cumsum(times) - times, times)
        _add(found, _mixed(left[other], right[own]), weights[other] * values[own], base[own], dims)
    return found.reshape(len(shared), n_arms, dims)


def _parts(counts: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Runs of features with about _PAIRS products each."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _PAIRS, side="right")))
        yield slice(start, min(stop, len(counts)))
        start = stop


def _add(found: Floats, hashes: Hashes, values: Floats, base: npt.NDArray[np.int64], dims: int) -> None:
    at = base + (hashes % np.uint64(dims)).astype(np.int64)
    np.add.at(found, at, np.where(hashes >= np.uint64(_SIGN), -values, values))


def _summed(at: Sequence[int] | npt.NDArray[np.int64], values: npt.ArrayLike, size: int) -> Floats:
    where, what = np.asarray(at, dtype=np.int64), np.asarray(values, dtype=np.float64)
    # Of nothing, the sum is in whole numbers.
    return np.bincount(where, what, minlength=size).astype(np.float64)


def _hashes(features: Iterable[tuple[str, float]]) -> tuple[Hashes, Floats]:
    listed = list(features)
    names = np.array([feature_hash(name) for name, _ in listed], dtype=np.uint64)
    return names, np.array([value for _, value in listed], dtype=np.float64)


def _mixed(left: Hashes, right: Hashes) -> Hashes:
    """Hashes of pairs, as good as those of one (the finish of splitmix64)."""
    found = left * np.uint64(0x9E3779B97F4A7C15) + right
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))
