"""Columns of Arrow as arrays of NumPy, without a copy where they lie in memory as NumPy wants them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from banditcore.checks import Mask
from banditcore.errors import InvalidInput
from banditcore.types import Floats

T = TypeVar("T")


def needed(module: str, what: str) -> Any:
    """A module of the extra `offline`. Raises InvalidInput that says how to install it."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise InvalidInput(
            f"{what} needs {module.partition('.')[0]} ({error}): install it with `pip install 'banditcore[offline]'`",
            field="log",
        ) from None


def is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind))


def is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def is_vector(kind: Any) -> bool:
    return is_list(kind) and is_number(kind.value_type)


def numbers(column: Any) -> Floats:
    """(n,) of a column of numbers; NaN for null."""
    import pyarrow

    if column.type != pyarrow.float64():
        column = column.cast(pyarrow.float64(), safe=False)
    found: Floats = column.to_numpy(zero_copy_only=False)
    return found


def coded(column: Any) -> Any:
    """A column as codes into its different values."""
    from pyarrow import types

    return column if types.is_dictionary(column.type) else column.dictionary_encode()


def nulls(column: Any) -> Mask:
    found: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return found


def flags(column: Any, default: bool) -> Mask:
    """(n,) of truth values, or of numbers where 0 is false; `default` for null."""
    import pyarrow

    found: Mask = column.cast(pyarrow.bool_()).fill_null(default).to_numpy(zero_copy_only=False)
    return found


def vectors(column: Any, width: int) -> tuple[Floats, Mask | None]:
    """(n, width) of a column of lists, and which rows have that length: None for all, which takes no copy.

    Other rows are NaN.
    """
    if column.null_count == 0 and (lengths(column) == width).all():
        return numbers(column.flatten()).reshape(len(column), width), None
    import pyarrow

    fitting = lengths(column) == width
    found = np.full((len(column), width), np.nan)
    found[fitting] = numbers(column.filter(pyarrow.array(fitting)).flatten()).reshape(-1, width)
    return found, fitting


def lengths(column: Any) -> Any:
    """(n,) of a column of lists; -1 for null."""
    from pyarrow import compute

    return compute.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, of which the next one is made on another thread while one is used."""
    done: Any = object()
    with ThreadPoolExecutor(1, "banditcore-ahead") as pool:
        future = pool.submit(next, items, done)
        while (item := future.result()) is not done:
            future = pool.submit(next, items, done)
            yield item
