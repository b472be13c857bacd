"""The examples of the documentation, run as they stand."""

import re
from pathlib import Path

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
