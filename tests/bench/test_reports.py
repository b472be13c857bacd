"""The benchmark of reports runs and writes what it measured."""

import json
from pathlib import Path

from benchmarks.reports.run import main, page


def test_it_measures_and_writes(tmp_path: Path) -> None:
    assert main(["--units", "3000", "--rounds", "1", "--calls", "50", "--out", str(tmp_path)]) == 0
    kept = json.loads((tmp_path / "reports.json").read_text())
    assert kept["units"] == 3000 and kept["decisions"] >= 3000
    assert set(kept["decide"]) == {"nobody", "report", "page"} and kept["decide"]["nobody"]["p99_ratio"] == 1.0
    assert (tmp_path / "reports.md").read_text() == page(kept)
