"""From what a reader took out of a page of a file to checked `Rows`; errors name the rows and columns of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from banditcore.bandit_log import Bad, Rows, checked_rows
from banditcore.checks import check_count
from banditcore.formats.problems import Problems
from banditcore.types import Floats

MOST_ARMS = 10_000
"""Arms of a log that says nothing of their number: beyond that, a number is taken for a slip."""
_SCALES = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6))


def reporter(problems: Problems, numbers: Sequence[int], names: Mapping[str, str], n_arms: int, base: int = 0) -> Bad:
    """Tells `problems` of row i of a page as `numbers[i]`, with the file's own names of the columns.

    base: what the file counts its arms from, which is said of an arm just outside.
    """

    def bad(row: int, column: str, wrong: str) -> None:
        rule, _, found = wrong.partition(", found ")
        if column == "arms":
            rule, found = _arms(found, n_arms, base)
        problems.bad(numbers[row], names.get(column, column), f"{rule}, found {found}" if found else rule)

    return bad


def _arms(found: str, n_arms: int, base: int) -> tuple[str, str]:
    rule = f"must lie in {base}..{n_arms - 1 + base}"
    try:
        arm = float(found) + base
    except ValueError:
        return rule, found
    outside = {0: n_arms, 1: 0}[base]
    hint = f": this format counts from {base}, the file seems to count from {1 - base}" if arm == outside else ""
    return rule + hint, f"{arm:.6g}"


def sound_rows(n_arms: int, problems: Problems, bad: Bad, **columns: Any) -> Rows:
    """`checked_rows` with what `problems` has left out so far."""
    rows = checked_rows(n_arms, bad=bad, **columns)
    return replace(rows, left_out=problems.told())


def given_arms(n_arms: int | None) -> int | None:
    """The option `n_arms`. Raises InvalidInput."""
    return None if n_arms is None else check_count(n_arms, "n_arms", 1)


def largest_arm(found: Floats) -> int:
    """Of those that can be one, else -1: a slip must not make a log of a billion arms."""
    whole = found[(found >= 0) & (found < MOST_ARMS) & (found == np.floor(found))]
    return int(np.max(whole, initial=-1))


def seconds(text: str) -> float:
    """ISO 8601 (UTC without a zone), or seconds, milliseconds or microseconds since 1970. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        number = plain_number(text)
        return next((number / scale for most, scale in _SCALES if abs(number) < most), number)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def plain_number(text: str) -> float:
    """A number as files write them; Python's own 1_000 is none. Raises ValueError."""
    if "_" in text:
        raise ValueError(text)
    return float(text)


def constant(n: int) -> Floats:
    """(n, 1) contexts of a log that has none: policies see a constant."""
    return np.ones((n, 1))


def brief(error: Exception) -> str:
    """What a library says, on one line; some quote all they have read."""
    return " ".join(str(error).split())[:80]


def shown(cell: object) -> str:
    """A cell in an error."""
    text = repr(cell)
    return text if len(text) <= 64 else text[:60] + "..." + text[-1]
