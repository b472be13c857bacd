"""The examples of the documentation, run as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest

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
