"""Broken files of each format: one error with file, row and column, or with `lenient` a row that is counted.

What is wrong with a whole file, such as a column that is missing, is an error either way.
"""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import dsjson_text, event, obd_text

from banditcore.errors import InvalidInput
from banditcore.formats import read_log
from banditcore.formats.lines import LONGEST

CSV = """variant,reward,propensity,p_a,p_b,x,time,unit
a,1,0.25,0.25,0.75,3,2024-01-31T17:05:00Z,ann
b,0,0.5,0.5,0.5,4,2024-01-31T17:05:01Z,bob
a,1,0.5,0.5,0.5,5,2024-01-31T17:05:02Z,ann
"""
VW = "1:0.5:0.25 | a b:2\n2:0:0.75 |ns c\n2:1:0.5 | a\n"
ADF = "shared | s\n0:1:0.5 | a\n| b\n\nshared | s\n| a\n0:0:0.5 | b\n\nshared | s\n0:2:0.5 | a\n| b\n"
GIANT = "x" * (LONGEST + 2)

TEXT = {"obd": obd_text(3), "csv": CSV, "vw": VW, "adf": ADF, "dsjson": dsjson_text(event(0), event(1), event(2))}
ENDINGS = {"obd": "csv", "csv": "csv", "vw": "vw", "adf": "vw", "dsjson": "dsjson"}


def line(number: int, old: str, new: str) -> Callable[[str], str]:
    """Replaces `old` in a line, counted from 1; the first time it is there."""

    def change(text: str) -> str:
        lines = text.splitlines()
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new, 1)
        return "\n".join(lines) + "\n"

    return change


def cut(characters: int) -> Callable[[str], str]:
    return lambda text: text[:-characters]


def key(number: int, **changes: Any) -> Callable[[str], str]:
    """Changes keys of an event; None removes one."""

    def change(text: str) -> str:
        events = [json.loads(line) for line in text.splitlines()]
        changed = events[number - 1] | changes
        events[number - 1] = {name: value for name, value in changed.items() if value is not None}
        return dsjson_text(*events)

    return change


