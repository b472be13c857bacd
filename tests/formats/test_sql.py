"""SQL over logs in Parquet."""

from pathlib import Path

import numpy as np
import pytest

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.formats import parquet
from banditcore.formats.sql import sql, summary

DAY = 86_400.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    log = BanditLog.of(
        np.ones((6, 2)),
        [0, 1, 1, 0, 1, 10],
        [1.0, 0.0, 2.0, 3.0, 7.0, 1.0],
        [0.5, 0.25, 0.5, 0.5, 0.1, 0.2],
        times=[0.0, 1.0, DAY - 1, DAY, DAY + 1, DAY + 2],
        fallback=[False] * 4 + [True, False],
        variants=["plain", "it's", *(f"v{arm}" for arm in range(2, 11))],
    )
    parquet.write(log, tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


def test_a_file_or_what_was_read_from_it_answers(file: Path) -> None:
    for source in (file, str(file), parquet.read(file)):
        assert sql(source, "SELECT sum(reward) AS earned FROM log WHERE arm = 1").to_pylist() == [{"earned": 9.0}]


def test_several_files_and_names_that_look_like_patterns(file: Path) -> None:
    odd = file.with_name("it's [1]*.parquet")
    odd.write_bytes(file.read_bytes())
    assert sql(odd, "SELECT count(*) AS n FROM log").to_pylist() == [{"n": 6}]
    assert sql(file.parent / "*.parquet", "SELECT count(*) AS n FROM log").to_pylist() == [{"n": 12}]


def test_a_summary_of_variants(file: Path) -> None:
    first, second, third = summary(file).to_pylist()
    assert first == {
        "variant": "plain",
        "rows": 2,
        "mean_reward": 2.0,
        "mean_propensity": 0.5,
        "least_propensity": 0.5,
        "effective_sample": 2.0,
    }
    # (4 + 2)^2 / (16 + 4); the decision that the policy did not make does not count.
    assert second["variant"] == "it's" and second["effective_sample"] == pytest.approx(1.8)
    assert (second["rows"], third["variant"]) == (2, "v10")


def test_a_summary_of_days(file: Path) -> None:
    found = summary(parquet.read(file), "day", memory_limit="200MB").to_pylist()
    assert [(row["day"], row["rows"], row["mean_reward"]) for row in found] == [
        ("1970-01-01", 3, 1.0),
        ("1970-01-02", 2, 2.0),
    ]


def test_vectors_are_enough(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet as arrow_parquet

    vectors = [[0.2, 0.8]] * 3
    table = pyarrow.table({"arm": [0, 1, 1], "reward": [1.0, None, 4.0], "propensities": vectors})
    arrow_parquet.write_table(table, tmp_path / "log.parquet")
    found = summary(tmp_path / "log.parquet").to_pylist()
    assert [(row["variant"], row["rows"], row["least_propensity"]) for row in found] == [("0", 1, 0.2), ("1", 1, 0.8)]


@pytest.mark.parametrize("query", ["SELECT nothing FROM log", "SELEC", "SELECT error('a\nb')", ""])
def test_a_query_that_fails_is_one_line(file: Path, query: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        sql(file, query)
    assert caught.value.message.startswith("the query") and "\n" not in caught.value.message


def test_only_parquet_answers(file: Path, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("arm,reward\n")
    for source in (tmp_path / "log.csv", BanditLog.of([[1.0]], [0], [1.0], [0.5])):
        with pytest.raises(InvalidInput, match="banditcore convert"):
            sql(source, "SELECT 1")
    with pytest.raises(InvalidInput, match="No files found"):
        sql(tmp_path / "absent.parquet", "SELECT 1")
    with pytest.raises(InvalidInput, match="by is 'variant' or 'day'"):
        summary(file, "hour")  # type: ignore[arg-type]


def test_the_extra_is_named_where_it_is_missing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InvalidInput, match=r"SQL needs duckdb .*pip install 'banditcore\[offline\]'"):
        sql(file, "SELECT 1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InvalidInput, match=r"Parquet needs pyarrow .*pip install 'banditcore\[offline\]'"):
        parquet.read(file)
