"""Digests of what a file of ours holds: they tell that it was changed, not who wrote it, as no key goes into them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from banditcore.formats.arrow import is_list, is_text, lengths

_SIZE = 16


class Sums:
    """A running digest of each column: its values in order and where it has none, whatever pages they come in."""

    def __init__(self, schema: Any) -> None:
        """Arrow's schema of the columns."""
        self._columns = {field.name: _Column(field.type) for field in schema}

    def add(self, columns: Mapping[str, Any]) -> None:
        """Arrow columns by name: the next rows of all of them."""
        for name, column in self._columns.items():
            column.add(columns[name])

    def told(self) -> dict[str, str]:
        """Name -> digest of all that was added."""
        return {name: column.digest() for name, column in self._columns.items()}


def of_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Name -> digest of a text, such as a file says about itself."""
    return {name: blake2b(text.encode(), digest_size=_SIZE).hexdigest() for name, text in texts.items()}


class _Column:
    def __init__(self, kind: Any) -> None:
        self._kind = kind
        # Apart, so that a page may end anywhere.
        self._shape, self._values = blake2b(digest_size=_SIZE), blake2b(digest_size=_SIZE)
        self._items = _Column(kind.value_type) if is_list(kind) else None

    def add(self, column: Any) -> None:
        import pyarrow

        if column.type != self._kind:
            try:
                column = column.cast(self._kind)
            except pyarrow.ArrowException:
                # A value that does not fit into the column cannot have been in it.
                self._shape.update(b"other")
                return
        if self._items is not None:
            self._shape.update(np.asarray(lengths(column), dtype=np.int64).tobytes())
            self._items.add(column.flatten())
        elif is_text(self._kind):
            self._add_texts(column.to_pylist())
        else:
            self._shape.update(column.is_valid().to_numpy(zero_copy_only=False).tobytes())
            nothing = pyarrow.scalar(0, pyarrow.int8()).cast(self._kind)
            self._values.update(column.fill_null(nothing).to_numpy(zero_copy_only=False).tobytes())

    def _add_texts(self, texts: list[str | None]) -> None:
        packed = [None if text is None else text.encode() for text in texts]
        sizes = [-1 if text is None else len(text) for text in packed]
        self._shape.update(np.array(sizes, dtype=np.int64).tobytes())
        self._values.update(b"".join(text for text in packed if text is not None))

    def digest(self) -> str:
        inner = b"" if self._items is None else self._items.digest().encode()
        whole = self._shape.digest() + self._values.digest() + inner
        return blake2b(whole, digest_size=_SIZE).hexdigest()
