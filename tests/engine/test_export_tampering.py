"""An exported file that somebody has changed: what is found, by which check, and what is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from exports import exported
from pyarrow import parquet as arrow_parquet
from shop import Clock, spec, taste

from banditcore import DecisionEngine
from banditcore.bandit_log import hash_units
from banditcore.errors import InvalidInput
from banditcore.exported import recompute_log
from banditcore.exporting import schema
from banditcore.formats.digests import Sums, of_texts
from banditcore.storage.opening import open_store

Columns = dict[str, list[Any]]
Says = dict[str, Any]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file that can be recomputed."""
    home, clock = tmp_path_factory.mktemp("tampering"), Clock()
    with DecisionEngine(open_store(str(home / "data")), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec(policy={"name": "linear_ts"}))
        for number in range(60):
            clock.advance(0.5)
            eligible = ["plain", "sale"] if number % 7 == 0 else []
            decision = engine.decide("shop", f"unit-{number}", taste(number), eligible=eligible)
            engine.reward(decision.id, "buy", float(number % 3 == 0))
            engine.catch_up()
        clock.advance(9.0)
        engine.catch_up()
    exported(str(home / "data"), home / "log.parquet", now_us=clock.now)
    return home / "log.parquet"


def opened(file: Path) -> tuple[Columns, Says]:
    columns = arrow_parquet.read_table(file).to_pydict()
    known = arrow_parquet.ParquetFile(file).metadata.metadata
    return columns, {key.decode(): json.loads(value) for key, value in known.items() if key.startswith(b"banditcore.")}


def written(to: Path, columns: Columns, says: Says, digests: bool = False) -> Path:
    """digests: anew, as somebody writes them who knows how."""
    kinds = schema()
    table = pyarrow.table({name: pyarrow.array(columns[name], kinds.field(name).type) for name in kinds.names}, kinds)
    texts = {key: json.dumps(value, ensure_ascii=False) for key, value in says.items()}
    if digests:
        sums = Sums(kinds)
        sums.add({name: table.column(name).combine_chunks() for name in kinds.names})
        own = of_texts({key: text for key, text in texts.items() if key != "banditcore.sums"})
        texts["banditcore.sums"] = json.dumps(sums.told() | own)
    with arrow_parquet.ParquetWriter(to, kinds) as writer:
        writer.write_table(table, row_group_size=17)
        writer.add_key_value_metadata(texts)
    return to


def found(file: Path, to: Path, change: Callable[[Columns, Says], None], digests: bool = False) -> str:
    columns, says = opened(file)
    change(columns, says)
    assert (columns, says) != opened(file), "the sabotage itself must have worked"
    return recompute_log(written(to, columns, says, digests)).first_difference


def holdout(columns: Columns) -> int:
    return columns["holdout"].index(True)


def _one_unit(columns: Columns, says: Says) -> None:
    """All decisions of the policy are one customer's, who is in the same group."""
    policy = [row for row, held_out in enumerate(columns["holdout"]) if not held_out]
    for row in policy:
        columns["unit"][row] = columns["unit"][policy[0]]
    columns["unit_hash"] = hash_units(np.array(columns["unit"], dtype=object)).tolist()


def _experiment(columns: Columns, says: Says) -> None:
    columns["experiment"] = ["other"] * len(columns["experiment"])


def _context_of_holdout(columns: Columns, says: Says) -> None:
    columns["context"][holdout(columns)] = [9.0] * 4


def _eligible_of_holdout(columns: Columns, says: Says) -> None:
    columns["eligible"][holdout(columns)] = [True, False, False]


def _time(columns: Columns, says: Says) -> None:
    columns["time_us"][5] += 1


def _no_reward(columns: Columns, says: Says) -> None:
    columns["reward"][5] = None


def _negative_zero(columns: Columns, says: Says) -> None:
    columns["reward"] = [-0.0 if value == 0.0 else value for value in columns["reward"]]
    # Equal to what it was for Python, not for what reads the bits.
    says["banditcore.note"] = ""


def _said(name: str, value: Any) -> Callable[[Columns, Says], None]:
    def change(columns: Columns, says: Says) -> None:
        says[f"banditcore.{name}"] = value

    return change


def _goal(columns: Columns, says: Says) -> None:
    says["banditcore.export"]["goal"] = "spend"


DEFINED = "is not as the newest definition has it"
DIGEST = "is not what was exported: its digest differs"


@pytest.mark.parametrize(
    ("change", "words", "without_digest"),
    [
        (_one_unit, f"column unit {DIGEST}", ""),
        (_experiment, "experiment 'other' is not that of the definitions", "experiment 'other' is not that"),
        (_context_of_holdout, f"column context {DIGEST}", ""),
        (_eligible_of_holdout, f"column eligible {DIGEST}", ""),
        (_time, f"column time_us {DIGEST}", ""),
        (_no_reward, f"column reward {DIGEST}", ""),
        (_negative_zero, f"column reward {DIGEST}", ""),
        (_goal, f"metadata banditcore.export {DIGEST}", ""),
        (_said("features", ["a", "b", "c", "d"]), f"metadata banditcore.features {DEFINED}", DEFINED),
        (_said("learned", "spend"), f"metadata banditcore.learned {DEFINED}", DEFINED),
        (_said("context_shape", [2, 2]), f"metadata banditcore.context_shape {DEFINED}", DEFINED),
        (_said("variants", ["plain", "gift", "sale"]), "is not the variant", "is not the variant"),
        (_said("note", "mine"), f"metadata banditcore.note {DIGEST}", ""),
    ],
)
def test_a_change_is_found_and_by_its_digest_alone_only_where_that_is_not_made_anew(
    sound: Path, tmp_path: Path, change: Callable[[Columns, Says], None], words: str, without_digest: str
) -> None:
    assert words in found(sound, tmp_path / "log.parquet", change)
    again = found(sound, tmp_path / "log.parquet", change, digests=True)
    assert without_digest in again and bool(again) == bool(without_digest), "a digest is no signature"


def test_what_is_written_again_unchanged_is_the_same(sound: Path, tmp_path: Path) -> None:
    for digests in (False, True):
        again = recompute_log(written(tmp_path / "log.parquet", *opened(sound), digests))
        assert (again.first_difference, again.identical) == ("", 60)


def test_a_row_that_is_there_twice_is_found(sound: Path, tmp_path: Path) -> None:
    def twice(columns: Columns, says: Says) -> None:
        for cells in columns.values():
            cells.append(cells[-1])

    assert "60 decisions were exported, the file holds 61" in found(sound, tmp_path / "log.parquet", twice)


def test_a_file_without_digests_is_refused_and_other_ones_are_found(sound: Path, tmp_path: Path) -> None:
    columns, says = opened(sound)
    nothing = written(tmp_path / "log.parquet", columns, {**says, "banditcore.sums": {}})
    assert f"column decision_id {DIGEST}" in recompute_log(nothing).first_difference
    known = {key: value for key, value in says.items() if key != "banditcore.sums"}
    with pytest.raises(InvalidInput, match="has no sums: only what `banditcore export` wrote"):
        recompute_log(written(tmp_path / "log.parquet", columns, known))
    with pytest.raises(InvalidInput, match=r"its metadata banditcore\.sums is damaged: export it anew"):
        recompute_log(written(tmp_path / "log.parquet", columns, {**says, "banditcore.sums": []}))
    with pytest.raises(InvalidInput, match=r"its metadata banditcore\.export is damaged: export it anew"):
        recompute_log(written(tmp_path / "log.parquet", columns, {**says, "banditcore.export": "all"}))
