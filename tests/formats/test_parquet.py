"""Logs into Parquet and back, files that others made, and files that are wrong."""

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as arrow_parquet

from banditcore.bandit_log import PAGE, BanditLog, Rows, hash_units
from banditcore.errors import InvalidInput
from banditcore.formats import parquet

ROWS = 8
ARMS = 3


@st.composite
def logs(draw: st.DrawFn) -> BanditLog:
    """Any log: what may be left out is left out at times."""
    n, n_arms, d = draw(st.sampled_from([0, 1, 2, 40])), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    chance = np.random.default_rng(draw(st.integers(0, 99)))
    shape = (n, n_arms, d) if draw(st.booleans()) else (n, d)
    vectors = chance.dirichlet(np.ones(n_arms), n) if n else np.empty((0, n_arms))
    arms = chance.integers(0, n_arms, n)
    own = vectors[np.arange(n), arms]
    some = {
        "eligible": np.logical_or(chance.random((n, n_arms)) < 0.5, np.eye(n_arms, dtype=bool)[arms]),
        "units": chance.integers(0, 2**63, n),
        "times": np.rint(chance.uniform(0, 2e15, n)) / 1e6,
        "fallback": chance.random(n) < 0.3,
        "columns": {"target": vectors, "revenue": chance.normal(size=n)},
    }
    return BanditLog.of(
        chance.normal(size=shape) * 10.0 ** draw(st.integers(-9, 8)),
        arms,
        chance.normal(size=n),
        own if draw(st.booleans()) else None,
        propensities=vectors,
        variants=[f"variant {arm}" for arm in range(n_arms)],
        features=[f"x{index}" for index in range(d)],
        **{name: value for name, value in some.items() if draw(st.booleans())},
    )


def same(one: Rows, other: Rows) -> None:
    for name, array in one._arrays().items():
        found = getattr(other, name)
        if name == "fallback" and not np.any(array):
            assert found is None, "that none is a fallback goes without saying"
        elif name == "eligible" and not len(one):
            assert found is None, "no row says anything"
        else:
            assert (array is None) == (found is None), name
            assert array is None or (array.dtype == found.dtype and np.array_equal(array, found)), name
    assert one.columns.keys() == other.columns.keys()
    assert all(np.array_equal(column, other.columns[name]) for name, column in one.columns.items())


@given(logs())
def test_what_is_written_comes_back(log: BanditLog) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "log.parquet"
        assert parquet.write(log, file) == len(log.load())
        found = parquet.read(file)
        assert (found.variants, found.features, found.rows) == (log.variants, log.features, log.rows)
        assert found.path == str(file) and [each.name for each in Path(directory).iterdir()] == ["log.parquet"]
        same(log.load(), found.load())


def test_vectors_alone_are_enough_and_so_are_propensities(tmp_path: Path) -> None:
    log = BanditLog.of(np.ones((4, 2)), [0, 1, 1, 0], [1.0, 0.0, 2.0, 3.0], [0.5, 0.25, 0.5, 1.0], n_arms=2)
    parquet.write(log, tmp_path / "log.parquet")
    assert parquet.read(tmp_path / "log.parquet").load().propensities is None
    found = file(tmp_path, propensity=None)
    assert found.load().propensity.tolist() == [0.5, 0.25] * 4


def test_pages_are_bounded_and_in_order(tmp_path: Path) -> None:
    n = 2 * PAGE + 1_000
    arms = np.arange(n) % 2
    log = BanditLog.of(np.ones((n, 1)), arms, np.arange(n), np.full(n, 0.5))
    parquet.write(log, tmp_path / "log.parquet")
    pages = list(parquet.read(tmp_path / "log.parquet").pages())
    assert max(map(len, pages)) <= PAGE
    assert np.array_equal(np.concatenate([page.rewards for page in pages]), np.arange(n))


def test_pages_may_be_left_before_the_end_and_read_again(tmp_path: Path) -> None:
    log = file(tmp_path)
    next(log.pages())
    assert len(log.load()) == len(log.load()) == ROWS


def test_a_log_goes_to_another_process_as_what_it_was_opened_with(tmp_path: Path) -> None:
    log = file(tmp_path)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        same(log.load(), pool.submit(BanditLog.load, log).result(timeout=120))


# Files of others


def columns() -> dict[str, Any]:
    return {
        "arm": [0, 1] * 4,
        "reward": [0.0, 1.0] * 4,
        "propensity": [0.5, 0.25] * 4,
        "propensities": [[0.5, 0.25, 0.25]] * ROWS,
        "context": [[1.0, float(row)] for row in range(ROWS)],
    }


