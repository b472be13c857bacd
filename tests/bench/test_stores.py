"""The benchmark of the stores runs, measures what it says, and tells what falls short."""

import json
from pathlib import Path

import numpy as np
import pytest

from banditcore import SqliteStore
from banditcore.assignment import DecisionIds, id_stream
from benchmarks.stores.copying import encoded, tuples
from benchmarks.stores.lag import _summary
from benchmarks.stores.report import gates, page
from benchmarks.stores.run import TOY, measured, write
from benchmarks.stores.world import Rows, request_ids


@pytest.fixture(scope="module")
def found():
    return measured(TOY)


def test_everything_is_measured_and_written(found, tmp_path: Path):
    write(found, tmp_path)
    kept = json.loads((tmp_path / "stores.json").read_text())
    for store in ("SQLite", "PostgreSQL"):
        assert all(rate > 0 for rate in kept[store]["rates"].values())
        assert all(entry["decide"]["p99_ms"] > 0 for entry in kept[store]["curve"])
        assert all(entry["bytes"] > 0 and entry["start_s"] > 0 for entry in kept[store]["curve"])
    assert [entry["size"] for entry in kept["SQLite"]["curve"]] == [200, 200, 400]
    assert len(kept["PostgreSQL"]["lag"]["engines"]) == 2
    assert "bare COPY" in kept["copy"]
    assert (tmp_path / "stores.md").read_text() == page(kept)


def test_what_falls_short_is_said(found):
    found = json.loads(json.dumps(found))
    found["SQLite"]["lag"]["engines"][0]["max_ms"] = 251.0
    found["copy"]["store, one at a time"]["of_bare"] = 0.59
    failed = [what for what, _, _, holds in gates(found) if not holds]
    assert "SQLite, longest lag on the server that took it" in failed
    assert "PostgreSQL store, one at a time, of a bare COPY" in failed
    assert "| 0.59 | **falls short** |" in page(found)


def test_lag_counts_from_the_acknowledgement_to_the_first_model_that_has_learned_it():
    # Two calls of 50 rewards and 50 resolutions each, after position 1000.
    found = _summary([1.0, 2.0], 1_000, [(0.5, 0), (1.25, 1_100), (2.0, 1_199), (2.5, 1_200)])
    assert (found["median_ms"], found["max_ms"]) == (375.0, 500.0)
    assert found["longest_without_news_ms"] == 750.0


def test_request_ids_of_a_log_are_different_and_spread_evenly():
    ids = [id for page in request_ids(1_050, 100, seed=1) for id in page]
    assert len(set(ids)) == len(ids) == 1_050 and ids == sorted(ids)
    assert {len(id) for id in ids} == {32}
    # a tenth of the key space holds 105 of them; pages of it hold 100 or 150
    counts = np.histogram([int(id[:8], 16) / 2**32 for id in ids], bins=10, range=(0, 1))[0]
    assert counts.min() >= 90 and counts.max() <= 155


def test_bytes_made_beforehand_are_the_rows(tmp_path):
    """Read back by hand: field counts and lengths lead from the header to the end mark."""
    store = SqliteStore(tmp_path)
    rows = Rows(7, DecisionIds(store.secret), arms=3, features=2).decisions(2, now_us=10**15)
    store.close()
    data = encoded(tuples(rows, first=5))
    place, seen = 19, []
    while (fields := int.from_bytes(data[place : place + 2], "big", signed=True)) != -1:
        place += 2
        values = []
        for _ in range(fields):
            size = int.from_bytes(data[place : place + 4], "big", signed=True)
            values.append(None if size < 0 else data[place + 4 : place + 4 + size])
            place += 4 + max(size, 0)
        seen.append(values)
    assert place + 2 == len(data)
    assert [int.from_bytes(row[2], "big") for row in seen] == [5, 6]
    assert [id_stream(row[1]) for row in seen] == [7, 7]
    assert [row[4] for row in seen] == [b"customer-0", b"customer-1"]
    assert [row[12] for row in seen] == [None, None]
