"""`banditcore convert`, run as a command."""

import gzip
import json
from pathlib import Path

import pytest
import typer
from logs import assert_same, dsjson_text, event, obd_text
from typer.testing import CliRunner

from banditcore.commands.converting import convert
from banditcore.errors import InvalidInput
from banditcore.formats import read_log


def run(*arguments: object) -> str:
    """What it prints; raises what it raises."""
    app = typer.Typer()
    app.command()(convert)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_log_is_converted_and_back(tmp_path: Path) -> None:
    path, there, back = tmp_path / "men.csv", tmp_path / "men.npz", tmp_path / "men.dsjson.gz"
    path.write_text(obd_text(2_000))
    assert run(path, there) == f"{there}: 2,000 rows of {path}\n"
    assert run(there, back) == f"{back}: 2,000 rows of {there}\n"
    assert_same(read_log(back).load(), read_log(path).load(), columns=False)
    assert gzip.decompress(back.read_bytes()).startswith(b'{"_label_cost":')


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    path, there = tmp_path / "log.txt", tmp_path / "converted"
    path.write_text(dsjson_text(event(), event(_label_cost=None), event(_skipLearn=True), event(_label_cost=None)))
    with pytest.raises(InvalidInput, match=r"log\.txt, row 2: _label_cost is missing; --lenient skips such rows"):
        run(path, there, "--to", "obp")
    assert not there.exists()
    assert run(path, there, "--to", "obp", "--lenient").splitlines()[1:] == [
        "  left out 2: _label_cost is missing",
        "  left out 1: not activated",
    ]
    found = json.loads(run(path, there, "--from", "dsjson", "--to", "obp", "--lenient", "--json"))
    assert found == {
        "source": str(path),
        "target": str(there),
        "rows": 1,
        "left_out": {"_label_cost is missing": 2, "not activated": 1},
    }
    assert read_log(there).load().arms.tolist() == [1]


def test_options_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "men.csv"
    path.write_text(obd_text())
    run(path, tmp_path / "men.npz", "--option", "dims=5", "--option", "n-arms=7")
    log = read_log(tmp_path / "men.npz")
    assert log.n_arms == 7 and log.load().contexts.shape == (6, 5)
    with pytest.raises(InvalidInput, match="--option 'dims' must be NAME=VALUE"):
        run(path, tmp_path / "men.npz", "--option", "dims")
    with pytest.raises(InvalidInput, match="obd has no option 'dim': did you mean dims"):
        run(path, tmp_path / "men.npz", "--option", "dim=5")
