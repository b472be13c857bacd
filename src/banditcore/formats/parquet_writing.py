"""Logs written as Parquet."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from banditcore.bandit_log import PAGE, BanditLog, Rows
from banditcore.errors import InvalidInput
from banditcore.formats import arrow
from banditcore.formats.parquet_columns import MODEL_POSITION, OURS, PREFIX, SCHEMA, TEXTS
from banditcore.formats.replacing import replacing

_GROUP = 2 * PAGE
"""Rows that a reader has to be able to skip or hold."""
_BYTES = 2**26
"""Of rows that wait for their group to be full."""


def write(log: BanditLog, path: str | os.PathLike[str]) -> int:
    """Writes a log and returns its number of rows; the file gets its name when it is complete. Raises InvalidInput.

    Units become `unit_hash`. What was left out of the log is not in the file.
    """
    first, pages = None, log.pages()
    with replacing(path) as partial_path:
        first = next(pages, None)
        schema = _schema(first)
        with Writer(partial_path, schema, _said(log, first)) as writer:
            while first is not None:
                writer.write(_table(first, schema, path))
                first = next(pages, None)
        return writer.rows


def _said(log: BanditLog, first: Rows | None) -> dict[str, Any]:
    shape = (len(log.features),) if first is None else first.contexts.shape[1:]
    return {"variants": log.variants, "features": log.features, "context_shape": shape}


def _schema(rows: Rows | None) -> Any:
    """Of all pages as the first one has it; vectors that say nothing new may be null in others."""
    pyarrow = arrow.needed("pyarrow", "Parquet")
    fields = {
        "arm": pyarrow.int32(),
        "reward": pyarrow.float64(),
        "propensity": pyarrow.float64(),
        "context": vector(),
        "eligible": pyarrow.list_(pyarrow.bool_()),
        "degraded": pyarrow.bool_(),
    }
    if rows is not None:
        optional = {"propensities": vector(), "units": pyarrow.uint64(), "times": pyarrow.int64()}
        named = {"units": "unit_hash", "times": "time_us"}
        fields |= {named.get(n, n): kind for n, kind in optional.items() if getattr(rows, n) is not None}
        if taken := [name for name in rows.columns if name in {*OURS, *fields} - {MODEL_POSITION}]:
            raise InvalidInput(f"column {taken[0]} means something else in our Parquet: rename it", field=taken[0])
        fields |= {name: vector() if a.ndim == 2 else pyarrow.float64() for name, a in rows.columns.items()}
    return pyarrow.schema(list(fields.items()))


def vector() -> Any:
    """Type of a column of vectors: no element is missing, which is faster to read."""
    import pyarrow

    return pyarrow.list_(pyarrow.field("element", pyarrow.float64(), nullable=False))


def lists(vectors: Any, kind: Any) -> Any:
    """An Arrow column of (n, ..) arrays, flattened row by row."""
    import pyarrow

    flat = np.ascontiguousarray(vectors).reshape(-1)
    width = math.prod(vectors.shape[1:])
    ends = pyarrow.array(np.arange(len(vectors) + 1, dtype=np.int32) * np.int32(width))
    return pyarrow.ListArray.from_arrays(ends, pyarrow.array(flat, kind.value_type), type=kind)


def _table(rows: Rows, schema: Any, path: str | os.PathLike[str]) -> Any:
    import pyarrow

    n = len(rows)
    values: dict[str, Any] = {
        "arm": rows.arms,
        "reward": rows.rewards,
        "propensity": rows.propensity,
        "context": rows.contexts,
        "eligible": rows.eligible,
        "degraded": np.zeros(n, dtype=np.bool_) if rows.fallback is None else rows.fallback,
        "propensities": rows.propensities,
        "unit_hash": rows.units,
        "time_us": None if rows.times is None else np.rint(rows.times * 1e6).astype(np.int64),
        **rows.columns,
    }
    columns = []
    for field in schema:
        value = values.get(field.name)
        if value is None and field.name != "eligible":
            raise InvalidInput(f"{path}: later rows of the log have no {field.name}, which the first had", field="log")
        if value is None:
            columns.append(pyarrow.nulls(n, field.type))
        else:
            is_list = pyarrow.types.is_list(field.type)
            columns.append(lists(value, field.type) if is_list else pyarrow.array(value, field.type))
    return pyarrow.Table.from_arrays(columns, schema=schema)


class Writer:
    """A Parquet file of ours that grows; says about itself what it is told, as JSON, at its end."""

    def __init__(self, path: Path, schema: Any, says: dict[str, Any]) -> None:
        parquet = arrow.needed("pyarrow.parquet", "Parquet")
        lists_of = [field.name for field in schema if arrow.is_list(field.type)]
        self.rows, self._schema, self._says = 0, schema, {"schema": SCHEMA, **says}
        self._waiting: list[Any] = []
        self._file = parquet.ParquetWriter(
            path,
            schema,
            compression="snappy",
            use_dictionary=[name for name in schema.names if name in TEXTS],
            write_statistics=[name for name in schema.names if name not in lists_of],
        )

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
            self._file.add_key_value_metadata(self.told())
        self._file.close()

    def write(self, table: Any) -> None:
        self.rows += table.num_rows
        self._waiting.append(table)
        rows, size = (sum(getattr(each, name) for each in self._waiting) for name in ("num_rows", "nbytes"))
        if rows >= _GROUP or size >= _BYTES:
            self._flush()

    def say(self, **says: Any) -> None:
        """More to be said at the end."""
        self._says |= says

    def told(self) -> dict[str, str]:
        """What will be said, as it is written."""
        return {PREFIX + key: json.dumps(value, ensure_ascii=False) for key, value in self._says.items()}

    def _flush(self) -> None:
        if self._waiting:
            import pyarrow

            self._file.write_table(pyarrow.concat_tables(self._waiting), row_group_size=_GROUP)
            self._waiting = []
