"""Rows of a file that cannot be used: the first is an error, or with `lenient` they are counted."""

from __future__ import annotations

from collections import Counter

from banditcore.errors import InvalidInput


class Problems:
    """Says of a bad row where it stands and what is wrong with it."""

    def __init__(self, source: str, lenient: bool = False) -> None:
        self._source, self._lenient = source, lenient
        self._left_out: Counter[str] = Counter()

    def bad(self, row: int, column: str, wrong: str) -> None:
        """`row` as people count: a line of a text file from 1, header included; a row of a table from 1.

        `wrong` reads on from the column's name: "must lie in (0, 1], found 1.5". Raises InvalidInput, or counts.
        """
        if not self._lenient:
            raise InvalidInput(f"{self._source}, row {row}: {column} {wrong}; --lenient skips such rows", field=column)
        self.leave_out(f"{column} {wrong.partition(', found')[0]}")

    def leave_out(self, reason: str, rows: int = 1) -> None:
        """Counts rows that do not belong into an evaluation, such as those of the holdout."""
        self._left_out[reason] += rows

    def told(self) -> dict[str, int]:
        """Reason -> rows since the last time it was asked: `Rows.left_out` of a page."""
        found = dict(self._left_out)
        self._left_out.clear()
        return found
