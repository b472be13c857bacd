"""`banditcore import` against a real server: what it takes, what it refuses by line, and that again is no change."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from banditcore.cli import main
from banditcore.client import Client
from banditcore.commands.importing import Occurrences
from banditcore.commands.sheets import BadRow, open_sheet
from banditcore.offline import UnitReward, derive_keys
from banditcore_server.testing import ServerProcess

SHOP = """
[experiments.{name}]
control = "plain"
holdout = 0.01
variants = ["plain", "bold"]
policy = "uniform"
learn = "buy"
goals = [{{ name = "buy", window = "1h" }}, {{ name = "spend", kind = "value", window = "1h" }}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    home = tmp_path_factory.mktemp("import")
    names = ("csv", "bad", "unix", "parquet", "people", "pages")
    (home / "shop.toml").write_text("".join(SHOP.format(name=name) for name in names))
    with ServerProcess(home / "data", "--apply", str(home / "shop.toml")) as server, Client(server.target) as client:
        for name in names:
            for unit in ("ann", "bob", "77", "cïd"):
                client.decide(name, unit)
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sales.csv"


@dataclass(frozen=True)
class Result:
    returncode: object
    stdout: str
    stderr: str


def banditcore(*arguments: str) -> Result:
    """The command as it runs in a process of its own, without waiting for one to start."""
    said, warned = StringIO(), StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(said),
        redirect_stderr(warned),
        pytest.raises(SystemExit) as end,
    ):
        patch.setattr(sys, "argv", ["banditcore", *arguments])
        main()
    return Result(end.value.code, said.getvalue(), warned.getvalue())


def printed(result: Result) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def run(server: ServerProcess, what: str, file: Path, name: str, *more: str) -> Result:
    return banditcore("import", what, str(file), "--experiment", name, "--server", server.target, *more)


def now() -> str:
    return datetime.now(UTC).isoformat()


def test_a_file_is_imported_once(server: ServerProcess, file: Path) -> None:
    at = now()
    rows = [f'ann,spend,"12.5",{at}', f"bob,buy,1,{at}", "", f"nobody,buy,1,{at}", f"ann,spend,12.5,{at}"]
    rows += [f"cïd,spend,-0,{at[:-6]}"]
    file.write_text("\r\n".join(["unit,goal,value,time", *rows]), encoding="utf-8-sig")
    assert printed(run(server, "rewards", file, "csv")) == (
        f"{file}: 5 rows; imported 4, duplicate 0, late 0, unattributed 1, refused 0."
        " Times without a zone, taken as UTC: 1\n"
    )
    again = json.loads(printed(run(server, "rewards", file, "csv", "--rule", "all", "--json")))
    assert (again["imported"], again["duplicate"], again["unattributed"]) == (0, 4, 1)
    keyed = file.with_name("keyed.csv")
    keyed.write_text(f"time,key,unit,value\n{at},order-1,ann,3\n{at},order-1,ann,3\n")
    assert "imported 1, duplicate 1" in printed(run(server, "rewards", keyed, "csv", "--goal", "spend"))
    server_audit = json.loads(printed(banditcore("audit", "--data", str(server.data), "--json")))
    assert server_audit["passed"]


BAD: list[tuple[bytes, str]] = [
    (b'ann,spend,"12,50 EUR",@', "value '12,50 EUR' is no number: write digits with a decimal point"),
    (b"ann,spend,$12,@", "value '$12' is no number"),
    (b"ann,spend,1_000,@", "value '1_000' is no number"),
    (b"ann,spend,nan,@", "value 'nan' is no number"),
    (b"ann,spend,1e999,@", "value is inf: write a finite number"),
    (b"ann,spend,,@", "value is empty: write a number, also when it is 0"),
    (b"ann,buy,0.5,@", "value of the binary goal buy must be 0 or 1"),
    (b"ann,look,1,@", "goal 'look' is not a goal of bad: it has buy, spend"),
    (b",spend,1,@", "unit must have 1 to 256 bytes"),
    (b"ann,spend,1", "3 columns instead of 4: add time"),
    (b"ann,spend,12,50,@", "5 columns instead of 4: quote what contains a comma"),
    (b"ann,spend,1,yesterday", "time 'yesterday' is no time: write it as 2024-01-31T17:05:00Z"),
    (b"ann,spend,1,2024-01-31", "time '2024-01-31' is a whole day: add the time of day"),
    (b"ann,spend,1,20240131", "time 20240131 is no time since 1973"),
    (b"ann,spend,1,2100-01-01T00:00:00Z", "in the future"),
    (b"\xe4nn,spend,1,@", "unit is not UTF-8: save the file as UTF-8"),
    (b'"ann,spend,1,@', "check its quotes"),
    (b"ann," + b"x" * 200_000 + b",1,@", "field larger than field limit"),
    (b"ann,spend,1,@" + b"," * 3_000_000, "columns instead of 4: quote what contains a comma"),
]


