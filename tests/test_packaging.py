"""What pyproject.toml promises about dependencies is what is tested."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_lowest_versions_tested_are_the_lowest_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # A constraint has no extras: those of psycopg are a distribution of their own.
    (psycopg,) = project["optional-dependencies"]["postgres"]
    allowed = [*project["dependencies"], *(psycopg.replace("[binary]", part) for part in ("", "-binary"))]
    allowed += {
        each
        for extra in ("dashboard", "dask", "gymnasium", "offline")
        for each in project["optional-dependencies"][extra]
    }
    tested = [line for line in (ROOT / "tests" / "lowest.txt").read_text().splitlines() if not line.startswith("#")]
    assert sorted(line.replace("==", ">=") for line in tested) == sorted(allowed)
