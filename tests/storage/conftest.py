"""Stores that have something in them."""

import shutil
from pathlib import Path

import pytest
from lived import live

from banditcore.storage.copying import copy
from banditcore.storage.opening import open_log, sole_writer


@pytest.fixture(scope="session")
def lived_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a full life behind it; not to be changed."""
    directory = tmp_path_factory.mktemp("lived") / "data"
    live(directory)
    return directory


@pytest.fixture
def lived(lived_once: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(lived_once, tmp_path / "lived"))


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store of each engine may be."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return str(tmp_path / "empty")


@pytest.fixture
def full(lived_once: Path, empty: str) -> str:
    """A store of each engine with a full life behind it."""
    log = open_log(lived_once)
    with log.read() as source, sole_writer(empty) as target:
        copy(source, target)
    log.close()
    return empty
