"""Units and times of a Parquet file, whatever types they were written as."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np

from banditcore.bandit_log import Units, hash_units
from banditcore.checks import Mask
from banditcore.formats.arrow import coded, is_text, nulls, numbers
from banditcore.types import Floats

_EXACT = 2**53
"""From here on neighbouring whole numbers are the same float."""
_SCALES = ((1e11, "seconds: multiply by 1,000,000"), (1e14, "milliseconds: multiply by 1,000"))
"""Numbers below are no microseconds that anybody has logged: those of 1e14 were in 1973."""
_LATEST = (1e17, "nanoseconds: divide by 1,000")
UNITS = "text, UUIDs or whole numbers"


def is_unit(kind: Any) -> bool:
    """Whether an Arrow type can be that of units; floats may turn out to be none."""
    from pyarrow import types

    return bool(is_text(kind) or types.is_integer(kind) or types.is_floating(kind) or is_uuid(kind))


def is_uuid(kind: Any) -> bool:
    """Whether it is 16 bytes, with or without Arrow's name for it."""
    from pyarrow import types

    return bool(types.is_fixed_size_binary(_stored(kind)) and _stored(kind).byte_width == 16)


def _stored(kind: Any) -> Any:
    import pyarrow

    return kind.storage_type if isinstance(kind, pyarrow.BaseExtensionType) else kind


def unit_keys(column: Any) -> tuple[Units, Mask]:
    """(n,) hashes of units, and which rows have none: null, or a number that is not whole.

    A UUID is hashed as its text with dashes, a whole float as its digits: as the same units are elsewhere.
    """
    import pyarrow

    if isinstance(column.type, pyarrow.BaseExtensionType):
        column = column.storage
    # Each different unit of a page is hashed once.
    apart = coded(column)
    if not len(apart.dictionary):
        return np.zeros(len(column), dtype=np.uint64), nulls(column)
    units = _plain(apart.dictionary)
    codes = apart.indices.fill_null(0).to_numpy(zero_copy_only=False)
    absent = np.array([unit is None for unit in units])[codes] | nulls(column)
    keys = hash_units(np.array(["" if unit is None else unit for unit in units], dtype=object))
    return keys[codes], absent


def _plain(values: Any) -> list[str | int | None]:
    from pyarrow import types

    found = values.to_pylist()
    if types.is_floating(values.type):
        return [int(unit) if unit is not None and abs(unit) < _EXACT and unit == int(unit) else None for unit in found]
    if is_uuid(values.type):
        return [None if unit is None else str(UUID(bytes=unit)) for unit in found]
    return list(found)


def seconds(column: Any, trusted: bool) -> tuple[Floats, dict[str, Mask]]:
    """(n,) seconds since 1970 of timestamps or microseconds, and which rows are wrong in what way.

    trusted: the file is of ours, so that any number is microseconds.
    """
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):
        column, trusted = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False).cast(pyarrow.int64()), True
    found = numbers(column)
    wrong: dict[str, Mask] = {"is null": nulls(column)}
    if not trusted and len(found):
        least = 0.0
        for most, unit in _SCALES:
            wrong[_scaled(unit)] = (np.abs(found) >= least) & (np.abs(found) < most)
            least = most
        wrong[_scaled(_LATEST[1])] = np.abs(found) >= _LATEST[0]
    return found / 1e6, {words: rows for words, rows in wrong.items() if rows.any()}


def _scaled(unit: str) -> str:
    return f"must be microseconds since 1970 and seems to be {unit}, or write timestamps"