ROWS: list[tuple[str, Callable[[str], str], int, str]] = [
    ("obd", cut(25), 4, "user_feature_0 is missing, found 6 cells instead of 9"),
    ("obd", line(3, ",0.5", ",0.5,7"), 3, "the line has too many cells .*, found 10 cells instead of 9"),
    ("obd", line(3, ",0.333", ",0,0.333"), 3, "the line has too many cells"),
    ("obd", line(3, "0.3333333333333333", "0"), 3, r"propensity_score must lie in \(0, 1\], found 0"),
    ("obd", line(3, "0.3333333333333333", "1.5"), 3, r"propensity_score must lie in \(0, 1\], found 1.5"),
    ("obd", line(3, "0.3333333333333333", "nan"), 3, r"propensity_score must lie in \(0, 1\], found nan"),
    ("obd", line(3, ",2,1,", ",2,nan,"), 3, "click must be finite .*, found nan"),
    ("obd", line(3, ",2,1,", ",2,,"), 3, "click is no number, found ''"),
    ("obd", line(3, ",2,1,", ",2,1_0,"), 3, "click is no number, found '1_0'"),
    ("obd", line(3, ",2,1,", ",x,1,"), 3, "position is no number, found 'x'"),
    ("obd", line(3, ",2,1,", ",inf,1,"), 3, "position must be finite"),
    ("obd", line(3, "+00:00,1,", "+00:00,-1,"), 3, r"item_id must lie in 0\.\.2, found -1"),
    ("obd", line(3, "+00:00,1,", "+00:00,1.5,"), 3, r"item_id must lie in 0\.\.2, found 1.5"),
    ("obd", line(3, "+00:00,1,", "+00:00,1e9,"), 3, r"item_id must lie in 0\.\.2, found 1e\+09"),
    ("obd", line(3, "2019-11-24", "yesterday"), 3, "timestamp is no time .*, found 'yesterday"),
    ("obd", line(3, "bf", '"bf'), 3, "the line is no row of CSV .*: check its quotes"),
    ("obd", line(3, "bf", GIANT), 3, "the line is longer than 16,777,216 bytes"),
    ("obd", line(3, "bf", "\udcff"), 3, "the line is not UTF-8: save the file as UTF-8"),
    ("csv", cut(5), 4, "unit is missing, found 7 cells instead of 8"),
    ("csv", line(3, "b,0,0.5,0.5,0.5", "b,0,0,0.5,0.5"), 3, r"propensity must lie in \(0, 1\], found 0"),
    ("csv", line(3, "b,0,0.5,0.5,0.5", "b,0,1.2,0.5,0.5"), 3, r"propensity must lie in \(0, 1\]"),
    ("csv", line(3, "b,0,0.5,0.5,0.5", "b,0,0.5,0.6,0.5"), 3, "p_a,p_b must sum to 1, found 1.1"),
    ("csv", line(3, "b,0,0.5,0.5,0.5", "b,0,0.5,-0.5,1.5"), 3, r"p_a,p_b must lie in \[0, 1\]"),
    ("csv", line(3, "b,0,0.5,0.5,0.5", "b,0,0.7,0.5,0.5"), 3, "propensity differs from the entry of the vector"),
    ("csv", line(3, "b,0", "b,NaN"), 3, "reward must be finite"),
    ("csv", line(3, "b,0", "c,0"), 3, "variant must be one of a, b, found 'c'"),
    ("csv", line(3, ",4,", ",,"), 3, "x is no number, found ''"),
    ("csv", line(3, ",4,", ",inf,"), 3, "x must be finite"),
    ("csv", line(3, "bob", " "), 3, "unit is empty"),
    ("csv", line(3, "2024", "MMXXIV"), 3, "time is no time"),
    ("csv", line(3, "bob", GIANT), 3, "the line is longer"),
    ("csv", line(3, "bob", "\udce9"), 3, "the line is not UTF-8"),
    ("vw", cut(5), 3, "features are missing: a line needs a |, the line may break off"),
    (
        "vw",
        line(2, "2:0:0.75", "0:0:0.75"),
        2,
        "action is 0: this format counts from 1, the file seems to count from 0",
    ),
    ("vw", line(2, "0.75", "0"), 2, r"probability must lie in \(0, 1\], found 0"),
    ("vw", line(2, "0.75", "1.75"), 2, r"probability must lie in \(0, 1\], found 1.75"),
    ("vw", line(2, ":0.75", ""), 2, "probability is missing: write action:cost:probability"),
    ("vw", line(2, ":0:", ":nan:"), 2, "cost must be finite"),
    ("vw", line(2, ":0:", ":free:"), 2, "cost is no number, found 'free'"),
    ("vw", line(2, "2:0:0.75", "2:0:0.75 1:1:0.25"), 2, "action has a cost twice"),
    ("vw", line(2, "2:0:0.75", "dog:0:0.75"), 2, "action must be written action:cost:probability, found 'dog:0:0.75'"),
    ("vw", line(2, " c", " c:x"), 2, "features is no number, found 'x'"),
    ("vw", line(2, " c", " c:1e999"), 2, "features must be finite"),
    ("vw", line(2, " c", GIANT), 2, "the line is longer"),
    ("vw", line(2, " c", "\udcff"), 2, "the line is not UTF-8"),
    ("adf", line(7, "0:0:0.5", "0:0:0"), 5, r"probability must lie in \(0, 1\]"),
    ("adf", line(7, "0:0:0.5", "0:0:2"), 5, r"probability must lie in \(0, 1\]"),
    ("adf", line(6, "| a", "0:1:0.5 | a"), 5, "action has a cost twice"),
    ("adf", line(6, "| a", "\udcff| a"), 6, "the line is not UTF-8"),
    ("adf", line(6, "| a", GIANT), 6, "the line is longer"),
    ("dsjson", cut(40), 3, "the line is no JSON, it may break off"),
    ("dsjson", line(2, "{", "["), 2, "the line is no JSON"),
    ("dsjson", line(2, "u7", GIANT), 2, "the line is longer"),
    ("dsjson", line(2, "u7", "\udcff"), 2, "the line is not UTF-8"),
    ("dsjson", key(2, c=None), 2, "c is missing"),
    ("dsjson", key(2, c=[]), 2, "c must be an object"),
    ("dsjson", key(2, c={"_multi": []}), 2, "c._multi must list the actions"),
    ("dsjson", key(2, _label_cost=None), 2, "_label_cost is missing"),
    ("dsjson", key(2, _label_cost="free"), 2, "_label_cost is no number, found 'free'"),
    ("dsjson", key(2, _label_cost=float("nan")), 2, "_label_cost must be finite"),
    ("dsjson", key(2, _label_cost=10**400), 2, "_label_cost must be finite"),
    ("dsjson", key(2, _label_probability=0), 2, r"_label_probability must lie in \(0, 1\], found 0"),
    ("dsjson", key(2, _label_probability=1.5), 2, r"_label_probability must lie in \(0, 1\]"),
    ("dsjson", key(2, _label_probability=0.4), 2, "_label_probability differs from the entry of the vector"),
    ("dsjson", key(2, p=[0.5, 0.2, 0.2]), 2, "p must sum to 1, found 0.9"),
    ("dsjson", key(2, p=[0.5, -0.2, 0.7]), 2, r"p must lie in \[0, 1\]"),
    ("dsjson", key(2, p=[0.5, 0.5]), 2, "p must list 3 numbers, as a does"),
    ("dsjson", key(2, p=None), 2, "p is missing: the first decision has it"),
    ("dsjson", key(2, a=None), 2, "a is missing: p is in its order"),
    ("dsjson", key(2, a=[1, 0, 2]), 2, "a holds 0: it counts from 1, the file seems to count from 0"),
    ("dsjson", key(2, a=[2, 2, 3]), 2, r"a must hold different numbers of 1\.\.3"),
    ("dsjson", key(2, a=[2, 4, 3]), 2, r"a must hold different numbers of 1\.\.3"),
    ("dsjson", key(2, a=[1, 2, 3]), 2, r"a must begin with what was shown, 2 \(counted from 1\), found 1"),
    ("dsjson", key(2, _label_Action=0), 2, "_label_Action is 0: it counts from 1, the file seems to count from 0"),
    ("dsjson", key(2, _label_Action=4), 2, r"_label_Action must lie in 1\.\.3, found 4"),
    ("dsjson", key(2, _labelIndex=2), 2, "_labelIndex contradicts _label_Action 2"),
    ("dsjson", key(2, _labelIndex=3, _label_Action=None), 2, "_labelIndex must lie .* the file seems to count from 1"),
    ("dsjson", key(2, _labelIndex=1.0), 2, "_labelIndex must be a whole number"),
    ("dsjson", key(2, EventId=None), 2, "EventId is missing: the first decision has it"),
    ("dsjson", key(2, Timestamp="noon"), 2, "Timestamp is no time .*, found 'noon'"),
    ("dsjson", key(2, pdrop=0.5), 2, "pdrop differs from the first decision's 0: rows stand for 1 / "),
    ("dsjson", key(2, pdrop=1), 2, r"pdrop must lie in \[0, 1\), found 1"),
    ("dsjson", key(2, _outcomes=[]), 2, "_outcomes are of several slots"),
    ("dsjson", key(2, c={"x": float("inf"), "_multi": event()["c"]["_multi"]}), 2, "c must be finite"),
    ("dsjson", key(2, c=json.loads('{"a":' * 99 + "{}" + "}" * 99) | event()["c"]), 2, "c is nested more than 64 deep"),
]


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode(errors="surrogateescape"))
    return path