def file(tmp_path: Path, *, lenient: bool = False, says: dict[str, Any] | None = None, **change: Any) -> BanditLog:
    """A log of eight rows with some columns changed, or without them."""
    whole = {name: value for name, value in {**columns(), **change}.items() if value is not None}
    kinds = {name: value if isinstance(value, pa.Array) else pa.array(value) for name, value in whole.items()}
    table = pa.table(kinds).replace_schema_metadata(
        {f"banditcore.{key}": json.dumps(value) for key, value in (says or {}).items()}
    )
    arrow_parquet.write_table(table, tmp_path / "given.parquet", row_group_size=3)
    return parquet.read(tmp_path / "given.parquet", lenient=lenient)


def test_any_numbers_will_do(tmp_path: Path) -> None:
    log = file(
        tmp_path,
        arm=pa.array([0, 1] * 4, pa.int8()),
        reward=[False, True] * 4,
        propensities=pa.array([[0.5, 0.25, 0.25]] * ROWS, pa.list_(pa.float32(), 3)),
        context=pa.array([[1, row] for row in range(ROWS)], pa.large_list(pa.int32())),
    )
    rows = log.load()
    assert log.variants == ("0", "1", "2")
    assert rows.contexts.tolist() == columns()["context"] and rows.rewards.tolist() == [0.0, 1.0] * 4
    assert rows.propensities is not None and rows.propensities.dtype == np.float64


def test_a_log_without_context_has_a_constant(tmp_path: Path) -> None:
    log = file(tmp_path, context=None)
    assert log.features == ("constant",) and log.load().contexts.tolist() == [[1.0]] * ROWS


def test_contexts_of_arms_are_told_by_the_file(tmp_path: Path) -> None:
    flat = np.arange(6.0 * ROWS).reshape(ROWS, 6)
    log = file(tmp_path, context=list(flat), says={"context_shape": [3, 2]})
    assert np.array_equal(log.load().contexts, flat.reshape(ROWS, 3, 2))


def test_variants_may_stand_in_words(tmp_path: Path) -> None:
    words = ["sale", "plain"] * 4
    log = file(tmp_path, arm=None, variant=pa.array(words).dictionary_encode(), propensities=None)
    assert log.variants == ("plain", "sale") and log.load().arms.tolist() == [1, 0] * 4
    log = file(tmp_path, arm=None, variant=words, says={"variants": ["sale", "gift", "plain"]})
    assert log.load().arms.tolist() == [0, 2] * 4


def test_arms_are_counted_where_nothing_says_how_many(tmp_path: Path) -> None:
    assert file(tmp_path, arm=[0, 6] * 4, propensities=None).n_arms == 7


def test_other_numbers_come_along(tmp_path: Path) -> None:
    more = {
        "revenue": [1, 2] * 4,
        "gap": [1.0, None] * 4,
        "logged": [[0.2, 0.3, 0.5]] * ROWS,
        "tags": [[1, 2]] * ROWS,
        "word": ["a"] * ROWS,
        "unit": ["ann", "bob"] * 4,
        "time_us": pa.array([1_700_000_000_000_000] * ROWS, pa.timestamp("us", "UTC")),
        "version": [3] * ROWS,
    }
    log = file(tmp_path, **more)
    rows = log.load()
    assert rows.columns.keys() == {"revenue", "gap", "logged"}
    assert rows.columns["logged"].shape == (ROWS, 3) and np.isnan(rows.columns["gap"][1])
    assert rows.units is not None and np.array_equal(rows.units, hash_units(["ann", "bob"] * 4))
    assert rows.times is not None and set(rows.times) == {1.7e9}
    chosen = parquet.read(tmp_path / "given.parquet", columns=["version", "unit"]).load()
    assert chosen.columns.keys() == {"version"} and chosen.units is not None
    assert chosen.propensities is None and chosen.contexts.tolist() == [[1.0]] * ROWS
    with pytest.raises(InvalidInput, match="column target is missing"):
        parquet.read(tmp_path / "given.parquet", columns=["target"])


