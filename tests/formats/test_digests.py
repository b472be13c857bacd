"""Digests of columns: the same whatever the pages, another one for whatever is changed."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from banditcore.formats.digests import Sums, of_texts

SCHEMA = pa.schema(
    {
        "text": pa.string(),
        "whole": pa.int64(),
        "hash": pa.uint64(),
        "real": pa.float64(),
        "truth": pa.bool_(),
        "vector": pa.list_(pa.float64()),
        "mask": pa.list_(pa.bool_()),
    }
)
CELLS: dict[str, list[Any]] = {
    "text": ["ab", "", None, "Grüße", "ab"],
    "whole": [2**53, 2**53 + 1, None, -1, 0],
    "hash": [2**64 - 1, 0, None, 2**63, 1],
    "real": [0.5, float("nan"), None, 0.0, 1e-300],
    "truth": [True, False, None, True, True],
    "vector": [[1.0], [2.0, 3.0], None, [], [None, 1.0]],
    "mask": [[True], [False, True], None, [], [True]],
}


def told(cells: dict[str, list[Any]], borders: tuple[int, ...] = ()) -> dict[str, str]:
    sums, columns = Sums(SCHEMA), {name: pa.array(cells[name], SCHEMA.field(name).type) for name in SCHEMA.names}
    edges = [0, *borders, 5]
    for first, end in pairwise(edges):
        sums.add({name: column.slice(first, end - first) for name, column in columns.items()})
    return sums.told()


def test_pages_may_end_anywhere() -> None:
    whole = told(CELLS)
    assert len(set(whole.values())) == len(SCHEMA)
    for borders in ((1,), (2, 3), (1, 2, 3, 4), (0, 5)):
        assert told(CELLS, borders) == whole


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("text", ["a", "b", None, "Grüße", "ab"]),
        ("text", ["ab", None, "", "Grüße", "ab"]),
        ("text", ["ab", "", None, "ab", "Grüße"]),
        ("whole", [2**53 + 1, 2**53 + 1, None, -1, 0]),
        ("whole", [2**53, 2**53 + 1, 0, -1, 0]),
        ("hash", [2**64 - 2, 0, None, 2**63, 1]),
        ("real", [0.5, float("nan"), None, -0.0, 1e-300]),
        ("real", [0.5, None, float("nan"), 0.0, 1e-300]),
        ("truth", [True, False, False, True, True]),
        ("vector", [[1.0, 2.0], [3.0], None, [], [None, 1.0]]),
        ("vector", [[1.0], [2.0, 3.0], [], None, [None, 1.0]]),
        ("vector", [[1.0], [2.0, 3.0], None, [], [0.0, 1.0]]),
        ("mask", [[True], [True, True], None, [], [True]]),
    ],
)
def test_whatever_is_changed_gives_another_digest_of_its_column(name: str, cells: list[Any]) -> None:
    before, after = told(CELLS), told({**CELLS, name: cells})
    assert [each for each in before if before[each] != after[each]] == [name]


def test_types_that_hold_the_same_values_do_not_matter_and_others_do() -> None:
    sums, other = Sums(SCHEMA), Sums(SCHEMA)
    columns = {name: pa.array(CELLS[name], SCHEMA.field(name).type) for name in SCHEMA.names}
    wider = {"text": pa.large_string(), "vector": pa.large_list(pa.float64())}
    sums.add({name: column.cast(wider.get(name, column.type)) for name, column in columns.items()})
    assert sums.told() == told(CELLS)
    other.add({**columns, "whole": pa.array(np.full(5, 0.5))})
    assert other.told()["whole"] != told(CELLS)["whole"]


def test_texts_have_digests_by_name() -> None:
    found = of_texts({"one": "[1]", "other": "[1, 2]", "same": "[1]"})
    assert found["one"] == found["same"] != found["other"]
