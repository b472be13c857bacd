"""Logs in memory: what is taken, what is refused and how, and that pages come back as they went in."""

import copy
import re
import subprocess
import sys

import numpy as np
import pytest

from banditcore.bandit_log import BanditLog, Rows, checked_rows, concatenated, hash_units
from banditcore.errors import InvalidInput

CONTEXTS = np.arange(6.0).reshape(3, 2)
SOUND = {"arms": [0, 1, 2], "rewards": [1.0, 0.0, 1.0], "propensity": [0.2, 0.3, 0.5]}
VECTORS = [[0.2, 0.5, 0.3], [0.5, 0.3, 0.2], [0.1, 0.4, 0.5]]


def log(**changed):
    return BanditLog.of(CONTEXTS, **(SOUND | changed))


def test_arrays_come_back():
    found = log(
        propensities=VECTORS,
        eligible=np.ones(3, dtype=bool),
        units=["ann", "bob", "ann"],
        times=[1.0, 2.0, 3.0],
        fallback=np.array([False, True, False]),
        columns={"q": np.eye(3), "age": [30, 40, 50]},
        variants=["a", "b", "c"],
    )
    rows = found.load()
    assert found.n_arms == 3 and found.variants == ("a", "b", "c") and found.rows == len(rows) == 3
    assert rows.contexts.tolist() == CONTEXTS.tolist() and rows.arms.dtype == np.int64
    assert rows.eligible is not None and rows.eligible.shape == (3, 3)
    assert rows.units is not None and rows.units[0] == rows.units[2] != rows.units[1]
    assert rows.columns["q"].shape == (3, 3) and rows.columns["age"].tolist() == [30.0, 40.0, 50.0]


def test_the_probability_of_the_arm_shown_is_found_in_the_vector():
    assert log(propensity=None, propensities=VECTORS).load().propensity.tolist() == [0.2, 0.3, 0.5]


def test_there_are_as_many_arms_as_are_seen():
    assert log().variants == ("0", "1", "2") and log(n_arms=5).n_arms == 5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"propensity": [0.2, 0.0, 0.5]}, "propensity must lie in (0, 1], found 0 in row 1"),
        ({"propensity": [0.2, 1.5, 0.5]}, "propensity must lie in (0, 1], found 1.5 in row 1"),
        ({"propensity": [0.2, np.nan, 0.5]}, "found nan in row 1"),
        ({"propensity": None}, "propensity is missing"),
        ({"propensity": [0.2]}, "propensity has shape (1,), expected (3)"),
        ({"propensities": [[0.2, 0.5, 0.4], *VECTORS[1:]]}, "propensities must sum to 1, found 1.1 in row 0"),
        ({"propensities": [[-0.2, 0.9, 0.3], *VECTORS[1:]]}, "propensities must lie in [0, 1] in row 0"),
        ({"propensities": VECTORS[::-1]}, "propensity differs from the entry of the vector"),
        ({"propensities": np.ones((3, 2)) / 2, "n_arms": 3}, "propensities has shape (3, 2), expected (3, 3)"),
        ({"arms": [0, 1, 3], "n_arms": 3}, "arms must lie in 0..2, found 3 in row 2"),
        ({"arms": [0, 1.5, 2], "n_arms": 3}, "arms must lie in 0..2, found 1.5"),
        ({"rewards": [1.0, np.nan, 0.0]}, "rewards must be finite"),
        ({"rewards": "many"}, "rewards must be numbers"),
        ({"eligible": np.array([[1, 0, 1]] * 3, dtype=bool)}, "eligible must hold the arm that was shown in row 1"),
        ({"eligible": [[1, 1, 1]] * 3}, "eligible must be truth values"),
        ({"units": ["ann"]}, "units has shape (1,), expected 3 rows"),
        ({"units": [0.5, 1.5, 2.5]}, "units must be texts or integers"),
        ({"times": [1.0, np.inf, 2.0]}, "times must be seconds"),
        ({"fallback": [0, 1, 0]}, "fallback must be truth values"),
        ({"columns": {"q": [1.0]}}, "q has shape (1,), expected 3 rows"),
        ({"variants": ["a", "a", "b"]}, "variants must be different"),
    ],
)
def test_what_is_refused(changed, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        log(**changed)


@pytest.mark.parametrize("contexts", [np.ones(3), np.ones((2, 2)), np.ones((3, 4, 2)), [[1.0], [1.0, 2.0], [3.0]]])
def test_contexts_of_other_shapes_are_refused(contexts):
    with pytest.raises(InvalidInput, match="contexts"):
        BanditLog.of(contexts, **SOUND)


def test_bad_rows_may_be_left_out_each_once():
    told = []
    rows = checked_rows(
        3,
        contexts=[[0.0], [1.0], [np.nan], [3.0]],
        arms=[0, 7, 1, 2],
        rewards=[1.0, np.nan, 0.0, 1.0],
        propensity=[0.5, 0.5, 0.5, 0.5],
        bad=lambda row, column, wrong: told.append((row, column)),
    )
    assert told == [(1, "arms"), (2, "contexts")] and rows.contexts.tolist() == [[0.0], [3.0]]


def test_some_rows_and_all_again():
    rows = log(propensities=VECTORS, units=["a", "b", "c"], columns={"q": np.eye(3)}).load()
    again = concatenated([rows.take(slice(0, 2)), rows.take(np.array([2]))])
    for name in ("contexts", "arms", "rewards", "propensity", "propensities", "units"):
        assert np.array_equal(getattr(again, name), getattr(rows, name))
    assert np.array_equal(again.columns["q"], np.eye(3)) and again.eligible is None


def test_a_log_without_rows_says_so():
    empty = BanditLog(["a"], lambda: iter([Rows(*(np.empty((0, 1)), *[np.empty(0)] * 3))]), source="nothing.csv")
    with pytest.raises(InvalidInput, match=re.escape("nothing.csv holds no decision that can be used")):
        empty.head()


def test_units_hash_alike_in_every_process():
    here = hash_units(["ann", "bob"]).tolist()
    code = "from banditcore.bandit_log import hash_units; print(hash_units(['ann', 'bob']).tolist())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(here) and hash_units([7])[0] == hash_units(["7"])[0]


def test_a_log_is_copied_with_what_it_was_opened_with():
    again = copy.deepcopy(log())
    assert again.load().rewards.tolist() == SOUND["rewards"] and again.in_memory().rows == 3
