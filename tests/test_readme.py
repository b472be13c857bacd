"""The README's Python runs as printed, and its claims about commands hold."""

import re
from pathlib import Path

import pytest

from banditcore_server.testing import ServerProcess

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 4


@pytest.mark.parametrize("block", [block for block in BLOCKS if "7437" not in block])
def test_python_in_process(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(block, names)
    if "engine" in names:
        names["engine"].close()  # type: ignore[attr-defined]


def test_python_against_a_server(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if "7437" in block]
    with ServerProcess(tmp_path / "data", "--apply", str(ROOT / "examples" / "shop.toml")) as server:
        exec(block.replace("127.0.0.1:7437", server.target), {})


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z]+)", TEXT, re.MULTILINE))))
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:examples|proto|tests|src)/[\w./]+", TEXT))))
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path.rstrip(".")).exists()
