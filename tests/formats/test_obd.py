"""The form of the Open Bandit Dataset, on rows of our own; the real ones are in tests/oracles."""

from pathlib import Path

import numpy as np
import pytest
from logs import obd_text

from banditcore.errors import InvalidInput
from banditcore.formats import read_log
from banditcore.formats.obd import MOST_VALUES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "men"
    folder.mkdir()
    (folder / "men.csv").write_text(obd_text())
    return folder / "men.csv"


def test_a_campaign(path: Path) -> None:
    log = read_log(path)
    rows = log.load()
    assert log.variants == ("0", "1", "2") and log.rows == 6 and log.source == str(path)
    assert log.features == tuple(
        [f"position={place}" for place in (1, 2, 3)]
        + ["user_feature_0=af", "user_feature_0=bf"]
        + [f"user_feature_1={letter}f" for letter in "xyz"]
    )
    assert rows.contexts.tolist() == [
        [float(place == row % 3) for place in range(3)]
        + [float(row % 2 == 0), float(row % 2 == 1)]
        + [float(letter == row % 3) for letter in range(3)]
        for row in range(6)
    ]
    assert rows.arms.tolist() == [0, 1, 2, 0, 1, 2] and rows.rewards.tolist() == [0, 1] * 3
    assert rows.columns["position"].tolist() == [1, 2, 3] * 2 and rows.units is None
    assert (rows.propensity == 1 / 3).all() and rows.propensities is None
    assert rows.times is not None and rows.times[:2].tolist() == [1574553600.25, 1574553601.25]


def test_the_items_beside_say_how_many_there_are(path: Path) -> None:
    path.with_name("item_context.csv").write_text(",item_id,item_feature_0\n0,0,0.5\n1,9,0.5\n")
    assert read_log(path).n_arms == 10
    assert read_log(path, n_arms="12").n_arms == 12
    path.with_name("item_context.csv").write_text(",item,item_feature_0\n0,0,0.5\n")
    with pytest.raises(InvalidInput, match=r"item_context\.csv, row 1: no column item_id"):
        read_log(path)


def test_a_directory_is_its_campaign(path: Path) -> None:
    path.with_name("item_context.csv").write_text(",item_id\n0,2\n")
    assert read_log(path.parent).source == str(path)
    with pytest.raises(InvalidInput, match=r"name one, such as .*; it holds men"):
        read_log(path.parent.parent)


def test_hashed_features_are_the_same_for_every_file(path: Path) -> None:
    whole = read_log(path, dims=16).load()
    lines = obd_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[4:]]))
    assert (read_log(path, dims=16).load().contexts == whole.contexts[3:]).all()
    assert read_log(path).load().contexts.shape[1] == 8
    assert (np.abs(whole.contexts).sum(axis=1) > 0).all() and len(np.unique(whole.contexts, axis=0)) == 6


def test_affinities_are_appended_where_they_are_asked_for(path: Path) -> None:
    log = read_log(path, affinities=True)
    assert log.features[-1] == "user-item_affinity_0" and (log.load().contexts[:, -1] == 0.5).all()


def test_a_feature_that_is_an_id_belongs_hashed(path: Path) -> None:
    head, *rest = obd_text(3 * MOST_VALUES + 3).splitlines()
    path.write_text("\n".join([head, *(line.replace("xf", str(at)) for at, line in enumerate(rest))]))
    with pytest.raises(InvalidInput, match="user_feature_1 has more than 1,000 values: hash them with dims=64"):
        read_log(path)
    assert read_log(path, dims=64).load().contexts.shape == (3 * MOST_VALUES + 3, 64)


def test_pages_hold_no_more_than_memory_may(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditcore.formats.tables.PAGE", 4)
    assert [len(rows) for rows in read_log(path).pages()] == [4, 2]
