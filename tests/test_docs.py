"""The examples of the documentation, run as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest
from simulated import start

from banditcore.policies.base import registered
from banditcore.testing.policy_contract import PolicyContract

DOCS = Path(__file__).parent.parent / "docs"


def code(path: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.S))


def test_the_policy_of_ones_own_keeps_the_contract() -> None:
    names: dict[str, object] = {}
    try:
        exec(compile(code(DOCS / "policies.md"), "policies.md", "exec"), names)
        contract = type(
            "Contract", (PolicyContract,), {"policy_class": names["Softmax"], "params": {"temperature": 0.01}}
        )()
        for name in dir(contract):
            if name.startswith("test_"):
                getattr(contract, name)()
    finally:
        registered.pop("softmax", None)


def test_an_evaluation_in_python_runs_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(compile(code(DOCS / "offline.md"), "offline.md", "exec"), names)
    assert capsys.readouterr().out.startswith("green 0.") and names["best"].gain.low > 0.0
    assert names["best"].estimates[0].low < 0.2 < names["best"].estimates[0].high
    assert set(names["frame"]["target"]) == {"sale_for_some", "always:plain", "lin_ucb:alpha=0.5"}


def files(path: Path, folder: Path) -> list[str]:
    """Writes the blocks that the text calls a file into the folder; gives the others."""
    left = []
    for before, block in re.findall(r"([^\n]*)\n\n```python\n(.*?)```", path.read_text(), flags=re.S):
        name = re.search(r"`(\w+\.py)`[^`]*:$", before)
        if name:
            (folder / name[1]).write_text(block)
        else:
            left.append(block)
    return left


def test_a_world_a_policy_and_an_experiment_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = DOCS / "simulations.md"
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    try:
        for block in files(text, tmp_path):
            exec(compile(block, "simulations.md", "exec"), names)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("regret ") and len(lines) == 4
        assert float(lines[1].split()[-1]) < 0.8 * float(lines[3].split()[-1]), "it learns"
        folder = tmp_path / "weekends"
        folder.mkdir()
        for part in ("sweep.py", "analysis.py"):
            (tmp_path / part).rename(folder / part)
        ran = start("weekends", "--small", "--jobs", "1")
        told, complaint = ran.communicate()
        assert ran.returncode == 0 and "somebody learns" in told, complaint
        assert (tmp_path / "banditcore-simulations" / "weekends-small" / "report.html").exists()
    finally:
        registered.pop("settling", None)