def test_malformed_rows_are_reported_by_line_and_the_rest_is_imported(server: ServerProcess, file: Path) -> None:
    good = b"bob,spend,2,@"
    lines = [b"unit,goal,value,time", *(line for bad, _ in BAD for line in (bad, good)), *[b"ann,spend,x,@"] * 5]
    file.write_bytes(b"\n".join(lines).replace(b"@", now().encode()))
    result = run(server, "rewards", file, "bad")
    assert result.returncode == 1
    assert f"imported {len(BAD)}, duplicate 0, late 0, unattributed 0, refused {len(BAD) + 5}" in result.stdout
    shown = result.stderr.splitlines()
    assert shown[-1] == f"{file}: {len(BAD) + 5 - 20} more rows were refused and are not shown"
    assert len(shown) == 21
    messages = {int(line.removeprefix(f"{file}:").partition(":")[0]): line for line in shown[:-1]}
    assert sorted(messages) == [*range(2, 2 * len(BAD) + 2, 2), 2 * len(BAD) + 2]
    for number, (_, words) in enumerate(BAD):
        assert words in messages[2 * number + 2]
    again = json.loads(run(server, "rewards", file, "bad", "--json").stdout)
    assert (again["imported"], again["duplicate"], again["refused"]) == (0, len(BAD), len(BAD) + 5)
    assert again["problems"][0]["line"] == 2 and again["problems"][0]["field"] == "value"


def test_times_may_be_seconds_milliseconds_or_microseconds(server: ServerProcess, file: Path) -> None:
    at = time.time()
    file.write_text("unit,value,time\n" + "".join(f"ann,1,{int(at * unit)}\n" for unit in (1, 1e3, 1e6)))
    # The whole second may lie before the decision.
    time.sleep(max(0.0, 1.0 - at % 1))
    at = time.time()
    file.write_text("unit,value,time\n" + "".join(f"ann,{unit},{int(at * unit)}\n" for unit in (1, 1_000, 1_000_000)))
    assert "imported 3" in printed(run(server, "rewards", file, "unix", "--goal", "spend"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty: its first line must name the columns unit,goal,value,time"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"unit,goal,value,time\n\n", "has no rows after its header"),
        (b"unit;goal;value;time\nann;buy;1;0\n", "unit,goal,value,time[,key], separated by commas, found"),
        (b"ann,buy,1,1700000000\n", "has no column unit"),
        (b"unit,goal,value,time,kye\n", "has a column 'kye': leave only"),
        (b"unit,goal,value,time,time\n", "the column time twice"),
        ("unit,goal,value,time\n".encode("utf-16"), "is not UTF-8"),
        (b"PAR1 and nothing else", "is no sound Parquet file"),
    ],
)
def test_a_file_that_is_none_is_one_line_and_exit_2(
    server: ServerProcess, file: Path, content: bytes, words: str
) -> None:
    file.write_bytes(content)
    result = run(server, "rewards", file, "csv")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert words in result.stderr


def test_what_else_ends_an_import_at_once(server: ServerProcess, file: Path) -> None:
    assert "cannot read" in run(server, "rewards", file, "csv").stderr
    file.write_text(f"unit,goal,value,time\nann,buy,1,{now()}\n")
    for name, more, words in (("nowhere", (), "does not exist"), ("csv", ("--rule", "best"), "rule is one of last")):
        result = run(server, "rewards", file, name, *more)
        assert result.returncode == 2 and words in result.stderr and result.stderr.count("\n") == 1


