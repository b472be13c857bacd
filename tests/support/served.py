"""What a real server decided and what it earned, exported while it runs: the logs of two experiments."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from command_line import done
from pyarrow import parquet

from banditcore.client import Client
from banditcore.exporting import load_model
from banditcore.types import Reward
from banditcore_server.testing import ServerProcess

EXPERIMENTS = """
[experiments.shop]
control = "plain"
holdout = 0.2
variants = ["plain", "bold", "loud"]
policy = { name = "linear_ts", floor = 0.6 }
context = [{ name = "age", type = "numeric" }]
learn = "buy"
goals = [{ name = "buy", window = "2s" }]

[experiments.fair]
control = "plain"
holdout = 0.1
variants = ["plain", "bold", "loud"]
policy = "uniform"
context = [{ name = "age", type = "numeric" }]
learn = "buy"
goals = [{ name = "buy", window = "2s" }]
"""
VISITS = 500
"""A round: one of `fair`, and two of `shop`, whose policy has learned from the first before the second."""
CHANCE = {"plain": 0.15, "bold": 0.3, "loud": 0.8}
"""So far apart, and the floor so high, that whatever is drawn `always:loud` can be judged and earns more."""
LIMIT_S = 60.0


@dataclass(frozen=True)
class Served:
    """A store that its server keeps writing to, and what was exported of it."""

    data: Path
    home: Path

    def file(self, name: str) -> Path:
        """shop.parquet, shop.npz, early.parquet, shop.dsjson, fair.parquet; model.npz is of early.parquet."""
        return self.home / name


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """Two rounds of `shop` with learning in between, and one of `fair`; all windows are closed."""
    (home / "experiments.toml").write_text(EXPERIMENTS)
    found = Served(home / "data", home)
    with ServerProcess(found.data, "--apply", str(home / "experiments.toml")) as server:
        with Client(server.target) as client:
            _visits(client, "shop", 0)
            _visits(client, "fair", 0)
            _await_final(found, "shop", VISITS)
            done("export", "shop", home / "early.parquet", "--data", found.data, "--model", found.file("model.npz"))
            _await_learned(client, load_model(found.file("model.npz"))[1].position)
            _visits(client, "shop", 1)
            _await_final(found, "shop", 2 * VISITS)
        done("export", "shop", found.file("shop.npz"), "--data", found.data)
        done("export", "shop", found.file("shop.dsjson"), "--data", found.data)
        done("export", "fair", found.file("fair.parquet"), "--data", found.data)
        yield found


def _visits(client: Client, experiment: str, turn: int) -> None:
    g = np.random.default_rng([turn, len(experiment)])
    ages = g.normal(size=VISITS)
    units = [f"{turn}-{visit}" for visit in range(VISITS)]
    answers = client.batch_decide(experiment, units, [{"age": float(age)} for age in ages])
    chances = np.array([CHANCE[answer.variant] for answer in answers])
    bought = g.random(VISITS) < chances + 0.15 * np.tanh(ages)
    client.record_rewards([Reward(answer.id, "buy", float(buys)) for answer, buys in zip(answers, bought, strict=True)])


def _await_learned(client: Client, position: int) -> None:
    """Until the server decides by a model at a position, so that what it decides next comes after it."""
    deadline = time.monotonic() + LIMIT_S
    while client.report("shop").model_position < position:
        assert time.monotonic() < deadline, f"the server has not learned what is before {position}"
        time.sleep(0.1)


def _await_final(found: Served, experiment: str, decisions: int) -> None:
    """Exports until every decision has its reward, and the policy has learned from all of them."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        file = found.file(f"{experiment}.parquet")
        said = json.loads(done("export", experiment, file, "--data", found.data, "--force", "--json").stdout)
        if said["final"] == decisions == said["resolutions"] + said["holdout"]:
            return
        time.sleep(0.3)
    raise AssertionError(f"after {LIMIT_S:g} s not all is final: {said}")


def changed(log: Served, file: Path, **columns: Any) -> Path:
    """The log of `shop` in another file, with columns put in or replaced."""
    exported = parquet.ParquetFile(log.file("shop.parquet"))
    table = exported.read()
    for name, values in columns.items():
        known = name in table.column_names
        column = pa.array(values, table.schema.field(name).type if known else None)
        table = (table.drop_columns([name]) if known else table).append_column(name, column)
    # Its variants and features are told beside the columns.
    parquet.write_table(table.replace_schema_metadata(exported.metadata.metadata), file)
    return file


def policies(*names: object) -> list[str]:
    """As options of a command."""
    return [word for name in names for word in ("--policy", str(name))]
