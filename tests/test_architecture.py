"""The arrows of the design: a module imports from its own layer or from layers below it, never upwards."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    "banditcore": ROOT / "src",
    "banditcore_server": ROOT / "server",
    "banditcore_simulations": ROOT / "simulations",
}

# Lowest first; several names in one row may import one another.
LAYERS = [
    [
        "banditcore.errors",
        "banditcore.config",
        "banditcore.types",
        "banditcore.findings",
        "banditcore.planning",
        "banditcore.validation",
        "banditcore.futures",
        "banditcore.offline",
        "banditcore.identities",
        "banditcore.evaluated",
    ],
    ["banditcore.kernels"],
    ["banditcore.checks"],
    ["banditcore.bandit_log"],
    ["banditcore.posteriors"],
    ["banditcore.policies", "banditcore.estimators"],
    ["banditcore.assignment", "banditcore.context"],
    # The contract of a store is what the engine sees of storage; what keeps it comes above.
    ["banditcore.storage.base", "banditcore.storage.tallied"],
    ["banditcore.clock"],
    ["banditcore.experiments", "banditcore.ledger", "banditcore.learner", "banditcore.merging"],
    [
        "banditcore.deciding",
        "banditcore.asking",
        "banditcore.importing",
        "banditcore.recompute",
        "banditcore.explain",
        "banditcore.audit",
        "banditcore.course",
        "banditcore.traits",
        "banditcore.tally",
        "banditcore.valuing",
        "banditcore.reporting",
        "banditcore.health",
        "banditcore.retention",
    ],
    ["banditcore.inforce", "banditcore.analyst"],
    ["banditcore.engine", "banditcore.declaring"],
    ["banditcore.storage", "banditcore.testing"],
    [
        "banditcore.formats",
        "banditcore.parallel",
        "banditcore.exporting",
        "banditcore.exported",
        "banditcore.pages",
    ],
    ["banditcore.evaluation"],
    ["banditcore", "banditcore.v1"],
    ["banditcore.client"],
    ["banditcore.commands", "banditcore.cli"],
    ["banditcore_server.status", "banditcore_server.convert", "banditcore_server.convert_report"],
    ["banditcore_server", "banditcore_simulations"],
]
WIRE = (
    "banditcore_server.convert",
    "banditcore_server.service",
    "banditcore_server.grpc_frontend",
    "banditcore.client",
)


def modules() -> dict[str, Path]:
    found = {}
    for package, root in SOURCES.items():
        for path in (root / package).rglob("*.py"):
            parts = list(path.relative_to(root).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in SOURCES}


def layer(name: str) -> int:
    """Index of the most specific entry that covers the name."""
    covering = [
        (len(entry), index)
        for index, entries in enumerate(LAYERS)
        for entry in entries
        if name == entry or name.startswith(entry + ".")
    ]
    return max(covering)[1]


def home(name: str, known: dict[str, Path]) -> str:
    """The module that an imported name lives in."""
    while name not in known and "." in name:
        name = name.rpartition(".")[0]
    return name


MODULES = modules()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if not name.startswith("banditcore.v1")))
def test_imports_point_downwards(name: str) -> None:
    upward = [target for target in imports(MODULES[name]) if layer(home(target, MODULES)) > layer(name)]
    assert not upward, f"{name} imports upwards: {upward}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_kernels_import_nothing_of_ours(name: str) -> None:
    if name.startswith("banditcore.kernels"):
        assert all(target.startswith("banditcore.kernels") for target in imports(MODULES[name]))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_wire_stops_at_the_converters(name: str) -> None:
    uses_wire = any(target.startswith("banditcore.v1") for target in imports(MODULES[name]))
    assert not uses_wire or name.startswith(("banditcore.v1", *WIRE))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_the_front_end_and_the_client_know_the_transport(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    knows = any(module.split(".")[0] in ("grpc", "grpc_health", "grpc_reflection") for module in names)
    allowed = (
        "banditcore.v1",
        "banditcore.client",
        "banditcore_server.grpc_frontend",
        "banditcore_server.status",
        "banditcore_server.app",
    )
    assert not knows or name.startswith(allowed)


def test_an_upward_import_would_be_found(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text("from banditcore.engine import DecisionEngine\n")
    assert any(layer(home(target, MODULES)) > layer("banditcore.kernels") for target in imports(sample))
