"""What an engine has decided and learned, exported to a file and made again from the file alone."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from exports import exported
from lived import live
from pyarrow import parquet as arrow_parquet
from shop import Clock, spec, taste

from banditcore import DecisionEngine
from banditcore.errors import InvalidInput, NotFound, StoreUnavailable
from banditcore.exported import RecomputedLog, recompute_log
from banditcore.exporting import export, load_model, model_of, save_model, write_export
from banditcore.formats import parquet
from banditcore.learner import digest
from banditcore.storage.opening import open_log, open_store
from banditcore.storage.postgres import PostgresStore

FEATURES = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
POLICIES: dict[str, dict[str, Any]] = {
    "beta_ts": {"name": "beta_ts"},
    "fading": {"name": "lin_ucb", "half_life": 30.0},
    "monte carlo": {"name": "shared_linear_ts", "arm_features": FEATURES},
    "hybrid": {"name": "hybrid_lin_ucb"},
    "quadrature": {"name": "linear_ts", "mature_after": 20},
}


def trade(engine: DecisionEngine, clock: Clock, first: int, count: int) -> None:
    chance = np.random.default_rng(first)
    for number in range(first, first + count):
        clock.advance(0.5)
        eligible = ["plain", "sale"] if number % 7 == 0 else []
        decision = engine.decide("shop", f"unit-{number}", {"taste": chance.standard_normal(3)}, eligible=eligible)
        if chance.random() < 0.6:
            engine.reward(decision.id, "buy", float(chance.random() < 0.2 + 0.5 * (decision.arm == 1)))
        if chance.random() < 0.3:
            for key in ("a", "b"):
                engine.reward(decision.id, "spend", 2.0, key=key)
        if number % 11 == 0:
            engine.catch_up()


def lived(location: str, policy: dict[str, Any], count: int = 40) -> Clock:
    """A store in which a variant came and another went while the policy learned."""
    clock = Clock()
    grown = policy | ({"arm_features": [*FEATURES, [1.0, 1.0]]} if "arm_features" in policy else {})
    more = ["plain", "sale", "gift", "bundle"]
    changes: list[dict[str, Any]] = [{"policy": policy}, {"policy": grown, "variants": more}]
    if "arm_features" not in policy:
        changes.append({"policy": policy, "variants": ["plain", "gift", "bundle"]})
    with DecisionEngine(open_store(location), clock=clock, learn_in_background=False) as engine:
        for first, change in enumerate(changes):
            assert engine.apply(spec(**change)).stream == 1, "what was learned is kept"
            # The removed variant may not be named any more.
            (trade if "sale" in change.get("variants", ["sale"]) else _last_trade)(engine, clock, 1000 * first, count)
        clock.advance(9.0)
        engine.catch_up()
    return clock


def _last_trade(engine: DecisionEngine, clock: Clock, first: int, count: int) -> None:
    for number in range(count // 2):
        clock.advance(0.5)
        decision = engine.decide("shop", f"unit-{first + number}", taste(number))
        engine.reward(decision.id, "buy", float(number % 3 == 0))
        engine.catch_up()


@pytest.mark.parametrize(("name", "engine"), [*((name, "sqlite") for name in POLICIES), ("hybrid", "postgres")])
def test_a_file_alone_gives_every_vector_again(
    name: str, engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    location = str(tmp_path / "data") if engine == "sqlite" else request.getfixturevalue("postgres_url")
    clock = lived(location, POLICIES[name])
    found = exported(location, tmp_path / "log.parquet", now_us=clock.now)
    seen: list[tuple[int, int]] = []
    again = recompute_log(tmp_path / "log.parquet", lambda done, of: seen.append((done, of)))
    assert again.first_difference == ""
    assert again.decisions == again.equal == again.identical == found.decisions >= 80
    assert again.resolutions == found.resolutions > 40
    assert seen[-1] == (found.decisions, found.decisions)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file that can be recomputed."""
    home = tmp_path_factory.mktemp("sound")
    # A policy whose vectors change with whatever it learns.
    clock = lived(str(home / "data"), {"name": "linear_ts", "half_life": 30.0})
    exported(str(home / "data"), home / "log.parquet", now_us=clock.now)
    assert recompute_log(home / "log.parquet").first_difference == ""
    return home / "log.parquet"


Column = list[Any]


