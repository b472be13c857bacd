"""Attributes to vector."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from banditcore.config import parse_experiment
from banditcore.context import ContextSchema
from banditcore.errors import InvalidInput

ATTRIBUTES = [
    {"name": "age", "type": "numeric", "center": 40.0, "scale": 10.0},
    {"name": "country", "type": "category", "values": ["DE", "FR"]},
    {"name": "member", "type": "boolean"},
    {"name": "taste", "type": "vector", "size": 2, "scale": 2.0},
    {"name": "one", "type": "constant"},
]
NAMES = (
    "age", "age=missing", "country=DE", "country=FR", "country=other", "country=missing",
    "member", "member=missing", "taste[0]", "taste[1]", "one",
)  # fmt: skip
FULL: dict[str, Any] = {"age": 30, "country": "FR", "member": True, "taste": [1.0, -4.0]}


@pytest.fixture(scope="module")
def schema() -> ContextSchema:
    base = {"control": "a", "holdout": 0.1, "variants": ["a", "b"], "policy": "lin_ucb", "goals": [{"name": "g"}]}
    return ContextSchema(parse_experiment("x", {**base, "context": ATTRIBUTES}).context)


def test_every_column_has_its_name(schema: ContextSchema) -> None:
    assert schema.feature_names == NAMES


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [-1, 0, 0, 1, 0, 0, 1, 0, 0.5, -2, 1]),
        ({"age": None}, [0, 1, 0, 1, 0, 0, 1, 0, 0.5, -2, 1]),
        ({"country": "PL"}, [-1, 0, 0, 0, 1, 0, 1, 0, 0.5, -2, 1]),
        ({"country": None}, [-1, 0, 0, 0, 0, 1, 1, 0, 0.5, -2, 1]),
        ({"member": False}, [-1, 0, 0, 1, 0, 0, 0, 0, 0.5, -2, 1]),
        ({"member": None}, [-1, 0, 0, 1, 0, 0, 0, 1, 0.5, -2, 1]),
        ({"taste": np.array([2.0, 0.0])}, [-1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1]),
    ],
)
def test_encoding(schema: ContextSchema, change: dict[str, Any], expected: list[float]) -> None:
    np.testing.assert_array_equal(schema.encode({**FULL, **change}), expected)


def test_absent_is_missing(schema: ContextSchema) -> None:
    np.testing.assert_array_equal(
        schema.encode({"taste": [0.0, 0.0]}), schema.encode({"age": None, "country": None, "taste": [0.0, 0.0]})
    )


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"age": "thirty"}, "age", "must be a number, found a word"),
        ({"age": True}, "age", "must be a number, found a boolean"),
        ({"age": float("nan")}, "age", "must be finite"),
        ({"age": float("-inf")}, "age", "must be finite"),
        ({"age": 1e300}, "age", "at most 1e+09"),
        ({"age": 10**400}, "age", "too large"),
        ({"age": [1.0]}, "age", "found a vector"),
        ({"country": 3}, "country", "must be a word, found a number"),
        ({"member": 1}, "member", "must be true or false, found a number"),
        ({"taste": [1.0]}, "taste", "must have 2 numbers, found 1"),
        ({"taste": 1.0}, "taste", "must be a vector of 2 numbers, found a number"),
        ({"taste": [1.0, float("inf")]}, "taste", "must be finite"),
        ({"taste": ["a", "b"]}, "taste", "numbers only"),
        ({"taste": None}, "taste", "is required"),
        ({"one": 1.0}, "one", "leave it out"),
        ({"wage": 1.0}, "wage", "not in the experiment's context"),
    ],
)
def test_what_is_wrong_is_named(schema: ContextSchema, change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        schema.encode({**FULL, **change})
    assert caught.value.field == f"attributes.{field}"
    assert words in caught.value.message


def test_encoded_vectors_are_checked_by_row(schema: ContextSchema) -> None:
    rows = np.zeros((3, 11))
    rows[2, 8] = np.nan
    with pytest.raises(InvalidInput, match=r"contexts\[2\]\.taste\[0\] must be finite"):
        schema.check(rows)
    with pytest.raises(InvalidInput, match=r"shape \(n, 11\), found \(3, 10\)"):
        schema.check(rows[:, :10])


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.floats(), max_size=3),
    st.lists(st.text()),
)


@given(attributes=st.dictionaries(st.sampled_from([*FULL, "one", "junk"]), JUNK))
def test_anything_is_encoded_or_refused(schema: ContextSchema, attributes: dict[str, Any]) -> None:
    try:
        vector = schema.encode(attributes)
    except InvalidInput as error:
        assert error.field.startswith("attributes.")
    else:
        assert vector.shape == (11,)
        assert np.isfinite(vector).all()
