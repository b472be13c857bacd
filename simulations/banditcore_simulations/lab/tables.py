"""Results as Parquet: a row a task, the configuration in the file's metadata, the same bytes for the same content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from banditcore.errors import InvalidInput
from banditcore.formats.arrow import needed
from banditcore.formats.replacing import replacing
from banditcore_simulations.lab.configuration import SEED, Configuration
from banditcore_simulations.lab.journal import from_json, to_json
from banditcore_simulations.lab.results import Results
from banditcore_simulations.lab.sweep import Point, Record

Row = Mapping[str, Any]
KEY = b"banditcore"
FILE = "results.parquet"


def row(point: Point, seed: int, record: Record) -> dict[str, Any]:
    """A task's row, of plain values. Raises InvalidInput where something measured has no place in a column."""
    taken = {*point, SEED}
    for name in record:
        if name in taken:
            raise InvalidInput(f"measured {name!r} is a parameter already: give it another name", field=name)
    return {**point, SEED: seed, **{str(name): _plain(str(name), value) for name, value in record.items()}}


def write_results(path: Path, rows: Sequence[Row], about: Configuration) -> None:
    """Takes the place of what was there. Raises InvalidInput where a column holds things of different kinds, and where
    the disk is full."""
    arrow, parquet = needed("pyarrow", "a sweep"), needed("pyarrow.parquet", "a sweep")
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [_column(arrow, name, [row.get(name) for row in rows]) for name in names]
    table = arrow.table(columns, names=names).replace_schema_metadata({KEY: to_json(about).encode()})
    text = [name for name, column in zip(names, columns, strict=True) if column.type == arrow.string()]
    with replacing(path) as partial:
        parquet.write_table(table, partial, compression="zstd", use_dictionary=text)


def read_results(path: str | Path) -> Results:
    """Of a file, or of the folder it is in. Raises InvalidInput."""
    return Results(_open(Path(path)).read().to_pylist())


def read_configuration(path: str | Path) -> Configuration:
    """What the results of a file are a function of. Raises InvalidInput."""
    metadata = _open(Path(path)).schema_arrow.metadata or {}
    if KEY not in metadata:
        raise InvalidInput(f"{path} is no file of results", field="path")
    return dict(from_json(metadata[KEY].decode()))


def _open(path: Path) -> Any:
    parquet = needed("pyarrow.parquet", "a sweep")
    file = path / FILE if path.is_dir() else path
    try:
        return parquet.ParquetFile(file)
    except FileNotFoundError:
        raise InvalidInput(f"there are no results at {file}", field="path") from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file} is no sound Parquet file: {error}", field="path") from None


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = float(value) if isinstance(value, np.longdouble) else value.item()  # item() of one is itself
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        array = np.asarray(value)
        if array.ndim == 1 and array.dtype.kind in "fiub":
            return array.astype(np.float64).tolist()
    raise InvalidInput(
        f"measured {name!r} must be a number, text, truth value, None or a flat list of numbers, found "
        f"{type(value).__name__}",
        field=name,
    )


def _column(arrow: Any, name: str, values: list[Any]) -> Any:
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {"whole number", "number"}:
        kinds = {"number"}
    if len(kinds) > 1:
        raise InvalidInput(f"{name!r} is a {' and a '.join(sorted(kinds))}: a column has one kind", field=name)
    types = {
        "truth value": arrow.bool_(),
        "whole number": arrow.int64(),
        "number": arrow.float64(),
        "text": arrow.string(),
        "list": arrow.list_(arrow.float64()),
    }
    try:
        return arrow.array(values, types[kinds.pop()] if kinds else arrow.null())
    except (arrow.ArrowInvalid, OverflowError) as error:
        raise InvalidInput(f"{name!r} does not fit a column: {error}", field=name) from None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, int):
        return "whole number"
    if isinstance(value, float):
        return "number"
    return "text" if isinstance(value, str) else "list"