def test_what_is_no_evidence_is_left_out_and_counted(tmp_path: Path) -> None:
    log = file(
        tmp_path,
        holdout=[True, False, False, False, False, False, True, False],
        exposed=[True, True, False, True, True, None, True, True],
        reward=[0.0, 1.0, 2.0, None, 4.0, 5.0, None, 7.0],
        degraded=[False] * 7 + [True],
    )
    rows = log.load()
    assert rows.rewards.tolist() == [1.0, 4.0, 5.0, 7.0]
    assert rows.fallback is not None and rows.fallback.tolist() == [False, False, False, True]
    assert rows.left_out == {"holdout": 2, "not exposed": 1, "no final reward": 1}


UUIDS = [UUID(int=row // 2 + 2**100) for row in range(ROWS)]
UUID_TYPE = pa.uuid() if hasattr(pa, "uuid") else pa.binary(16)  # a type of its own from pyarrow 18 on


@pytest.mark.parametrize(
    ("units", "as_texts"),
    [
        (pa.array([unit.bytes for unit in UUIDS], pa.binary(16)), list(map(str, UUIDS))),
        (pa.array([unit.bytes for unit in UUIDS], UUID_TYPE), list(map(str, UUIDS))),
        (pa.array([float(row // 2) for row in range(ROWS)]), [str(row // 2) for row in range(ROWS)]),
        (pa.array([2.0**53 - 1, -7.0] * 4, pa.float64()), [str(2**53 - 1), "-7"] * 4),
        (pa.array(list(range(ROWS)), pa.uint64()), list(map(str, range(ROWS)))),
        (pa.array(["ann", "bob"] * 4).dictionary_encode(), ["ann", "bob"] * 4),
    ],
)
def test_units_are_the_same_however_they_are_written(tmp_path: Path, units: Any, as_texts: list[str]) -> None:
    found = file(tmp_path, unit=units).load().units
    assert found is not None and np.array_equal(found, hash_units(as_texts))


@pytest.mark.parametrize("unit", [0.5, 2.0**53, float("inf"), float("nan"), None])
def test_a_float_that_is_no_unit_is_a_bad_row(tmp_path: Path, unit: float | None) -> None:
    units = pa.array([1.0] * 5 + [unit] + [2.0] * 2, pa.float64())
    wrong = "is null" if unit is None or unit != unit else r"must be text, UUIDs or whole numbers \(below 2\*\*53"
    with pytest.raises(InvalidInput, match=f"row 6: unit {wrong}"):
        file(tmp_path, unit=units).load()
    assert len(file(tmp_path, unit=units, lenient=True).load()) == ROWS - 1


def test_an_empty_file_may_have_units_of_any_kind(tmp_path: Path) -> None:
    empty = {name: pa.array([], pa.array(value).type) for name, value in columns().items()}
    for kind in (UUID_TYPE, pa.binary(16), pa.float64(), pa.string()):
        found = file(tmp_path, **empty, unit=pa.array([], kind), time_us=pa.array([], pa.int64()))
        assert len(found.load()) == 0


def test_a_time_in_a_file_of_ours_is_microseconds_however_small(tmp_path: Path) -> None:
    assert file(tmp_path, time_us=[5_000_000] * ROWS, says={"schema": 1}).load().times is not None
    log = BanditLog.of(np.ones((2, 1)), [0, 1], [0.0, 1.0], [0.5, 0.5], times=[0.0, 3.5])
    parquet.write(log, tmp_path / "log.parquet")
    found = parquet.read(tmp_path / "log.parquet").load().times
    assert found is not None and found.tolist() == [0.0, 3.5]


def test_pages_of_wide_rows_are_shorter(tmp_path: Path) -> None:
    n, d = 6_000, 500
    log = BanditLog.of(np.ones((n, d)), np.zeros(n), np.arange(n), np.ones(n))
    parquet.write(log, tmp_path / "log.parquet")
    pages = list(parquet.read(tmp_path / "log.parquet").pages())
    assert max(page.contexts.nbytes for page in pages) <= 2**24 and len(pages) > 1
    assert np.array_equal(np.concatenate([page.rewards for page in pages]), np.arange(n))


# Arms by number and by name


def test_a_column_of_names_names_the_arms(tmp_path: Path) -> None:
    log = file(tmp_path, arm=[2, 0] * 4, variant=["plain", "sale"] * 4, propensity=None)
    assert log.variants == ("sale", "1", "plain") and log.load().arms.tolist() == [2, 0] * 4
    log = file(tmp_path, arm=[2, 0] * 4, variant=["plain", "1"] * 4, propensities=None)
    assert log.variants == ("1", "arm 1", "plain"), "keys must differ"


@pytest.mark.parametrize("says", [{}, {"variants": ["plain", "sale", "gift"]}])
def test_an_arm_that_contradicts_its_name_is_a_bad_row(tmp_path: Path, says: dict[str, Any]) -> None:
    words = ["plain", "sale", "plain", "plain", None, "sale", "plain", "sale"]
    log = file(tmp_path, variant=words, says=says)
    with pytest.raises(InvalidInput) as caught:
        log.load()
    assert "row 4: variant is not that of the column arm, found 'plain' for arm 1, which is 'sale'" in str(caught.value)
    rows = file(tmp_path, variant=words, says=says, lenient=True).load()
    assert (len(rows), rows.left_out) == (ROWS - 1, {"variant is not that of the column arm": 1})
    with pytest.raises(InvalidInput, match="row 1: variant is not that of the column arm, found 'other' for arm 0"):
        file(tmp_path, variant=["other", "sale"] * 4, says={"variants": ["plain", "sale", "gift"]}).load()


def test_arms_from_1_that_have_names_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="seems to count from 1: subtract 1, or leave arm out, as variant is enough"):
        file(tmp_path, arm=[1, 2] * 4, variant=["plain", "sale"] * 4, propensities=None)
    assert file(tmp_path, arm=[1, 2] * 4, propensity=None).n_arms == 3, "the vectors say that there is one more"


# What is wrong


def at(name: str, row: int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(given: dict[str, Any]) -> None:
        given[name] = [*given[name][:row], value, *given[name][row + 1 :]]

    return change


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at("propensity", 4, 0.0), "row 5: propensity must lie in (0, 1], found 0"),
        (at("propensity", 4, 1.5), "row 5: propensity must lie in (0, 1], found 1.5"),
        (at("propensity", 4, NAN), "row 5: propensity must lie in (0, 1], found nan"),
        (at("propensity", 4, None), "row 5: propensity must lie in (0, 1], found nan"),
        (at("propensity", 4, 0.3), "row 5: propensity differs from the entry of the vector for the arm shown"),
        (at("propensities", 5, [0.5, 0.25, 0.3]), "row 6: propensities must sum to 1, found 1.05"),
        (at("propensities", 5, [1.5, -0.25, -0.25]), "row 6: propensities must lie in [0, 1]"),
        (at("propensities", 5, [0.5, 0.5]), "row 6: propensities has 2 numbers, expected 3"),
        (at("propensities", 5, None), "row 6: propensities is null"),
        (at("reward", 7, NAN), "row 8: reward must be finite"),
        (at("reward", 7, float("inf")), "row 8: reward must be finite"),
        (at("context", 6, [1.0]), "row 7: context has 1 numbers, expected 2"),
        (at("context", 6, [1.0, NAN]), "row 7: context must be finite"),
        (at("context", 6, [1.0, None]), "row 7: context must be finite"),
        (
            at("arm", 2, 3),
            "row 3: arm must lie in 0..2: this format counts from 0, the file seems to count from 1, found",
        ),
        (at("arm", 2, 4), "row 3: arm must lie in 0..2, found 4"),
        (at("arm", 2, -1), "row 3: arm must lie in 0..2, found -1"),
        (at("arm", 2, None), "row 3: arm must lie in 0..2, found nan"),
        (at("arm", 2, 0.5), "row 3: arm must lie in 0..2, found 0.5"),
        (at("eligible", 2, [False, True, True]), "row 3: eligible must hold the arm that was shown"),
        (at("eligible", 2, [True]), "row 3: eligible has 1 numbers, expected 3"),
        (at("unit", 2, None), "row 3: unit is null"),
        (at("time_us", 2, None), "row 3: time_us is null"),
        (
            at("time_us", 2, 17 * 10**17),
            "row 3: time_us must be microseconds since 1970 and seems to be nanoseconds: divide",
        ),
        (
            at("time_us", 2, 17 * 10**11),
            "row 3: time_us must be microseconds since 1970 and seems to be milliseconds: mul",
        ),
        (
            at("time_us", 2, 17 * 10**8),
            "row 3: time_us must be microseconds since 1970 and seems to be seconds: multiply by 1,000,000, or write"
            " timestamps, found 1700000000; --lenient skips such rows",
        ),
    ],
)
def test_a_bad_row_is_named_or_skipped(tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str) -> None:
    given = columns() | {
        "eligible": [[True] * 3] * ROWS,
        "unit": ["ann"] * ROWS,
        "time_us": [1_700_000_000_000_000] * ROWS,
    }
    change(given)
    log = file(tmp_path, **given)
    with pytest.raises(InvalidInput) as caught:
        log.load()
    assert f"{log.source}, {words}" in caught.value.message and "\n" not in caught.value.message
    rows = file(tmp_path, lenient=True, **given).load()
    assert len(rows) == ROWS - 1 and sum(rows.left_out.values()) == 1


def test_a_variant_that_is_unknown_is_named(tmp_path: Path) -> None:
    words = ["sale", "plain", "sole", "plain"] * 2
    log = file(tmp_path, arm=None, variant=words, says={"variants": ["sale", "gift", "plain"]})
    with pytest.raises(InvalidInput, match="row 3: variant must be one of sale, gift, plain, found 'sole'"):
        log.load()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arm": None}, "column arm or variant is missing; it has reward"),
        ({"reward": None}, "column reward is missing; it has arm"),
        ({"propensity": None, "propensities": None}, "column propensity or propensities is missing"),
        ({"reward": ["one"] * ROWS}, "column reward holds string, expected numbers"),
        ({"arm": ["one"] * ROWS}, "column arm holds string, expected numbers"),
        ({"context": [1.0] * ROWS}, "column context holds double, expected lists of numbers"),
        ({"propensities": [["a"]] * ROWS}, "column propensities holds list<"),
        ({"holdout": ["no"] * ROWS}, "column holdout holds string, expected truth values"),
        ({"unit": [[1]] * ROWS}, "column unit holds list<element: int64>, expected text, UUIDs or whole numbers"),
        ({"time_us": ["now"] * ROWS}, "column time_us holds string, expected whole microseconds since 1970"),
        (
            {"time_us": [1.7e9] * ROWS},
            "column time_us holds double, expected whole microseconds since 1970 (seconds times",
        ),
        (
            {"arm": [1, 3, 2, 1] * 2, "propensities": None},
            "arm counts from 0, but no row has 0 and it seems to count from",
        ),
        ({"arm": [10**7] * ROWS, "propensities": None}, "column arm goes up to 1e+07"),
        ({"says": {"schema": 2}}, "is of schema 2, this release of banditcore reads up to 1: update"),
    ],
)
def test_a_column_that_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        file(tmp_path, **change)
    assert caught.value.message.startswith(str(tmp_path / "given.parquet")) and words in caught.value.message
    assert "\n" not in caught.value.message


def test_what_is_no_parquet_says_so(tmp_path: Path) -> None:
    sound = tmp_path / "sound.parquet"
    n = 20_000
    chance = np.random.default_rng(0)
    parquet.write(BanditLog.of(chance.normal(size=(n, 4)), np.zeros(n), chance.normal(size=n), np.ones(n)), sound)
    raw = sound.read_bytes()
    assert parquet.sniff(sound, raw[:64]) and not parquet.sniff(sound, b"arm,reward")
    bad = tmp_path / "bad.parquet"
    for content in (b"", b"arm,reward\n0,1\n", raw[: len(raw) // 2], raw[:-100] + b"PAR1"):
        bad.write_bytes(content)
        with pytest.raises(InvalidInput, match=r"bad.parquet is no sound Parquet file \("):
            parquet.read(bad)
    bad.write_bytes(raw[:1000] + bytes(20_000) + raw[21_000:])
    with pytest.raises(InvalidInput, match=r"bad.parquet, after row 0: is no sound Parquet file"):
        parquet.read(bad, columns=["context"]).load()
    with pytest.raises(InvalidInput, match=r"cannot read .*absent.parquet"):
        parquet.read(tmp_path / "absent.parquet")
    with pytest.raises(InvalidInput, match="cannot read"):
        parquet.read(tmp_path)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def pages() -> Any:
        yield from BanditLog.of([[1.0]], [0], [1.0], [0.5]).pages()
        raise InvalidInput("the source broke")

    log = BanditLog(["plain"], pages)
    (tmp_path / "log.parquet").write_bytes(b"before")
    with pytest.raises(InvalidInput, match="the source broke"):
        parquet.write(log, tmp_path / "log.parquet")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"before"]
    with pytest.raises(InvalidInput, match="is not a directory"):
        parquet.write(log, tmp_path / "absent" / "log.parquet")
    taken = BanditLog.of([[1.0]], [0], [1.0], [0.5], columns={"reward": [2.0]})
    with pytest.raises(InvalidInput, match="column reward means something else"):
        parquet.write(taken, tmp_path / "log.parquet")