@pytest.mark.parametrize(("name", "change", "row", "message"), ROWS)
def test_a_bad_row_is_named_or_counted(
    tmp_path: Path, name: str, change: Callable[[str], str], row: int, message: str
) -> None:
    path = written(tmp_path / f"log.{ENDINGS[name]}", change(TEXT[name]))
    with pytest.raises(InvalidInput, match=rf"log\.{ENDINGS[name]}, row {row}: ({message})") as raised:
        read_log(path).load()
    assert "--lenient" in raised.value.message and len(raised.value.message) < 400 and raised.value.field
    rows = read_log(path, lenient=True).load()
    assert len(rows) == 2 and sum(rows.left_out.values()) == 1
    assert next(iter(rows.left_out)).startswith(raised.value.field)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        *(
            ("obd", line(1, column, "other"), f"log.csv, row 1: no column {column}: the first line must name")
            for column in ("timestamp", "item_id", "position", "click", "propensity_score")
        ),
        ("obd", line(1, "position", "click"), "row 1: the column click is there twice"),
        ("obd", lambda text: text.replace(",", ";"), "row 1: no column timestamp: .*, separated by commas"),
        ("obd", line(1, "click", GIANT), "row 1: the line is longer"),
        ("obd", line(1, "click", "\udcff"), "row 1: the line is not UTF-8"),
        ("obd", line(1, "click", '"click'), "row 1: no row of CSV .*: check its quotes"),
        ("csv", line(1, "reward", "money"), "row 1: no column reward"),
        ("csv", line(1, "variant", "shown"), "row 1: no column variant"),
        ("csv", lambda text: text.replace("propensity,p_a,p_b", "q,q_a,q_b"), "row 1: no column propensity"),
        ("csv", line(2, ",3,", ",Oslo,"), r"row 2: x holds text, found 'Oslo': write it as numbers .*context=''"),
        (
            "csv",
            lambda text: "arm,reward,propensity\n1,0,0.5\n2,1,0.5\n",
            "arm counts from 0, but no row has 0 and it seems to count from 1",
        ),
    ],
)
def test_a_bad_file_is_one_error(tmp_path: Path, name: str, change: Callable[[str], str], message: str) -> None:
    path = written(tmp_path / f"log.{ENDINGS[name]}", change(TEXT[name]))
    for lenient in (False, True):
        with pytest.raises(InvalidInput, match=message) as raised:
            read_log(path, format=name, lenient=lenient).load()
        assert len(raised.value.message) < 400 and raised.value.field


