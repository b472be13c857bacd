"""One file a library. Each declares

REQUIRES: pins to install, readable without importing the file;
PEERS: its `Peer` classes, in the order of the table;
REPLAYS: its `Replayer` classes, where it can evaluate a policy that learns on a log;
SIMULATIONS: its `Simulation` classes, where it can play a policy in a world of its own.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the installer reads the pins before there is a NumPy to import
    from benchmarks.peers.peer import Peer
    from benchmarks.peers.replayer import Replayer
    from benchmarks.peers.simulation import Simulation

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def pins_of(module: str) -> list[str]:
    """REQUIRES of a file whose library may not be installed yet."""
    for node in ast.parse(Path(__file__).with_name(f"{module}.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REQUIRES":
            return list(ast.literal_eval(node.value))
    raise ValueError(f"{module}.py declares no REQUIRES")


def peers_of(module: str) -> tuple[type[Peer], ...]:
    peers: tuple[type[Peer], ...] = getattr(import_module(f"{__name__}.{module}"), "PEERS", ())
    return peers


def replays_of(module: str) -> tuple[type[Replayer], ...]:
    found: tuple[type[Replayer], ...] = getattr(import_module(f"{__name__}.{module}"), "REPLAYS", ())
    return found


def simulations_of(module: str) -> tuple[type[Simulation], ...]:
    found: tuple[type[Simulation], ...] = getattr(import_module(f"{__name__}.{module}"), "SIMULATIONS", ())
    return found
