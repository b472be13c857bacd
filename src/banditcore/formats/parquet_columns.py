"""The columns of our Parquet schema, and what a file says about itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from banditcore.errors import InvalidInput
from banditcore.formats.arrow import is_number, is_text, is_vector, needed
from banditcore.formats.parquet_values import UNITS, is_unit

SCHEMA = 1
PREFIX = "banditcore."
TEXTS = ("decision_id", "experiment", "unit", "variant")
MODEL_POSITION = "model_position"
"""What the model had learned when it decided: an evaluation needs it to know what a model has not seen."""
LOGGED = (
    "decision_id",
    "experiment",
    "version",
    "certificate",
    "resolution_position",
    "resolution_value",
    "resolution_time_us",
)
"""What an exported log has beside: the learner needs it, an evaluation does not."""
TRUTHS = ("holdout", "exposed", "degraded")
VECTORS = ("propensities", "eligible", "context")
OURS = (*TEXTS, *LOGGED, MODEL_POSITION, *TRUTHS, *VECTORS, "arm", "reward", "propensity", "time_us", "unit_hash")
"""Every name that has a meaning here."""


def open_parquet(path: str | os.PathLike[str]) -> Any:
    """A `pyarrow.parquet.ParquetFile`. Raises InvalidInput where it is none, or of a later schema."""
    parquet, pyarrow = needed("pyarrow.parquet", "Parquet"), needed("pyarrow", "Parquet")
    if os.path.isdir(path):
        raise InvalidInput(f"cannot read {path}: it is a directory; name a file", field="log")
    try:
        # Pages are read as they are needed: a file may be one group of rows.
        file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=2**20)
    except OSError as error:
        if isinstance(error, pyarrow.ArrowException) or error.strerror is None:
            raise damaged(path, error) from None
        raise InvalidInput(f"cannot read {path}: {error.strerror}", field="log") from None
    except pyarrow.ArrowException as error:
        raise damaged(path, error) from None
    check_schema(path, metadata(file))
    return file


def damaged(path: str | os.PathLike[str], error: Exception, after: int | None = None) -> InvalidInput:
    said = str(error).strip().partition("\n")[0]
    where = f"{path}" if after is None else f"{path}, after row {after}:"
    return InvalidInput(f"{where} is no sound Parquet file ({said}): write it anew", field="log")


def metadata(file: Any) -> dict[str, str]:
    """What the file says about itself under keys of ours."""
    found: Mapping[bytes, bytes] = file.metadata.metadata or {}
    texts = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in found.items()}
    return {key: value for key, value in texts.items() if key.startswith(PREFIX)}


def check_schema(path: str | os.PathLike[str], known: Mapping[str, str]) -> None:
    schema = known.get(f"{PREFIX}schema", str(SCHEMA))
    if not schema.isdecimal() or int(schema) > SCHEMA:
        raise InvalidInput(
            f"{path} is of schema {schema[:20]}, this release of banditcore reads up to {SCHEMA}: update banditcore",
            field="log",
        )


def told(path: str | os.PathLike[str], known: Mapping[str, str], name: str, default: Any) -> Any:
    """What the file says under a name of ours, which is JSON; the default where it says nothing."""
    text = known.get(PREFIX + name)
    if text is None:
        return default
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidInput(f"{path}: its metadata {PREFIX}{name} is no JSON: write it anew", field="log") from None


def check_columns(path: str | os.PathLike[str], schema: Any) -> None:
    """Raises InvalidInput for a column that is missing or of another type than its name says."""
    names = list(schema.names)
    for needs in (("arm", "variant"), ("reward",), ("propensity", "propensities")):
        if not any(name in names for name in needs):
            raise InvalidInput(
                f"{path}: column {' or '.join(needs)} is missing; it has {', '.join(names)[:200]}", field=needs[0]
            )
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"{path}: there are several columns {name[:64]}: leave one", field=name)
        _check_type(path, name, schema.field(name).type)


def _check_type(path: str | os.PathLike[str], name: str, kind: Any) -> None:
    if name in ("decision_id", "experiment") or name not in OURS:
        return
    from pyarrow import types

    if name in VECTORS:
        sound, expected = is_vector(kind), "lists of numbers"
    elif name == "unit":
        sound, expected = is_unit(kind), UNITS
    elif name == "variant":
        sound, expected = is_text(kind), "text"
    elif name in TRUTHS:
        sound, expected = types.is_boolean(kind) or types.is_integer(kind), "truth values"
    elif name == "time_us":
        sound = types.is_integer(kind) or types.is_timestamp(kind)
        expected = "whole microseconds since 1970 (seconds times 1,000,000, as int64) or timestamps"
    elif name == "unit_hash":
        sound, expected = types.is_uint64(kind), "64-bit hashes without sign"
    else:
        sound, expected = is_number(kind), "numbers"
    if not sound:
        raise InvalidInput(f"{path}: column {name} holds {kind}, expected {expected}", field=name)