def test_parquet_of_common_types(server: ServerProcess, file: Path) -> None:
    file = file.with_suffix(".parquet")
    at = datetime.now(UTC)
    columns: dict[str, Any] = {
        "unit": pyarrow.array(["ann", "bob", None, "77"]).dictionary_encode(),
        "goal": ["spend", "buy", "buy", "spend"],
        "value": pyarrow.array([1, 1, 1, 2], pyarrow.decimal128(10, 2)),
        "time": pyarrow.array([at] * 4, pyarrow.timestamp("ns", "Europe/Berlin")),
        "key": ["a", None, "c", "d"],
    }
    parquet.write_table(pyarrow.table(columns), file)
    result = run(server, "rewards", file, "parquet")
    assert result.returncode == 1 and result.stderr == f"{file}:3: unit is null: fill it in\n"
    assert "4 rows; imported 3" in result.stdout and "without a zone" not in result.stdout
    numbers = {"unit": [77, 78], "value": [2.5, float("nan")], "time": [at.replace(tzinfo=None)] * 2}
    parquet.write_table(pyarrow.table(numbers), file)
    result = run(server, "rewards", file, "parquet", "--goal", "spend")
    assert "imported 1, duplicate 0, late 0, unattributed 0, refused 1" in result.stdout
    assert "as UTC: 1" in result.stdout


def test_parquet_without_pyarrow_names_the_extra(file: Path) -> None:
    code = "import sys; sys.modules['pyarrow'] = None; sys.argv = ['banditcore', *sys.argv[1:]]\n"
    code += "from banditcore.cli import main\nmain()"
    file.write_bytes(b"PAR1")
    result = subprocess.run(
        [sys.executable, "-c", code, "import", "rewards", str(file), "--experiment", "csv"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "pip install 'banditcore[offline]'" in result.stderr


def test_identities(server: ServerProcess, file: Path) -> None:
    file.write_text("unit,into\ntablet,ann\nwatch,tablet\nann,watch\nbob,bob\n")
    result = run(server, "identities", file, "people")
    assert result.returncode == 1 and "4 rows; merged 2, duplicate 0, refused 2" in result.stdout
    assert f"{file}:4: into 'watch' was itself merged into unit 'ann' before" in result.stderr
    assert f"{file}:5: unit 'bob' cannot be merged into itself" in result.stderr
    assert "merged 0, duplicate 2, refused 2" in run(server, "identities", file, "people").stdout
    with Client(server.target) as client:
        assert client.explain(client.decide("people", "watch").id).decision.unit == "ann"


def test_pages_of_a_large_file_do_not_matter(server: ServerProcess, file: Path) -> None:
    at = now()
    rows = [f"{('ann', 'bob', 'nobody')[number % 3]},spend,{number % 7},{at}" for number in range(10_500)]
    file.write_text("\n".join(["unit,goal,value,time", *rows]))
    first = json.loads(printed(run(server, "rewards", file, "pages", "--json")))
    assert (first["imported"], first["unattributed"], first["rows"]) == (7_000, 3_500, 10_500)
    # The first half of the file, later, is nothing new; one more row like others is.
    file.write_text("\n".join(["unit,goal,value,time", *rows[:5_250]]))
    assert "imported 0, duplicate 3,500" in printed(run(server, "rewards", file, "pages"))
    file.write_text("\n".join(["unit,goal,value,time", *rows, rows[0]]))
    assert "imported 1, duplicate 7,000" in printed(run(server, "rewards", file, "pages"))


def test_equal_rows_are_counted_on_disk_as_in_memory() -> None:
    rewards = [UnitReward(f"{number % 3}", "buy", -0.0 if number % 2 else 0.0, number % 5) for number in range(60)]
    rewards[7] = rewards[7]._replace(key="mine")
    keys = Occurrences()
    assert [*keys.given(rewards[:20]), *keys.given(rewards[20:])] == derive_keys(rewards)
    assert len(set(derive_keys(rewards))) == 60


def test_a_line_of_any_length_is_not_read_into_memory(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    with file.open("w") as lines:
        lines.write("unit,into\na,b\n" + "x" * 5_000_000 + ",c\nd,e\n")
    with open_sheet(file, ("unit", "into")) as sheet:
        rows = list(sheet.rows)
    assert [row.line for row in rows] == [2, 3, 4]
    assert [isinstance(row, BadRow) for row in rows] == [False, True, False]