def changed(file: Path, to: Path, name: str, change: Callable[[Column, dict[str, Column]], None]) -> RecomputedLog:
    """The same file with a column changed."""
    table = arrow_parquet.read_table(file)
    columns = {each: table.column(each).to_pylist() for each in table.schema.names}
    change(columns[name], columns)
    index = table.schema.get_field_index(name)
    column = pyarrow.array(columns[name], table.schema.field(index).type)
    assert column.to_pylist() != table.column(name).to_pylist(), "the sabotage itself must have worked"
    table = table.set_column(index, table.schema.field(index), column)
    with arrow_parquet.ParquetWriter(to, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(arrow_parquet.ParquetFile(file).metadata.metadata)
    return recompute_log(to)


def _learned(column: Column, columns: dict[str, Column]) -> None:
    """Turns what a decision earned that the policy has learned from."""
    rows = zip(columns["reward"], columns["resolution_value"], strict=True)
    at = [row for row, both in enumerate(rows) if None not in both][10]
    column[at] = 1.0 - column[at]


def _held_out(column: Column, columns: dict[str, Column]) -> None:
    at = columns["holdout"].index(True)
    column[at] = 0.5


def _last(column: Column, columns: dict[str, Column]) -> None:
    column[column.index(max(value for value in column if value is not None))] = None


def _first(column: Column, columns: dict[str, Column]) -> None:
    column[column.index(min(value for value in column if value is not None))] = None


def _earlier(column: Column, columns: dict[str, Column]) -> None:
    """Of a decision of the policy, the first one that a model has made."""
    at = next(row for row in range(30, len(column)) if column[row] > column[row - 1] and not columns["holdout"][row])
    column[at] -= 1


def _of_policy(value: Callable[[Any], Any], row: int = 9) -> Callable[[Column, dict[str, Column]], None]:
    """Changes a decision of the policy."""

    def change(column: Column, columns: dict[str, Column]) -> None:
        at = [index for index, held_out in enumerate(columns["holdout"]) if not held_out][row]
        column[at] = value(column[at])

    return change


def _shift(vector: list[float]) -> list[float]:
    return [value + more for value, more in zip(vector, (1e-6, -1e-6, 0.0, 0.0), strict=True)]


def _early(column: Column, columns: dict[str, Column]) -> None:
    """When the first three lessons were learned, which tells how they have faded."""
    for at in [row for row, value in enumerate(column) if value is not None][:3]:
        column[at] -= 5_000_000


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("reward", _learned, ", but the policy learned "),
        ("reward", _held_out, "column reward is not what was exported"),
        ("resolution_value", _learned, ", but the policy learned "),
        ("resolution_position", _first, "the logged vector differs"),
        ("resolution_position", _last, "resolutions were exported, the file holds"),
        ("resolution_time_us", _early, "the logged vector differs"),
        ("propensity", _of_policy(lambda value: value / 2), "is not the entry"),
        ("propensities", _of_policy(_shift, 25), "the logged vector differs from the recomputed one by 1e-06"),
        ("context", _of_policy(lambda value: [0.0] * 4, 25), "the logged vector differs"),
        ("unit_hash", _of_policy(lambda value: 7), "unit_hash is not that of the unit"),
        ("holdout", _of_policy(lambda value: True), "the hash of the unit says"),
        ("arm", _of_policy(lambda value: (value + 1) % 3), "the draw gives arm"),
        ("variant", _of_policy(lambda value: "else"), "is not the variant 'else'"),
        ("model_position", _earlier, "the logged vector differs"),
        ("exposed", _of_policy(lambda value: False), "column exposed is not what was exported"),
    ],
)
def test_what_was_changed_is_found(
    sound: Path, tmp_path: Path, name: str, change: Callable[[Column, dict[str, Column]], None], words: str
) -> None:
    found = changed(sound, tmp_path / "log.parquet", name, change)
    assert words in found.first_difference
    if name == "resolution_value":
        assert found.identical < found.decisions, "another lesson makes other models"


def test_a_row_that_is_gone_is_found(sound: Path, tmp_path: Path) -> None:
    table = arrow_parquet.read_table(sound)
    with arrow_parquet.ParquetWriter(tmp_path / "log.parquet", table.schema) as writer:
        writer.write_table(table.slice(0, 50))
        writer.write_table(table.slice(51))
        writer.add_key_value_metadata(arrow_parquet.ParquetFile(sound).metadata.metadata)
    assert recompute_log(tmp_path / "log.parquet").first_difference


def test_definitions_may_overlap_in_time(postgres_url: str, tmp_path: Path) -> None:
    """One process decides under the old definition with what was learned under the new one."""
    clock = Clock()
    policy = {"name": "linear_ts"}
    with (
        DecisionEngine(PostgresStore(postgres_url), clock=clock, learn_in_background=False) as one,
        DecisionEngine(PostgresStore(postgres_url), clock=clock, learn_in_background=False) as other,
    ):
        one.apply(spec(policy=policy))
        other.catch_up()
        trade(one, clock, 0, 30)
        one.apply(spec(policy={**policy, "floor": 0.1}))
        # Nothing is learned or saved under it yet: the other one would have to wait for the definition.
        for turn in range(30):
            decision = one.decide("shop", f"unit-{30 + turn}", taste(turn))
            one.reward(decision.id, "buy", float(turn % 2))
        # It has not heard of the new definition and goes on from its own model, then from the other's.
        for turn in range(20):
            decision = other.decide("shop", f"late-{turn}", taste(turn))
            other.reward(decision.id, "buy", float(turn % 2))
        other._learner._advance(other._experiments.lives["shop"], close=False)
        for turn in range(20):
            other.decide("shop", f"later-{turn}", taste(turn))
        one.catch_up()
        trade(one, clock, 60, 10)
    found = exported(postgres_url, tmp_path / "log.parquet", now_us=clock.now)
    columns = arrow_parquet.read_table(tmp_path / "log.parquet").to_pydict()
    rows = list(zip(columns["version"], columns["model_position"], columns["resolution_position"], strict=True))
    learned_later = min(learned for version, _, learned in rows if version == 2 and learned is not None)
    assert max(model for version, model, _ in rows if version == 1) >= learned_later, "the point of this test"
    again = recompute_log(tmp_path / "log.parquet")
    assert again.first_difference == ""
    assert again.identical == found.decisions


