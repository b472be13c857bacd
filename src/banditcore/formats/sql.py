"""Questions in SQL to a log in Parquet, answered by DuckDB, also where the log is larger than memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.formats.arrow import needed
from banditcore.formats.parquet import sniff
from banditcore.formats.parquet_columns import metadata, open_parquet, told

Source = BanditLog | str | os.PathLike[str]
_DAY = "strftime(make_timestamp(time_us), '%Y-%m-%d')"


def sql(source: Source, query: str, *, memory_limit: str | None = None) -> Any:
    """The answer to a query of the view `log` as a `pyarrow.Table`; its columns are those of the file.

    source: a file, a pattern such as "logs/*.parquet", or a log that was read from a file. memory_limit: such as
    "500MB"; what does not fit goes to disk. Raises InvalidInput for what is no Parquet, and with DuckDB's own words
    for a query it does not take.
    """
    duckdb = needed("duckdb", "SQL")
    needed("pyarrow", "SQL")
    view = _view(_path(source))
    try:
        # Nothing is fetched from anywhere: what is needed is built in.
        config = {"autoinstall_known_extensions": "false"} | ({"memory_limit": memory_limit} if memory_limit else {})
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute(view)
            found = connection.sql(query)
            table = None if found is None else found.to_arrow_table()
    except duckdb.Error as error:
        said = " ".join(str(error).split())
        raise InvalidInput(f"the query failed: {said[:500]}", field="query") from None
    if table is None:
        raise InvalidInput("the query gives no rows: begin it with SELECT", field="query")
    return table


def summary(source: Source, by: Literal["variant", "day"] = "variant", *, memory_limit: str | None = None) -> Any:
    """A `pyarrow.Table` of what each variant, or each day in UTC, earned, in order.

    Columns: the group, `rows`, `mean_reward`, `mean_propensity`, `least_propensity`, and `effective_sample`, which is
    (sum of 1/p)^2 / (sum of 1/p^2). Decisions that `read` leaves out do not count, nor those where the policy failed.
    """
    if by not in ("variant", "day"):
        raise InvalidInput(f"by is 'variant' or 'day', found {by!r}", field="by")
    names, variants = _known(_path(source))
    if by == "day" and "time_us" not in names:
        raise InvalidInput("the log has no column time_us: it knows no days", field="by")
    own = "propensity" if "propensity" in names else "propensities[arm + 1]"
    order, group = ("min(a)", _variant(names, variants)) if by == "variant" else ("g", _DAY)
    counted = " AND ".join(_counted(names))
    arm = "arm" if "arm" in names else "variant"
    query = f"""
        SELECT g AS {by}, count(*) AS rows, avg(r) AS mean_reward, avg(p) AS mean_propensity,
               min(p) AS least_propensity, pow(sum(1 / p), 2) / sum(1 / (p * p)) AS effective_sample
        FROM (SELECT {group} AS g, {arm} AS a, reward AS r, {own} AS p FROM log WHERE {counted})
        GROUP BY g ORDER BY {order}"""
    return sql(source, query, memory_limit=memory_limit)


def _counted(names: list[str]) -> list[str]:
    conditions = {"holdout": "NOT holdout", "exposed": "exposed", "degraded": "NOT degraded"}
    return ["reward IS NOT NULL"] + [words for name, words in conditions.items() if name in names]


def _path(source: Source) -> str:
    path = source.path if isinstance(source, BanditLog) else os.fspath(source)
    if path is None or (Path(path).is_file() and not sniff(path, _start(path))):
        what = "this log" if path is None else path
        raise InvalidInput(f"{what} is no Parquet file: write it with `banditcore convert`", field="log")
    return path


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def _known(path: str) -> tuple[list[str], list[str]]:
    """Names of the columns, and the variants by arm, where the file names them."""
    if not Path(path).is_file():
        return list(sql(path, "SELECT * FROM log LIMIT 0").schema.names), []
    file = open_parquet(path)
    return list(file.schema_arrow.names), told(path, metadata(file), "variants", [])


def _variant(names: list[str], variants: list[str]) -> str:
    if "variant" in names:
        return "variant"
    keys = ", ".join(map(_quoted, variants))
    return f"([{keys}])[arm + 1]" if variants else "CAST(arm AS VARCHAR)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _view(path: str) -> str:
    # A file that is there is meant by its name, even where that reads like a pattern.
    literal = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)
    return f"CREATE VIEW log AS SELECT * FROM read_parquet({_quoted(literal if Path(path).is_file() else path)})"