def test_items_counted_from_1_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "item_context.csv").write_text(",item_id\n0,0\n1,1\n2,2\n")
    path = written(tmp_path / "log.csv", line(2, "+00:00,0,", "+00:00,3,")(TEXT["obd"]))
    with pytest.raises(InvalidInput, match="this format counts from 0, the file seems to count from 1, found 3"):
        read_log(path).load()
    path.write_text("arm,reward,p_0,p_1\n0,1,0.5,0.5\n2,1,0.5,0.5\n")
    with pytest.raises(
        InvalidInput, match=r"log.csv, row 3: arm must lie in 0\.\.1: this format counts from 0, the file"
    ):
        read_log(path, format="csv").load()


# obp


def feedback(**changes: Any) -> dict[str, Any]:
    found = {
        "n_rounds": 3,
        "n_actions": 2,
        "action": np.array([0, 1, 0]),
        "reward": np.array([1.0, 0.0, 1.0]),
        "position": np.zeros(3, dtype=int),
        "pscore": np.array([0.5, 0.25, 0.5]),
        "context": np.ones((3, 2)),
        "pi_b": np.array([[0.5, 0.5], [0.75, 0.25], [0.5, 0.5]])[:, :, None],
    } | changes
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pscore": np.array([0.5, 0.0, 0.5])}, r"pscore must lie in \(0, 1\], found 0"),
        ({"pscore": np.array([0.5, 1.5, 0.5])}, r"pscore must lie in \(0, 1\], found 1.5"),
        ({"pscore": np.array([0.5, 0.3, 0.5])}, "pscore differs from the entry of the vector"),
        ({"pi_b": np.array([[0.5, 0.5], [0.75, 0.5], [0.5, 0.5]])}, "pi_b must sum to 1, found 1.25"),
        ({"action": np.array([0, 2, 0])}, r"action must lie in 0\.\.1: .* seems to count from 1, found 2"),
        ({"reward": np.array([0, np.nan, 1])}, "reward must be finite"),
        ({"context": np.array([[1, 1], [np.inf, 1], [1, 1]])}, "context must be finite"),
        ({"time": np.array([1.0, np.nan, 1.0])}, "time must be seconds since 1970"),
        ({"eligible": np.array([[1, 1], [1, 0], [1, 1]], dtype=bool)}, "eligible must hold the arm that was shown"),
    ],
)
def test_a_bad_round_is_named_or_counted(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "log.npz"
    np.savez(path, **feedback(**changes))
    with pytest.raises(InvalidInput, match=rf"log\.npz, row 2: {message}"):
        read_log(path).load()
    rows = read_log(path, lenient=True).load()
    assert rows.arms.tolist() == [0, 0] and sum(rows.left_out.values()) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"action": None}, "log.npz: action is missing, found context, "),
        ({"reward": None}, "reward is missing"),
        ({"pscore": None, "pi_b": None}, "pscore is missing"),
        ({"reward": np.ones(2)}, "reward has 2 rows, action has 3"),
        ({"context": np.ones(3)}, r"context must be numbers in 2 dimensions, found float64 of shape \(3,\)"),
        ({"action": np.array(["a", "b", "c"])}, "action must be numbers in 1 dimensions"),
        ({"n_actions": 5}, "n_actions contradicts the number of actions: {'n_actions': 5, 'pi_b': 2}"),
        ({"position": np.array([0, None, 0])}, "position holds Python objects, which are not read"),
        ({"n_actions": np.nan}, "n_actions must be a whole number of 1..1,000,000, found nan"),
        ({"n_actions": 10**12}, "n_actions must be a whole number"),
        ({"column_x": np.array(["a", "b", "c"])}, "column_x must be numbers"),
        ({"column_x": np.ones(2)}, "column_x has 2 rows, action has 3"),
        ({"unit": np.ones(3)}, "units must be texts or integers"),
        ({"eligible": np.ones((3, 2))}, "eligible must be truth values"),
        ({"variants": np.array(["a"])}, "variants has 1 keys, there are 2 actions"),
    ],
)
def test_a_bad_dictionary_is_one_error(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "log.npz"
    np.savez(path, **feedback(**changes))
    for lenient in (False, True):
        with pytest.raises(InvalidInput, match=message):
            read_log(path, lenient=lenient).load()


def test_an_npz_file_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    np.savez(path, **feedback())
    whole = path.read_bytes()
    for size in (10, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:size])
        with pytest.raises(InvalidInput, match=r"log\.npz is no sound \.npz file \(.*\): write it anew"):
            read_log(path).load()
    path.write_bytes(whole.replace(b"\x00\x00\xf0\x3f", b"\x00\x00\xf1\x3f", 1))
    with pytest.raises(InvalidInput, match="no sound"):
        read_log(path).load()
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(InvalidInput, match="is a single array"):
        read_log(tmp_path / "one.npy", format="obp")


PIECES = [
    b"0",
    b"-1",
    b"1e999",
    b"nan",
    b"null",
    b"{}",
    b"[]",
    b'""',
    b",",
    b"\n",
    b":",
    b"|",
    b'"',
    b" ",
    b"\xff",
    b"\0",
]


@pytest.mark.parametrize("name", ["npz", *TEXT])
@settings(max_examples=80)
@given(cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.sampled_from([b"", *PIECES])), min_size=1))
def test_no_damage_is_anything_but_such_an_error(name: str, cuts: list[tuple[float, int, bytes]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"log.{ENDINGS.get(name, name)}"
        if name == "npz":
            np.savez(path, **feedback())
            content = path.read_bytes()
        else:
            content = TEXT[name].encode()
        for where, length, piece in cuts:
            at = int(where * len(content))
            content = content[:at] + piece + content[at + length :]
        path.write_bytes(content)
        for lenient in (False, True):
            try:
                found = read_log(path, lenient=lenient).load()
            except InvalidInput as error:
                assert len(error.message) < 600 and "\n" not in error.message and error.field
            else:
                assert ((found.propensity > 0) & (found.propensity <= 1)).all() and np.isfinite(found.rewards).all()