# Streams, retention, errors


def test_everything_that_happens_to_a_store_can_be_exported(tmp_path: Path) -> None:
    """Epochs, batches, merged units, exposures; and what retention took cannot be recomputed, which is said."""
    location = str(tmp_path / "data")
    live(location, days=2)
    with closing(open_log(location)) as log, log.read() as reader:
        streams = {stream.stream: stream.experiment for stream in reader.streams()}
        held = {stream: reader.decision_count(stream) for stream in streams}
        trimmed = {stream: reader.trimmed(stream).deleted > 0 for stream in streams}
        assert any(trimmed.values()) and len(streams) > 3
        for stream, experiment in streams.items():
            file = tmp_path / f"{stream}.parquet"
            found = write_export(export(reader, experiment, stream=stream), file)
            assert (found.stream, found.decisions) == (stream, held[stream])
            if trimmed[stream]:
                with pytest.raises(InvalidInput, match="cannot be recomputed: retention had deleted"):
                    recompute_log(file)
            else:
                again = recompute_log(file)
                assert (again.first_difference, again.identical) == ("", held[stream])
        newest = write_export(export(reader, "shop"), tmp_path / "newest.parquet")
        assert newest.stream == max(stream for stream, name in streams.items() if name == "shop")
        with pytest.raises(InvalidInput, match="stream 99 is none of shop: it has 1, "):
            export(reader, "shop", stream=99)
        with pytest.raises(NotFound, match="'shup' is not in this store, which has: mail, shop, short"):
            export(reader, "shup")


def test_only_an_export_is_recomputed(sound: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    parquet.write(parquet.read(sound), other)
    with pytest.raises(InvalidInput, match="has no decision_id: only what `banditcore export` wrote"):
        recompute_log(other)
    arrow_parquet.write_table(arrow_parquet.read_table(sound).replace_schema_metadata(None), other)
    with pytest.raises(InvalidInput, match="has no export: only what `banditcore export` wrote"):
        recompute_log(other)


def test_an_export_that_fails_leaves_nothing(sound: Path, tmp_path: Path) -> None:
    location = str(sound.parent / "data")
    with closing(open_log(location)) as log, log.read() as reader:

        def break_off(done: int, of: int) -> None:
            raise StoreUnavailable("the store went away")

        with pytest.raises(StoreUnavailable):
            write_export(export(reader, "shop"), tmp_path / "log.parquet", break_off)
    assert list(tmp_path.iterdir()) == []


# Models


def test_a_model_is_saved_and_loaded(sound: Path, tmp_path: Path) -> None:
    location, file = str(sound.parent / "data"), tmp_path / "model.npz"
    with closing(open_log(location)) as log, log.read() as reader:
        saved = save_model(reader, "shop", file)
    policy, facts = load_model(file)
    newest, same_facts = model_of(location, "shop")
    assert facts == same_facts == saved
    assert digest(policy.state()).hex() == facts.digest == digest(newest.state()).hex()
    assert facts.variants == ("plain", "sale", "gift", "bundle") and facts.features[0] == "taste[0]"
    with DecisionEngine(open_store(location), clock=Clock(), learn_in_background=False) as engine:
        contexts = np.random.default_rng(1).standard_normal((5, 4))
        served = engine.model("shop").propensities(contexts)
    assert np.array_equal(policy.propensities(contexts), served)


def test_a_model_that_was_changed_is_refused(sound: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.npz"
    with closing(open_log(str(sound.parent / "data"))) as log, log.read() as reader:
        save_model(reader, "shop", file)
    arrays = dict(np.load(file))
    turned = arrays["state"].copy()
    turned[len(turned) // 2] ^= 1
    other = np.array(str(arrays["says"]).replace('"digest": "', '"digest": "00'))
    for change in ({"state": turned}, {"says": other}):
        np.savez(file, **(arrays | change))
        with pytest.raises(InvalidInput, match="is no sound model of `banditcore export --model`"):
            load_model(file)
    with pytest.raises(InvalidInput, match="is no sound model"):
        load_model(sound)
    with pytest.raises(InvalidInput, match="cannot read"):
        load_model(tmp_path / "absent.npz")
