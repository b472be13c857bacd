"""`banditcore export` beside a real server: what it writes, what it says, and how it fails."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from command_line import Result, banditcore, refused

from banditcore import formats
from banditcore.bandit_log import BanditLog
from banditcore.client import Client
from banditcore.exported import recompute_log
from banditcore.exporting import load_model
from banditcore.formats import parquet
from banditcore.formats.sql import summary
from banditcore.storage.copying import copy
from banditcore.storage.opening import open_log, sole_writer
from banditcore_server.testing import ServerProcess

SHOP = """
[experiments.shop]
control = "plain"
holdout = 0.2
variants = ["plain", "bold", "loud"]
policy = "linear_ts"
context = [{ name = "age", type = "numeric" }]
learn = "buy"
goals = [{ name = "buy", window = "2s" }, { name = "spend", kind = "value", window = "1h" }]
"""
VISITS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    home = tmp_path_factory.mktemp("export")
    (home / "shop.toml").write_text(SHOP)
    chance = np.random.default_rng(1)
    with ServerProcess(home / "data", "--apply", str(home / "shop.toml")) as server, Client(server.target) as client:
        for visit in range(VISITS):
            decision = client.decide("shop", f"unit-{visit}", {"age": float(chance.normal())})
            if visit % 2:
                client.record_reward(decision.id, "buy", float(visit % 4 == 1))
        yield server


def export(*arguments: object) -> Result:
    return banditcore("export", *arguments)


def written(server: ServerProcess, file: Path, *more: object) -> dict[str, object]:
    result = export("shop", file, "--data", server.data, "--json", *more)
    assert (result.returncode, result.stderr) == (0, ""), result
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_the_log_of_a_running_server_can_be_made_again(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    found = written(server, file, "--model", tmp_path / "model.npz")
    assert (found["decisions"], found["goal"], found["file"]) == (VISITS, "buy", str(file))
    again = recompute_log(file)
    assert (again.first_difference, again.identical, again.resolutions) == ("", VISITS, found["resolutions"])
    policy, facts = load_model(tmp_path / "model.npz")
    assert facts.digest == json.loads(parquet.read(file).metadata["banditcore.model"])["digest"]
    assert facts.variants == ("plain", "bold", "loud") and policy.n_arms == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log.parquet", "model.npz"]


def test_what_is_written_is_a_log(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    open_windows = written(server, file, "--goal", "spend")
    assert open_windows["final"] == 0 and len(parquet.read(file).load()) == 0
    said = export("shop", file, "--data", server.data, "--goal", "spend", "--force").stdout
    assert f"decisions {VISITS} of shop, stream 1, with what they earned of spend ({VISITS} without a final" in said
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = written(server, file, "--force")
        if found["final"] == VISITS:
            break
        time.sleep(0.2)
    log = parquet.read(file)
    rows = log.load()
    assert len(rows) + rows.left_out["holdout"] == VISITS
    assert log.features == ("age", "age=missing") and rows.rewards.sum() > 0
    assert sum(row["rows"] for row in summary(log).to_pylist()) == len(rows)


def test_postgresql_exports_the_same(server: ServerProcess, tmp_path: Path, postgres_url: str) -> None:
    with closing(open_log(server.data)) as log, log.read() as reader, sole_writer(postgres_url) as tables:
        copy(reader, tables)
    result = export("shop", tmp_path / "log.parquet", "--data", postgres_url)
    assert result.returncode == 0, result
    again = recompute_log(tmp_path / "log.parquet")
    assert (again.first_difference, again.identical) == ("", VISITS)


def test_other_formats_are_written_by_the_registry(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_log(log: BanditLog, path: Path, format: str | None = None) -> int:
        assert path.suffix == ".csv" and path.parent == tmp_path
        path.write_text("\n".join(map(str, log.load().arms)))
        return 0

    monkeypatch.setattr(formats, "write_log", write_log, raising=False)
    written(server, tmp_path / "log.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["log.csv"]


def test_bad_input_is_one_line_and_exit_2(server: ServerProcess, tmp_path: Path) -> None:
    file, data = tmp_path / "log.parquet", ("--data", server.data)
    refused("'shup' is not in this store, which has: shop", "export", "shup", file, *data)
    refused("goal 'sell' is not a goal of it: it has buy, spend", "export", "shop", file, *data, "--goal", "sell")
    refused("stream 7 is none of shop: it has 1", "export", "shop", file, *data, "--stream", "7")
    refused("holds no banditcore.db", "export", "shop", file, "--data", tmp_path / "absent")
    refused("is not a directory", "export", "shop", tmp_path / "absent" / "log.parquet", *data)
    assert list(tmp_path.iterdir()) == []
    file.write_text("mine")
    refused("is there already: choose another name, or say --force", "export", "shop", file, *data)
    refused("is there already", "export", "shop", tmp_path / "new.parquet", *data, "--model", file)
    assert file.read_text() == "mine"
